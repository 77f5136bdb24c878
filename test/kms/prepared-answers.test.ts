import { randomBytes, randomUUID } from 'node:crypto';

import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { StandingDetails } from '../../core/journal.js';
import type { KmipClient } from '../../kms/client.js';
import { KeyTable } from '../../kms/objects/key-table.js';
import { ObjectRepository } from '../../kms/objects/repository.js';
import { PreparedAnswers } from '../../kms/server/prepared-answers.js';
import { StandingRecord } from '../../kms/server/request-record.js';
import {
  attributeOf,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  keyMaterialBytes,
  protocolVersionOf,
} from '../../wire/kmip/index.js';
import type { RequestMessage, ResponseMessage, ResponsePayload } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const getRequest = (uniqueIdentifier: string, header: Partial<RequestMessage['header']> = {}): Buffer =>
  encodeRequest({
    header: { protocolVersion: protocolVersionOf('1.4'), ...header, batchCount: 1 },
    batchItems: [{ operation: 'Get', requestPayload: { uniqueIdentifier } }],
  });

describe('a Get that was answered before', () => {
  test('is answered alike, with the time of now, and journaled each time', async () => {
    await using kms = await startKms(pki);
    await using raw = await RawClient.open(pki, kms.port);
    const identifier = await kms.client().create();
    const answers: ResponseMessage[] = [];
    for (let round = 0; round < 4; round += 1) {
      kms.clock.advance(1000);
      answers.push(decodeResponse((await raw.exchange(getRequest(identifier)))!));
    }
    const [first, ...others] = answers;
    for (const other of others) expect(other.batchItems).toEqual(first!.batchItems);
    expect(new Set(answers.map(({ header }) => header.timeStamp)).size).toBe(4);
    const journaled = kms.context.journal.entries().filter(({ operation }) => operation === 'Get');
    expect(journaled).toHaveLength(4);
    expect(new Set(journaled.map(({ details }) => details?.serverCorrelationValue)).size).toBe(4);
    const alike = journaled.map(({ details }) =>
      JSON.stringify({ ...details, serverCorrelationValue: undefined }),
    );
    expect(new Set(alike).size).toBe(1);
    const counted = 'kmip_operations_total{operation="Get",outcome="success"} 4';
    expect(await kms.context.metrics.render()).toContain(counted);
    expect(alike[0]).toContain('"keyValue":"[masked]"');
    expect(JSON.stringify(journaled)).not.toMatch(/keyMaterial":"[0-9a-f]/);
  });

  test('is refused once the object is destroyed, and answered anew after other changes', async () => {
    await using kms = await startKms(pki);
    await using raw = await RawClient.open(pki, kms.port);
    const client = kms.client();
    const identifier = await client.create();
    const statusNow = async (): Promise<unknown> =>
      decodeResponse((await raw.exchange(getRequest(identifier)))!).batchItems[0]?.resultStatus;
    for (let round = 0; round < 3; round += 1) expect(await statusNow()).toBe('Success');
    await client.activate(identifier);
    expect(await statusNow()).toBe('Success');
    await client.revoke(identifier, 'KeyCompromise');
    await client.destroy(identifier);
    expect(await statusNow()).toBe('OperationFailed');
  });

  test('is answered for other keys of the kind without a look at their objects', async () => {
    await using kms = await startKms(pki);
    await using raw = await RawClient.open(pki, kms.port);
    const client = kms.client();
    const [first, second] = [await client.create(), await client.create()];
    for (let round = 0; round < 2; round += 1) {
      for (const one of [first, second]) await raw.exchange(getRequest(one));
    }
    const expected = decodeResponse((await raw.exchange(getRequest(second, { timeStamp: now(kms) })))!);
    using read = vi.spyOn(ObjectRepository.prototype, 'read');
    const [one, other] = [await keyOf(raw, first), await keyOf(raw, second)];
    expect(read).not.toHaveBeenCalled();
    expect(other.batchItem).toEqual(expected.batchItems[0]);
    expect(other.key.equals(one.key)).toBe(false);
  });

  test.each([
    ['archived', (client: KmipClient, identifier: string) => client.archive(identifier), 'ObjectArchived'],
    [
      'sensitive',
      (client: KmipClient, identifier: string) =>
        client.modifyAttribute(identifier, attributeOf('Sensitive', true)),
      'Sensitive',
    ],
  ] as const)('is refused once the object is %s', async (_what, change, reason) => {
    await using kms = await startKms(pki);
    await using raw = await RawClient.open(pki, kms.port);
    const client = kms.client();
    const identifier = await client.create();
    for (let round = 0; round < 3; round += 1) await raw.exchange(getRequest(identifier));
    await change(client, identifier);
    for (let round = 0; round < 3; round += 1) {
      const { batchItems } = decodeResponse((await raw.exchange(getRequest(identifier)))!);
      expect(batchItems[0]?.resultReason).toBe(reason);
    }
  });

  test.each(['1.5', '2.2'])(
    'is answered for the object that it names, whatever a message of KMIP %s ends with',
    async (version) => {
      await using kms = await startKms(pki, { ownerPolicy: 'per-client' });
      await using east = await RawClient.open(pki, kms.port);
      const own = await kms.client().create();
      const foreign = await kms.client({}, pki.west).create();
      await using west = await RawClient.open(pki, kms.port, {
        cert: pki.west.certificatePem,
        key: pki.west.privateKeyPem,
      });
      for (let round = 0; round < 3; round += 1) await west.exchange(getRequest(foreign));
      for (const last of [own, foreign, own, foreign, own]) {
        const { key, batchItem } = await keyOf(east, own, withUnknownField(own, last, version));
        expect(batchItem).toMatchObject({ responsePayload: { uniqueIdentifier: own } });
        expect(key.equals((await keyOf(east, own)).key)).toBe(true);
      }
    },
  );

  test('is answered from memory after a restart, also the first time', async () => {
    const directory = await makeDataDir();
    onTestFinished(() => directory.remove());
    const made: string[] = [];
    {
      await using kms = await startKms(pki, {}, { dataDir: directory.path });
      const client = kms.client();
      for (let count = 0; count < 40; count += 1) made.push(await client.create());
      // Those that were never served are fresh, and their Gets write.
      for (const one of made.slice(1)) await client.get(one);
    }
    await using kms = await startKms(pki, {}, { dataDir: directory.path });
    await using raw = await RawClient.open(pki, kms.port);
    await expect
      .poll(() => kms.context.metrics.render(), { timeout: 20_000 })
      .toContain('kmip_keys_loading 0');
    // The form of the answer is made by two Gets of one object: that of the first leaves it outside of the cache.
    for (let round = 0; round < 2; round += 1) await raw.exchange(getRequest(made[1]!));
    using read = vi.spyOn(ObjectRepository.prototype, 'read');
    for (const one of made.slice(2)) expect((await keyOf(raw, one)).key).toHaveLength(32);
    expect(read).not.toHaveBeenCalled();
    await keyOf(raw, made[0]!);
    expect(read).toHaveBeenCalledTimes(1);
  });

  test('is not answered for a key under a policy that does not let its client', async () => {
    await using kms = await startKms(pki, {
      ownerPolicy: 'per-client',
      policies: { open: [{ operations: ['Get'], allow: ['everyone'] }] },
    });
    await using west = await RawClient.open(pki, kms.port, {
      cert: pki.west.certificatePem,
      key: pki.west.privateKeyPem,
    });
    const client = kms.client();
    const attributes = [attributeOf('OperationPolicyName', 'open')];
    const open = [await client.create({ attributes }), await client.create({ attributes })];
    const closed = await client.create();
    await using east = await RawClient.open(pki, kms.port);
    for (let round = 0; round < 3; round += 1) {
      for (const one of open) expect((await keyOf(west, one)).key).toHaveLength(32);
      for (const one of [...open, closed]) expect((await keyOf(east, one)).key).toHaveLength(32);
      const { batchItems } = decodeResponse((await west.exchange(getRequest(closed)))!);
      expect(batchItems[0]?.resultReason).toBe('ItemNotFound');
    }
  });

  test('is not answered to a client of another owner', async () => {
    await using kms = await startKms(pki, { ownerPolicy: 'per-client' });
    await using east = await RawClient.open(pki, kms.port);
    await using west = await RawClient.open(pki, kms.port, {
      cert: pki.west.certificatePem,
      key: pki.west.privateKeyPem,
    });
    const identifier = await kms.client().create();
    const get = async (raw: RawClient): Promise<unknown> =>
      decodeResponse((await raw.exchange(getRequest(identifier)))!).batchItems[0]?.resultReason;
    for (let round = 0; round < 3; round += 1) expect(await get(east)).toBeUndefined();
    expect(await get(west)).toBe('ItemNotFound');
  });

  test('is struck by a fault that was added since', async () => {
    await using kms = await startKms(pki);
    await using raw = await RawClient.open(pki, kms.port);
    const identifier = await kms.client().create();
    for (let round = 0; round < 3; round += 1) await raw.exchange(getRequest(identifier));
    kms.context.faults.add({
      operation: 'Get',
      count: 1,
      action: { kind: 'error', reason: 'CryptographicFailure' },
    });
    const struck = decodeResponse((await raw.exchange(getRequest(identifier)))!);
    expect(struck.batchItems[0]?.resultReason).toBe('CryptographicFailure');
  });
});

