import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { afterAll, beforeAll, expect, test } from 'vitest';

import { PHASES, PRODUCT_VERSIONS, VcenterLoad, vcenterLoad } from '../../bench/kmip/vcenter-client.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { selfSigned } from '../../core/pki/index.js';
import type { RequestPayload } from '../../wire/kmip/index.js';
import { decodeRequest } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

const CREDENTIAL = { username: 'vcenter', password: 'S3cret!' };
/** Discover Versions in KMIP 1.1 with an empty payload and without a batch item id. */
const GREETING =
  '4200780100000060' +
  '42007701000000384200690100000020' +
  '42006a0200000004000000010000000042006b02000000040000000100000000' +
  '42000d02000000040000000100000000' +
  '42000f010000001842005c05000000040000001e000000004200790100000000';

let pki: TestPki;
let kms: TestKms;
let vcenter: KeyAndCertificate;
beforeAll(async () => {
  pki = await makePki();
  vcenter = await selfSigned({ commonName: 'kmipClient20260101' });
  kms = await startKms(pki, {
    clients: [{ certificatePem: vcenter.certificatePem, owner: 'lab' }],
    credentials: [CREDENTIAL],
  });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

/** Bytes of one connection, message by message, and its TLS version. */
interface Recorded {
  readonly protocol: string | null;
  readonly messages: string[];
}

/** Stands between vCenter and the key server and keeps what vCenter sends. */
async function recorder(): Promise<
  AsyncDisposable & { readonly port: number; readonly connections: Recorded[] }
> {
  const connections: Recorded[] = [];
  const { certificatePem: cert, privateKeyPem: key } = pki.server;
  const sockets = new Set<TLSSocket>();
  const server = createServer({ cert, key }, (near) => {
    const recorded: Recorded = { protocol: near.getProtocol(), messages: [] };
    connections.push(recorded);
    const far = connect({
      host: '127.0.0.1',
      port: kms.port,
      ca: pki.authority.caPem,
      cert: vcenter.certificatePem,
      key: vcenter.privateKeyPem,
    });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => other.destroy());
    }
    near.on('data', (bytes: Buffer) => {
      recorded.messages.push(bytes.toString('hex'));
      far.write(bytes);
    });
    far.on('data', (bytes: Buffer) => near.write(bytes));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    connections,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await once(server.close(), 'close');
    },
  };
}

const tls = () => ({ ...vcenter, caPem: pki.authority.caPem });
const optionsFor = (port: number) => ({
  server: { host: '127.0.0.1', port },
  tls: tls(),
  credential: CREDENTIAL,
});

/** A text of the wire in hex. */
const hex = (text: string): string => Buffer.from(text).toString('hex');

