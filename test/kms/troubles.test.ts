import { once } from 'node:events';
import { rename } from 'node:fs/promises';
import { connect as connectTcp, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

import { beforeAll, describe, expect, test, vi } from 'vitest';

import { startAdmin } from '../../core/admin.js';
import { DatabaseFile } from '../../core/store/database-file.js';
import { requestBytes } from '../../kms/client/session.js';
import { reasonIn } from '../../kms/refusals.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import { KmipError, attributeOf, enumerationExistsIn, rankOf } from '../../wire/kmip/index.js';
import type { ResultReasonName } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';

let pki: TestPki;
let expiredCertificatePem: string;
beforeAll(async () => {
  pki = await makePki();
  expiredCertificatePem = pki.authority.expiredTwin(pki.server.certificatePem);
});

const start = (): Promise<TestKms> =>
  startKms(pki, {
    tls: {
      certificatePem: pki.server.certificatePem,
      privateKeyPem: pki.server.privateKeyPem,
      expiredCertificatePem,
    },
  });

describe('a node that is down', () => {
  test('refuses connections and cuts those there are, until the fault is taken back', async () => {
    await using kms = await start();
    await using idle = await RawClient.open(pki, kms.port);
    const cut = closed(idle);
    const client = kms.client();
    const id = await client.create();
    const fault = kms.context.faults.add({ service: 'kms-1', action: { kind: 'down', how: 'refuse' } });
    await cut;
    await expect(kms.client().get(id)).rejects.toThrow(/ECONNREFUSED/);
    kms.context.faults.remove(fault.id);
    await expect.poll(() => client.get(id).catch(() => undefined)).toBeDefined();
  });

  test('resets connections', async () => {
    await using kms = await start();
    await using idle = await RawClient.open(pki, kms.port);
    const cut = closed(idle);
    kms.context.faults.add({ action: { kind: 'down', how: 'reset' } });
    await cut;
    await expect(kms.client().create()).rejects.toThrow(/ECONNRESET/);
    kms.context.faults.clear();
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
  });

  test('is silent', async () => {
    await using kms = await start();
    const client = kms.client({ timeoutMs: 150 });
    const id = await client.create();
    kms.context.faults.add({ action: { kind: 'down', how: 'silent' } });
    await expect(client.get(id)).rejects.toThrow(/did not answer/);
    kms.context.faults.clear();
    await expect(kms.client().get(id)).resolves.toBeDefined();
  });

  test('is another one: faults of a service strike no other', async () => {
    await using kms = await start();
    kms.context.faults.know('kms-2', { wholes: ['down'] });
    kms.context.faults.add({ service: 'kms-2', action: { kind: 'down' } });
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
  });
});

test('a node that lags behind knows neither new objects nor changes of old ones until the lag is over', async () => {
  await using kms = await start();
  const client = kms.client();
  const old = await client.create();
  await client.get(old);
  kms.context.faults.add({ service: 'kms-1', action: { kind: 'lag', lagMs: 60_000 } });
  const named = [attributeOf('Name', { value: 'late', type: 'UninterpretedTextString' })];
  const late = await client.create({ name: 'late' });
  await client.activate(old);
  const state = async (): Promise<unknown> => (await client.getAttributes(old, ['State']))[0]?.value;
  const seesOldForms = async (): Promise<void> => {
    await expect(client.getAttributes(late)).rejects.toMatchObject({ reason: 'ItemNotFound' });
    expect(await client.locate(named)).toEqual([]);
    expect(await state()).toBe('PreActive');
    await expect(client.get(old)).resolves.toBeDefined();
  };
  await seesOldForms();
  // A change cannot be built on a form that is no longer the last one.
  await expect(client.addAttribute(old, { name: 'x-a', value: 'b' })).rejects.toMatchObject({
    reason: 'GeneralFailure',
  });
  kms.clock.advance(59_000);
  await seesOldForms();
  // What is seen now is at most what there was when the clock was last looked at, 59 s ago and later.
  kms.clock.advance(61_000);
  expect(await client.locate(named)).toEqual([late]);
  expect(await state()).toBe('Active');
  const latest = await client.create();
  await expect(client.getAttributes(latest)).rejects.toMatchObject({ reason: 'ItemNotFound' });
  kms.context.faults.clear();
  await expect(client.get(latest)).resolves.toBeDefined();
});

describe('a server certificate that has expired', () => {
  test('is made when it is first asked for, if none is given', async () => {
    let made = 0;
    const make = (): string => {
      made += 1;
      return expiredCertificatePem;
    };
    await using kms = await startKms(pki, {}, {}, make);
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
    expect(made).toBe(0);
    kms.context.faults.add({ count: 2, action: { kind: 'expiredCertificate' } });
    await expect(kms.client().create()).rejects.toThrow(/expired/);
    await expect(kms.client().create()).rejects.toThrow(/expired/);
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
    expect(made).toBe(1);
  });

  test('that cannot be made leaves the server as it is', async () => {
    await using kms = await startKms(pki, {}, {}, () => {
      throw new Error('no key');
    });
    kms.context.faults.add({ count: 1, action: { kind: 'expiredCertificate' } });
    await expect(kms.client().create()).rejects.toThrow(/ECONNRESET/);
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
  });

  test('is presented to as many connections as asked for', async () => {
    await using kms = await start();
    kms.context.faults.add({ service: 'kms-1', count: 2, action: { kind: 'expiredCertificate' } });
    await expect(kms.client().create()).rejects.toThrow(/expired/);
    await expect(kms.client().create()).rejects.toThrow(/expired/);
    await expect(kms.client().create()).resolves.toBeTypeOf('string');
  });

  test('is presented until the fault is taken back; connections that are open stay', async () => {
    await using kms = await start();
    const client = kms.client({ poolSize: 1 });
    const id = await client.create();
    kms.context.faults.add({ action: { kind: 'expiredCertificate' } });
    for (let attempt = 0; attempt < 3; attempt += 1)
      await expect(kms.client().get(id)).rejects.toThrow(/expired/);
    await expect(client.get(id)).resolves.toBeDefined();
    kms.context.faults.clear();
    await expect(kms.client().get(id)).resolves.toBeDefined();
  });
});

test('a server that hangs up ends the connection without the end of TLS', async () => {
  await using kms = await start();
  const types = async (fault: boolean): Promise<number[]> => {
    const { port, records, close } = await recordTypes(kms.port);
    // In TLS 1.2 the type of a record can be read from outside: 23 data, 21 alert.
    const client = await RawClient.open(pki, port, { maxVersion: 'TLSv1.2' });
    const before = records().length;
    if (fault) kms.context.faults.add({ count: 1, action: { kind: 'hangUp' } });
    await client.exchange(
      requestBytes({ protocolVersion: '1.4' }, [{ operation: 'DiscoverVersions', payload: {} }]),
    );
    client.socket.end();
    await client.closed();
    close();
    return records().slice(before);
  };
  expect(await types(false)).toContain(21);
  expect(await types(true)).not.toContain(21);
  await expect(kms.client().create()).resolves.toBeTypeOf('string');
});

describe('wrong key material', () => {
  const bytes = Buffer.from('0123456789abcdef0123456789abcdef');
  const certificate = () => Buffer.from(pki.east.certificatePem.split('-----')[2]!, 'base64');
  const key = { cryptographicAlgorithm: 'AES', cryptographicLength: 256 } as const;
  const wrapping = {
    wrappingMethod: 'Encrypt',
    encryptionKeyInformation: { uniqueIdentifier: 'elsewhere' },
  } as const;

  test.each([
    [
      'a raw key',
      {
        objectType: 'SymmetricKey',
        keyBlock: { ...key, keyFormatType: 'Raw', keyValue: { keyMaterial: bytes } },
      },
    ],
    [
      'a transparent key',
      {
        objectType: 'SymmetricKey',
        keyBlock: {
          ...key,
          keyFormatType: 'TransparentSymmetricKey',
          keyValue: { keyMaterial: { key: bytes } },
        },
      },
    ],
    [
      'a wrapped key',
      {
        objectType: 'SymmetricKey',
        keyBlock: { ...key, keyFormatType: 'Raw', keyValue: bytes, keyWrappingData: wrapping },
      },
    ],
    [
      'secret data',
      {
        objectType: 'SecretData',
        secretDataType: 'Password',
        keyBlock: { keyFormatType: 'Opaque', keyValue: { keyMaterial: bytes } },
      },
    ],
    ['an opaque object', { objectType: 'OpaqueObject', opaqueDataType: 0x80000001, opaqueDataValue: bytes }],
    [
      'a certificate',
      { objectType: 'Certificate', certificateType: 'X_509', certificateValue: 'certificate' },
    ],
  ] as const)('of %s has the right length, and is in the answer only', async (_name, object) => {
    await using kms = await start();
    const client = kms.client();
    const value = { ...object, ...('certificateValue' in object && { certificateValue: certificate() }) };
    const attributes =
      object.objectType === 'OpaqueObject' ? [] : [attributeOf('CryptographicUsageMask', 12)];
    const id = await client.register(value as Parameters<typeof client.register>[0], { attributes });
    const right = JSON.stringify(await client.getObject(id));
    kms.context.faults.add({ operation: 'Get', count: 1, action: { kind: 'corrupt' } });
    const wrong = JSON.stringify(await client.getObject(id));
    expect(wrong).not.toBe(right);
    const shape = (text: string): unknown =>
      JSON.parse(
        text.replaceAll(/"data":\[([\d,]*)\]/g, (_, list: string) => `"data":${list.split(',').length}`),
      );
    expect(shape(wrong)).toEqual(shape(right));
    expect(JSON.stringify(await client.getObject(id))).toBe(right);
  });
});

test('the admin listener checks operations and reasons of a key server, and lists those there are', async () => {
  await using kms = await start();
  const admin = await startAdmin({ services: [kms.service], context: kms.context, port: 0 });
  const post = (body: unknown) =>
    fetch(`${admin.url}/faults`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const refused = await post({ service: 'kms-1', action: { kind: 'error', reason: 'No Such Reason' } });
  expect(refused.status).toBe(400);
  expect(await refused.text()).toMatch(/Allowed: .*ItemNotFound.*GeneralFailure/);
  expect((await post({ service: 'kms-1', operation: 'Gett', action: { kind: 'reset' } })).status).toBe(400);
  expect((await post({ operation: 'Get', action: { kind: 'down' } })).status).toBe(400);
  expect((await post({ count: 3, action: { kind: 'lag', lagMs: 5 } })).status).toBe(400);
  const words = (await (await fetch(`${admin.url}/faults/words`)).json()) as Record<
    string,
    { reasons: ResultReasonName[] }
  >;
  expect(words['kms-1']?.reasons).toContain('GeneralFailure');
  // Each reason that is listed is answered as it is; one that 2.1 does not have, by the nearest that it has.
  const rank = rankOf('2.1');
  const exists = (reason: ResultReasonName): boolean => enumerationExistsIn('ResultReason', reason, rank);
  const client = kms.client({ protocolVersion: '2.1' });
  for (const reason of words['kms-1']!.reasons) {
    expect(
      (await post({ service: 'kms-1', operation: 'Query', count: 1, action: { kind: 'error', reason } }))
        .status,
    ).toBe(201);
    const answer = client.query(['QueryObjects']);
    const expected = reasonIn(new KmipError(reason, ''), rank, exists);
    await expect(answer, reason).rejects.toMatchObject({ reason: expected });
  }
  await admin.close();
});

test.each([
  ['SQLITE_FULL', /no room left/],
  ['SQLITE_READONLY', /cannot be written/],
  ['SQLITE_IOERR_WRITE', /disk/],
])('when the disk says %s the client is told what to do, and later changes succeed', async (code, told) => {
  await using kms = await start();
  const client = kms.client();
  const commit = vi.spyOn(SqliteKmsStore.prototype, 'commit');
  commit.mockRejectedValueOnce(Object.assign(new Error('the disk failed'), { code }));
  await expect(client.create()).rejects.toMatchObject({
    reason: 'GeneralFailure',
    message: expect.stringMatching(told) as string,
  });
  commit.mockRestore();
  await expect(client.create()).resolves.toBeTypeOf('string');
});

test('a data directory that is taken away is told of at once, and nothing more is acknowledged', async () => {
  await using kms = await start();
  const client = kms.client();
  const id = await client.create();
  expect(kms.service.health().status).toBe('ok');
  const { dataDir } = kms.context;
  await rename(dataDir, `${dataDir}-away`);
  expect(kms.service.health()).toMatchObject({ status: 'down', details: [expect.stringMatching(/restore/)] });
  await expect(client.create()).rejects.toMatchObject({
    reason: 'GeneralFailure',
    message: expect.stringMatching(/removed or replaced/) as string,
  });
  await expect(client.get(id)).resolves.toBeDefined();
  await rename(`${dataDir}-away`, dataDir);
  expect(kms.service.health().status).toBe('ok');
  await expect(client.create()).resolves.toBeTypeOf('string');
});

test('a damaged database is told of for as long as the server runs', async () => {
  await using kms = await start();
  const client = kms.client();
  const damage = Object.assign(new Error('malformed'), {
    code: 'ERR_SQLITE_ERROR',
    sqliteCodeName: 'SQLITE_CORRUPT',
  });
  const search = vi.spyOn(DatabaseFile.prototype, 'demandThere').mockImplementationOnce(() => {
    throw damage;
  });
  await expect(client.create()).rejects.toMatchObject({ message: expect.stringMatching(/disk/) as string });
  search.mockRestore();
  await expect(client.create()).resolves.toBeTypeOf('string');
  expect(kms.service.health()).toMatchObject({ status: 'down', details: [expect.stringMatching(/damaged/)] });
});

/** The end of a connection, also by a reset. */
function closed({ socket }: RawClient): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()));
}

/** A relay in front of a port that notes the types of the TLS records that come from there. */
async function recordTypes(
  target: number,
): Promise<{ port: number; records: () => number[]; close: () => void }> {
  const received: Buffer[] = [];
  const relay = createServer({ allowHalfOpen: true }, (near) => {
    const far = connectTcp({ port: target, host: '127.0.0.1', allowHalfOpen: true });
    near.pipe(far);
    far.on('data', (chunk: Buffer) => received.push(chunk));
    far.pipe(near);
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
  });
  relay.listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const records = (): number[] => {
    const bytes = Buffer.concat(received);
    const types: number[] = [];
    for (let at = 0; at + 5 <= bytes.length; at += 5 + bytes.readUInt16BE(at + 3))
      types.push(bytes.readUInt8(at));
    return types;
  };
  return { port: (relay.address() as AddressInfo).port, records, close: () => void relay.close() };
}