describe('prepared answers', () => {
  const client = { name: 'east', owner: 'shared', groups: [] };
  const record = (): StandingRecord =>
    new StandingRecord('Get', 'success', () => undefined, new StandingDetails({}));
  const messageOf = (
    uniqueIdentifier: string,
    header: Partial<RequestMessage['header']>,
  ): RequestMessage => ({
    header: { protocolVersion: protocolVersionOf('1.4'), ...header, batchCount: 1 },
    batchItems: [{ operation: 'Get', requestPayload: { uniqueIdentifier } }],
  });
  const answerAbout = (uniqueIdentifier: string, key: Buffer): Buffer =>
    encodeResponse({
      header: { protocolVersion: protocolVersionOf('1.4'), timeStamp: 5, batchCount: 1 },
      batchItems: [
        {
          operation: 'Get',
          resultStatus: 'Success',
          responsePayload: {
            objectType: 'SymmetricKey',
            uniqueIdentifier,
            object: {
              objectType: 'SymmetricKey',
              keyBlock: {
                keyFormatType: 'Raw',
                keyValue: { keyMaterial: key },
                cryptographicAlgorithm: 'AES',
                cryptographicLength: 8 * key.length,
              },
            },
          },
        },
      ],
    });
  const keys = new KeyTable(10_000);
  const [first, second] = [randomUUID(), randomUUID()];
  keys.put(first, 'kind', randomBytes(32));
  // A key like any other, of bytes that are elsewhere in a message too.
  keys.put(second, 'kind', Buffer.alloc(32));
  keys.put('not a UUID', 'kind', randomBytes(32));

  const keep = (prepared: PreparedAnswers, header: Partial<RequestMessage['header']> = {}): Buffer => {
    const request = messageOf(second, header);
    const received = encodeRequest(request);
    const answer = answerAbout(second, Buffer.alloc(32));
    prepared.keep(request, client, keys, { received, answer, record });
    return received;
  };

  test('put identifier, key and time where they belong', () => {
    const prepared = new PreparedAnswers();
    keep(prepared);
    for (const nowSeconds of [5, 6]) {
      const found = prepared.find(getRequest(first), client, keys, nowSeconds);
      expect(found?.uniqueIdentifier).toBe(first);
      const { header, batchItems } = decodeResponse(found!.bytes);
      expect(header.timeStamp).toBe(nowSeconds);
      const number = keys.find(Buffer.from(first), 0);
      const key = Buffer.alloc(32);
      keys.copyKey(number, key, 0);
      expect(batchItems).toEqual(decodeResponse(answerAbout(first, key)).batchItems);
    }
  });

  test.each([
    [{ timeStamp: 1 }],
    [{ clientCorrelationValue: 'step 1' }],
    [{ authentication: { credentials: [] } }],
    [{ asynchronousIndicator: 'Optional' as const }],
    [{ attestationCapableIndicator: true }],
  ])('are not kept for requests with %o', (header) => {
    const prepared = new PreparedAnswers();
    const received = keep(prepared, header);
    expect(prepared.find(received, client, keys, 5)).toBeUndefined();
  });

  test('are given to requests that are the same but for the identifier, of clients of the same rights', () => {
    const prepared = new PreparedAnswers();
    const received = keep(prepared);
    expect(prepared.find(received, { ...client }, keys, 5)).toBeDefined();
    expect(prepared.find(received, { ...client, groups: ['backup'] }, keys, 5)).toBeUndefined();
    expect(prepared.find(received, { ...client, owner: 'west' }, keys, 5)).toBeUndefined();
    const other = encodeRequest(messageOf(second, { protocolVersion: protocolVersionOf('1.3') }));
    expect(prepared.find(other, client, keys, 5)).toBeUndefined();
    const padded = Buffer.from(received);
    padded[padded.length - 1] = 1;
    expect(prepared.find(padded, client, keys, 5)).toBeUndefined();
    expect(prepared.find(getRequest(second.toUpperCase()), client, keys, 5)).toBeUndefined();
    expect(prepared.find(Buffer.alloc(8), client, keys, 5)).toBeUndefined();
  });

  test('are not kept of an answer with a key of another length than that in memory', () => {
    const prepared = new PreparedAnswers();
    const request = messageOf(second, {});
    const received = encodeRequest(request);
    const answer = answerAbout(second, Buffer.alloc(16));
    prepared.keep(request, client, keys, { received, answer, record });
    expect(prepared.find(received, client, keys, 5)).toBeUndefined();
  });

  test('are kept once: another key of the same kind makes no room', () => {
    const prepared = new PreparedAnswers();
    const other = keep(prepared, { maximumResponseSize: 1000 });
    for (let count = 0; count < 2000; count += 1) keep(prepared);
    expect(prepared.find(other, client, keys, 5)).toBeDefined();
  });

  test('are given to a client that came before there were any for its rights', () => {
    const prepared = new PreparedAnswers();
    const [early, same] = [{ ...client }, { ...client }];
    const received = keep(prepared, { maximumResponseSize: 1000 });
    expect(prepared.find(getRequest(first), early, keys, 5)).toBeUndefined();
    keep(prepared);
    for (const one of [early, same]) {
      expect(prepared.find(getRequest(first), one, keys, 5)).toBeDefined();
      expect(prepared.find(received, one, keys, 5)).toBeDefined();
    }
  });

  test('are bounded in number: those of before go', () => {
    const prepared = new PreparedAnswers();
    const received = keep(prepared);
    for (let size = 1; size < 1024; size += 1) keep(prepared, { maximumResponseSize: 1000 + size });
    expect(prepared.find(received, client, keys, 5)).toBeDefined();
    keep(prepared, { maximumResponseSize: 5000 });
    expect(prepared.find(received, client, keys, 5)).toBeUndefined();
    keep(prepared);
    expect(prepared.find(received, client, keys, 5)).toBeDefined();
  });
});