test.each(Object.entries(PRODUCT_VERSIONS))(
  'the phases of vCenter %s go over the wire as captured',
  async (_version, productVersion) => {
    await using wire = await recorder();
    const load = new VcenterLoad({ ...optionsFor(wire.port), productVersion });
    const owner = { identifier: 'a-uuid', component: 'Virtual Machine', name: 'vm-1' } as const;
    const trust = await load.check('establish trust');
    const health = await load.check('health');
    const { outcomes, uniqueIdentifier } = await load.makeKey(owner);
    await load.close();

    const all = [trust, health, ...outcomes];
    expect(all.map(({ phase, failure }) => [phase, failure])).toEqual(
      Object.keys(PHASES).map((phase) => [phase, undefined]),
    );
    expect(all.map(({ connections, requests }) => [connections, requests])).toEqual([
      [4, 6],
      [2, 2],
      [1, 2],
      [1, 5],
      [1, 4],
      [1, 5],
    ]);
    expect(new Set(wire.connections.map(({ protocol }) => protocol))).toEqual(new Set(['TLSv1.2']));
    const spoken = wire.connections.map(({ messages }) => messages).filter(({ length }) => length > 0);
    expect(wire.connections).toHaveLength(10);
    expect(spoken).toHaveLength(7);

    let id = 0;
    for (const [greeting, ...messages] of spoken) {
      expect(greeting).toBe(GREETING);
      for (const message of messages) {
        const { header, batchItems } = decodeRequest(Buffer.from(message, 'hex'));
        expect(header).toMatchObject({ protocolVersion: { major: 1, minor: 1 } });
        const fields = Object.keys(header).filter((field) => field !== 'authentication');
        expect(fields.sort()).toEqual(['batchCount', 'protocolVersion']);
        for (const item of batchItems) {
          expect(item.uniqueBatchItemId?.toString('hex')).toBe(
            `514c4b43${id.toString(16).padStart(2, '0')}000000`,
          );
          id += 1;
          expect(header.authentication !== undefined).toBe(
            ['Create', 'Get', 'GetAttributes', 'Activate'].includes(item.operation as string),
          );
        }
      }
    }

    const operations = spoken.map((messages) =>
      messages.map((message) =>
        decodeRequest(Buffer.from(message, 'hex')).batchItems.map(({ operation }) => operation),
      ),
    );
    const [greet, look] = [['DiscoverVersions'], ['GetAttributes']];
    const tag = [greet, look, look, look, ['AddAttribute', 'AddAttribute', 'AddAttribute']];
    expect(operations).toEqual([
      [greet, greet, ['Query']],
      [greet, greet, ['Query']],
      [greet, greet],
      [greet, ['Create']],
      tag,
      [greet, ['Get'], look, ['Activate']],
      tag,
    ]);

    const [, create = ''] = spoken[3] ?? [];
    const order = ['Cryptographic Algorithm', 'Cryptographic Usage Mask', 'Cryptographic Length'];
    const places = order.map((name) => create.indexOf(hex(name)));
    expect(places).not.toContain(-1);
    expect(places).toEqual([...places].sort((left, right) => left - right));
    // Mask 12 and 256 bits, as Integers.
    expect(create).toContain('42000b02000000040000000c00000000');
    expect(create).toContain('42000b02000000040000010000000000');
    expect(create).toContain(hex(CREDENTIAL.username));

    const tagsOf = (messages: readonly string[] = []) =>
      decodeRequest(Buffer.from(messages.at(-1) ?? '', 'hex')).batchItems.map(({ requestPayload }) => {
        const { attribute } = requestPayload as RequestPayload<'AddAttribute'>;
        return [attribute!.name, (attribute!.value as { value: string }).value];
      });
    expect(tagsOf(spoken[4])).toEqual([
      ['x-Product_Version', productVersion],
      ['x-Vendor', 'VMware, Inc.'],
      ['x-Product', 'VMware vSphere'],
    ]);
    expect(tagsOf(spoken[6])).toEqual([
      ['x-Identifier', owner.identifier],
      ['x-Component', owner.component],
      ['x-Name', owner.name],
    ]);
    const seen = await kms
      .client({}, vcenter)
      .getAttributes(uniqueIdentifier, ['x-Product_Version', 'x-Name', 'State']);
    expect(seen.map(({ value }) => value)).toEqual([
      { type: 'TextString', value: productVersion },
      { type: 'TextString', value: 'vm-1' },
      'Active',
    ]);
  },
);

test('encrypting the first VM makes two keys over eight connections', async () => {
  const result = await vcenterLoad({ ...optionsFor(kms.port), vms: 1 });
  expect(result).toMatchObject({ failures: {}, tolerated: 0 });
  expect(result.keys).toHaveLength(2);
  // Trust and health take six more.
  expect(result.connections).toBe(6 + 8);
});

test('many VMs on several hosts are encrypted in parallel', async () => {
  const result = await vcenterLoad({ ...optionsFor(kms.port), vms: 12, hosts: 3, parallel: 6 });
  expect(result.failures).toEqual({});
  expect(new Set(result.keys).size).toBe(15);
  expect(result).toMatchObject({ connections: 6 + 15 * 4, requests: 8 + 15 * 16 });
});

test('a failed Add Attribute is tolerated, a failed Get Attributes is not', async () => {
  const added = kms.context.faults.add({
    operation: 'AddAttribute',
    action: { kind: 'error', reason: 'GeneralFailure' },
  });
  const tolerated = await vcenterLoad({ ...optionsFor(kms.port), vms: 1 });
  kms.context.faults.remove(added.id);
  // The server stops a batch at its first failure: one for each of two tagging phases of two keys.
  expect(tolerated).toMatchObject({ failures: {}, tolerated: 4 });
  expect(tolerated.keys).toHaveLength(2);

  const read = kms.context.faults.add({
    operation: 'GetAttributes',
    action: { kind: 'error', reason: 'PermissionDenied' },
  });
  const refused = await vcenterLoad({ ...optionsFor(kms.port), vms: 1 });
  kms.context.faults.remove(read.id);
  expect(refused.keys).toEqual([]);
  expect(Object.entries(refused.failures)).toEqual([
    [expect.stringMatching(/^tag product: PermissionDenied: /), 2],
  ]);
});
