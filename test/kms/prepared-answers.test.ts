import { beforeAll, describe, expect, test, vi } from 'vitest';

import { StandingDetails } from '../../core/journal.js';
import { ManagedObject } from '../../kms/objects/managed-object.js';
import { PreparedAnswers } from '../../kms/server/prepared-answers.js';
import { StandingRecord } from '../../kms/server/request-record.js';
import { decodeResponse, encodeRequest, protocolVersionOf } from '../../wire/kmip/index.js';
import type { RequestMessage, ResponseMessage } from '../../wire/kmip/index.js';
import type { TestPki } from './harness.js';
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

  test.each([
    ['is cleared when its object is destroyed', false],
    ['is not given for another form of its object, even if it was not cleared', true],
  ])('%s', async (_what, kept) => {
    await using kms = await startKms(pki);
    await using raw = await RawClient.open(pki, kms.port);
    const client = kms.client();
    const identifier = await client.create();
    for (let round = 0; round < 3; round += 1) await raw.exchange(getRequest(identifier));
    using forget = vi.spyOn(PreparedAnswers.prototype, 'forget');
    if (kept) forget.mockImplementation(() => undefined);
    await client.destroy(identifier);
    expect(forget.mock.calls.map(([object]) => object.uniqueIdentifier)).toContain(identifier);
    const { batchItems } = decodeResponse((await raw.exchange(getRequest(identifier)))!);
    expect(batchItems[0]?.resultStatus).toBe('OperationFailed');
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
  const newObject = (): ManagedObject =>
    new ManagedObject({
      uniqueIdentifier: 'a',
      owner: 'shared',
      objectType: 'SymmetricKey',
      attributes: new Map(),
      value: undefined,
      revision: 1,
    });
  const object = newObject();
  const request: RequestMessage = {
    header: { protocolVersion: protocolVersionOf('1.4'), batchCount: 1 },
    batchItems: [{ operation: 'Get', requestPayload: { uniqueIdentifier: 'a' } }],
  };
  const record = new StandingRecord(
    'Get',
    'success',
    () => undefined,
    () => new StandingDetails({}),
  );
  const answerAbout = (one: ManagedObject, bytes = 100) => ({
    object: one,
    record,
    bytes: Buffer.alloc(bytes, 7),
  });
  const received = Buffer.from('a request');

  test('are cleared when their object goes', () => {
    const prepared = new PreparedAnswers();
    prepared.keep(received, client, request, answerAbout(object));
    const found = prepared.find(received, client);
    expect(found?.bytes.equals(Buffer.alloc(100, 7))).toBe(true);
    for (const now of [5, 6]) expect(found!.messageAt(now).readBigInt64BE(64)).toBe(BigInt(now));
    prepared.forget(object);
    expect(found?.bytes.equals(Buffer.alloc(100))).toBe(true);
    expect(prepared.find(received, client)).toBeUndefined();
  });

  test.each([
    [{ timeStamp: 1 }],
    [{ clientCorrelationValue: 'step 1' }],
    [{ authentication: { credentials: [] } }],
    [{ asynchronousIndicator: 'Optional' as const }],
    [{ attestationCapableIndicator: true }],
  ])('are not kept for requests with %o', (header) => {
    const prepared = new PreparedAnswers();
    const other = { ...request, header: { ...request.header, ...header } };
    prepared.keep(received, client, other, answerAbout(object));
    expect(prepared.find(received, client)).toBeUndefined();
  });

  test('are bounded in size: a large one is not kept', () => {
    const prepared = new PreparedAnswers();
    for (const bytes of [8193, 8192]) {
      expect(prepared.find(received, client)).toBeUndefined();
      prepared.keep(received, client, request, answerAbout(object, bytes));
    }
    expect(prepared.find(received, client)?.bytes).toHaveLength(8192);
  });

  test('are bounded in number: the oldest goes, cleared', () => {
    const prepared = new PreparedAnswers();
    const keep = (number: number): void =>
      prepared.keep(Buffer.from(`request ${number}`), client, request, answerAbout(newObject()));
    keep(0);
    const first = prepared.find(Buffer.from('request 0'), client);
    for (let number = 1; number <= 4096; number += 1) keep(number);
    expect(first?.bytes.equals(Buffer.alloc(100))).toBe(true);
    expect(prepared.find(Buffer.from('request 4096'), client)).toBeDefined();
  });
});