const now = (kms: TestKms): number => Math.floor(kms.clock.now() / 1000);

/** A plain Get of a version to come, which ends with a text that only that version knows. */
function withUnknownField(uniqueIdentifier: string, text: string, version: string): Buffer {
  const [major, minor] = version.split('.').map(Number);
  const request = getRequest(uniqueIdentifier);
  request.writeInt32BE(major!, 32);
  request.writeInt32BE(minor!, 48);
  const field = Buffer.alloc(48);
  field.write('54000107', 'hex');
  field.writeUInt32BE(36, 4);
  field.write(text, 8);
  // The structures that the field is in: the message, its batch item, the payload.
  for (const tag of ['420078', '42000f', '420079']) {
    const at = request.indexOf(Buffer.from(`${tag}01`, 'hex')) + 4;
    request.writeUInt32BE(request.readUInt32BE(at) + field.length, at);
  }
  return Buffer.concat([request, field]);
}

/** The key that a plain Get hands out. */
async function keyOf(
  raw: RawClient,
  identifier: string,
  request = getRequest(identifier),
): Promise<{ key: Buffer; batchItem: unknown }> {
  const { batchItems } = decodeResponse((await raw.exchange(request))!);
  const { object } = batchItems[0]?.responsePayload as ResponsePayload<'Get'>;
  if (object.objectType !== 'SymmetricKey') throw new Error('the object is no symmetric key');
  return { key: keyMaterialBytes(object.keyBlock), batchItem: batchItems[0] };
}
