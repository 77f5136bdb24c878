import { EventEmitter, once } from 'node:events';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import { systemRng } from '../../core/rng.js';
import { parseKmsConfig } from '../../kms/config.js';
import type { KmsConfigInput } from '../../kms/config.js';
import type { Answer } from '../../kms/server/answers.js';
import { AsynchronousRequests } from '../../kms/server/asynchronous.js';
import type {
  ProtocolVersionName,
  RequestHeader,
  RequestPayload,
  ResponseBatchItem,
  ResponseMessage,
} from '../../wire/kmip/index.js';
import { attributeOf, encodeResponse, protocolVersionOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { createItem, exchange, item, onlyItem, outcomes, payloadOf } from './messages.js';
import type { Item } from './messages.js';
import { RawClient } from './raw-client.js';

const NEVER_MS = 600_000;
const MANDATORY: Partial<RequestHeader> = { asynchronousIndicator: 'Mandatory' };

let pki: TestPki;
/** A server that begins asynchronous requests when Process tells it to. */
let kms: TestKms;
let client: RawClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { asynchronous: { delayMs: NEVER_MS } });
  client = await RawClient.open(pki, kms.port);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await kms[Symbol.asyncDispose]();
});

const ask = (
  items: readonly Item[],
  header: Partial<RequestHeader> = {},
  version: ProtocolVersionName = '2.1',
) => exchange(client, version, items, header);

function valueOf(answer: ResponseBatchItem): Buffer {
  expect(answer.resultStatus).toBe('OperationPending');
  expect(answer.responsePayload).toBeUndefined();
  return answer.asynchronousCorrelationValue!;
}
const valuesOf = (answer: ResponseMessage): Buffer[] => answer.batchItems.map(valueOf);
const about = (operation: 'Poll' | 'Process' | 'Cancel', asynchronousCorrelationValue: Buffer): Item =>
  item(operation, { asynchronousCorrelationValue });
async function resultOf(value: Buffer): Promise<ResponseBatchItem> {
  await ask([about('Process', value)]);
  return onlyItem(await ask([about('Poll', value)]));
}

describe('a request that must be asynchronous', () => {
  test('is pending until it is performed, and then polled as if it had been answered at once', async () => {
    const value = valueOf(onlyItem(await ask([createItem('2.1')], MANDATORY)));
    const pending = onlyItem(await ask([about('Poll', value)]));
    expect(pending).toMatchObject({ operation: 'Poll', resultStatus: 'OperationPending' });
    expect(pending.asynchronousCorrelationValue).toEqual(value);

    const result = await resultOf(value);
    expect(result).toMatchObject({ operation: 'Create', resultStatus: 'Success' });
    const { uniqueIdentifier } = payloadOf(result, 'Create');
    expect(await kms.client().getAttributes(uniqueIdentifier, ['State'])).toHaveLength(1);
    expect(onlyItem(await ask([about('Poll', value)]))).toEqual(result);
  });

  test('returns the bytes of keys', async () => {
    const id = await kms.client().create();
    const { keyBytes } = await kms.client().get(id);
    const value = valueOf(onlyItem(await ask([item('Get', { uniqueIdentifier: id })], MANDATORY)));
    expect(payloadOf(await resultOf(value), 'Get')).toMatchObject({
      object: { keyBlock: { keyValue: { keyMaterial: keyBytes } } },
    });
  });

  test('may be a batch whose items build on each other', async () => {
    const state = item('GetAttributes', { attributeReferences: ['State'] });
    const [created, , got] = valuesOf(await ask([createItem('2.1'), item('Activate', {}), state], MANDATORY));
    await resultOf(created!);
    expect(payloadOf(onlyItem(await ask([about('Poll', got!)])), 'GetAttributes')).toMatchObject({
      attributesStructure: [{ name: 'State', value: 'Active' }],
    });
  });

  test('that fails says so when it is polled; later items of its batch are not performed', async () => {
    const absent = item('Get', { uniqueIdentifier: 'absent' });
    const [failing, later] = valuesOf(await ask([absent, createItem('2.1')], MANDATORY));
    expect(await resultOf(failing!)).toMatchObject({ operation: 'Get', resultReason: 'ObjectNotFound' });
    expect(onlyItem(await ask([about('Poll', later!)]))).toMatchObject({
      operation: 'Create',
      resultReason: 'GeneralFailure',
    });
    expect(payloadOf(onlyItem(await ask([about('Cancel', failing!)])), 'Cancel')).toMatchObject({
      cancellationResult: 'Failed',
    });
  });

  test('is nobody else’s', async () => {
    const value = valueOf(onlyItem(await ask([createItem('2.1')], MANDATORY)));
    const { certificatePem: cert, privateKeyPem: key } = pki.west;
    await using other = await RawClient.open(pki, kms.port, { cert, key });
    expect(outcomes(await exchange(other, '2.1', [about('Poll', value)]))).toEqual([
      'InvalidAsynchronousCorrelationValue',
    ]);
    expect(outcomes(await exchange(other, '1.4', [about('Poll', value)]))).toEqual(['ItemNotFound']);
    expect(
      payloadOf(onlyItem(await exchange(other, '2.1', [about('Cancel', value)])), 'Cancel'),
    ).toMatchObject({
      cancellationResult: 'Unavailable',
    });
    expect(
      payloadOf(
        onlyItem(await exchange(other, '2.1', [item('QueryAsynchronousRequests', {})])),
        'QueryAsynchronousRequests',
      ),
    ).toEqual({});
  });

  test('is listed until its result was obtained', async () => {
    const before = kms.clock.now();
    const [create, ping] = valuesOf(await ask([createItem('2.1'), item('Ping', {})], MANDATORY));
    const list = async (payload: RequestPayload<'QueryAsynchronousRequests'> = {}) => {
      const answer = await ask([item('QueryAsynchronousRequests', payload)]);
      const { asynchronousRequests = [] } = payloadOf(onlyItem(answer), 'QueryAsynchronousRequests');
      return asynchronousRequests.filter((row) =>
        [create!, ping!].some((value) => value.equals(row.asynchronousCorrelationValue)),
      );
    };
    const [first, second] = await list();
    expect(first).toMatchObject({ operation: 'Create', processingStage: 'Submitted' });
    expect(second).toMatchObject({ operation: 'Ping', processingStage: 'Submitted' });
    expect(first!.submissionDate).toBeGreaterThanOrEqual(BigInt(Math.floor(before)) * 1000n);
    expect(await list({ operations: { operations: ['Ping'] } })).toEqual([second]);
    expect(await list({ asynchronousCorrelationValues: { values: [create!] } })).toEqual([first]);
    await resultOf(create!);
    expect(await list()).toMatchObject([{ operation: 'Ping', processingStage: 'Completed' }]);
    await ask([about('Poll', ping!)]);
    expect(await list()).toEqual([]);
  });

  test('is not done if it is canceled first', async () => {
    const count = async () => (await kms.client().locate([])).length;
    const before = await count();
    const value = valueOf(onlyItem(await ask([createItem('2.1')], MANDATORY)));
    for (let turn = 0; turn < 2; turn += 1) {
      expect(payloadOf(onlyItem(await ask([about('Cancel', value)])), 'Cancel')).toEqual({
        asynchronousCorrelationValue: value,
        cancellationResult: 'Canceled',
      });
    }
    expect(onlyItem(await ask([about('Poll', value)]))).toMatchObject({
      operation: 'Create',
      resultReason: 'OperationCanceledByRequester',
    });
    expect(await count()).toBe(before);
  });

  test('is processed once', async () => {
    const value = valueOf(onlyItem(await ask([createItem('2.1')], MANDATORY)));
    expect(outcomes(await ask([about('Process', value)]))).toEqual(['Success']);
    expect(outcomes(await ask([about('Process', value)]))).toEqual(['DuplicateProcessRequest']);
    expect(outcomes(await ask([about('Poll', value)]))).toEqual(['Success']);
    expect(payloadOf(onlyItem(await ask([about('Cancel', value)])), 'Cancel')).toMatchObject({
      cancellationResult: 'Completed',
    });
  });

  test('is not taken if even its pending answer is too large', async () => {
    const before = (await kms.client().locate([])).length;
    const answer = await ask([createItem('2.1')], { ...MANDATORY, maximumResponseSize: 64 });
    expect(outcomes(answer)).toEqual(['ResponseTooLarge']);
    expect(await kms.client().locate([])).toHaveLength(before);
  });

  test('cannot hold Poll and other operations together; Poll alone is answered at once', async () => {
    const value = valueOf(onlyItem(await ask([createItem('2.1')], MANDATORY)));
    expect(outcomes(await ask([about('Poll', value), createItem('2.1')], MANDATORY))).toEqual([
      'InvalidField',
    ]);
    expect(onlyItem(await ask([about('Cancel', value)], MANDATORY)).resultStatus).toBe('Success');
  });
});

describe('a client that only can handle asynchronous answers', () => {
  const keyPair = item('CreateKeyPair', {
    commonTemplateAttribute: {
      attributes: [
        attributeOf('CryptographicAlgorithm', 'RSA'),
        attributeOf('CryptographicLength', 2048),
        attributeOf('CryptographicUsageMask', 3),
      ],
    },
  });

  test('gets them for operations that take time, and for those of their batch', async () => {
    await using own = await startKms(pki);
    await using raw = await RawClient.open(pki, own.port);
    const optional: Partial<RequestHeader> = { asynchronousIndicator: 'Optional' };
    expect(outcomes(await exchange(raw, '1.4', [createItem('1.4')], optional))).toEqual(['Success']);
    const answer = await exchange(raw, '1.4', [keyPair, item('Activate', {})], optional);
    const [pair, activate] = valuesOf(answer);
    let result = onlyItem(await exchange(raw, '1.4', [about('Poll', pair!)]));
    while (result.resultStatus === 'OperationPending')
      result = onlyItem(await exchange(raw, '1.4', [about('Poll', pair!)]));
    expect(result.operation).toBe('CreateKeyPair');
    const { privateKeyUniqueIdentifier } = payloadOf(result, 'CreateKeyPair');
    expect(payloadOf(onlyItem(await exchange(raw, '1.4', [about('Poll', activate!)])), 'Activate')).toEqual({
      uniqueIdentifier: privateKeyUniqueIdentifier,
    });
  });

  test('gets none if the table of its requests is full', async () => {
    await using own = await startKms(pki, {
      asynchronous: { requests: 1, operations: ['Create'], delayMs: NEVER_MS, resultSeconds: 10 },
    });
    await using raw = await RawClient.open(pki, own.port);
    const optional: Partial<RequestHeader> = { asynchronousIndicator: 'Optional' };
    const value = valueOf(onlyItem(await exchange(raw, '2.1', [createItem('2.1')], optional)));
    expect(outcomes(await exchange(raw, '2.1', [createItem('2.1')], optional))).toEqual(['Success']);
    expect(outcomes(await exchange(raw, '2.1', [createItem('2.1')], MANDATORY))).toEqual([
      'ServerLimitExceeded',
    ]);

    await exchange(raw, '2.1', [about('Process', value)]);
    expect(outcomes(await exchange(raw, '2.1', [about('Poll', value)]))).toEqual(['Success']);
    own.clock.advance(10_000);
    expect(outcomes(await exchange(raw, '2.1', [about('Poll', value)]))).toEqual([
      'InvalidAsynchronousCorrelationValue',
    ]);
    expect(outcomes(await exchange(raw, '2.1', [createItem('2.1')], MANDATORY))).toEqual([
      'OperationPending',
    ]);
  });
});

describe('the bytes that are kept for a client are limited', () => {
  const RESULT_BYTES = 30_000;
  const random = item('RNGRetrieve', { dataLength: RESULT_BYTES });
  const limited = (limits: Partial<KmsConfigInput['asynchronous']> = {}) =>
    startKms(pki, { asynchronous: { onPoll: 'finish', resultBytes: 65_536, ...limits } });
  const submit = async (raw: RawClient, one: Item) =>
    valueOf(onlyItem(await exchange(raw, '2.1', [one], MANDATORY)));
  /** Submits, and returns when the result is there, which nobody has had yet. */
  const finished = async (raw: RawClient, one: Item) => {
    const value = await submit(raw, one);
    const asked = item('QueryAsynchronousRequests', { asynchronousCorrelationValues: { values: [value] } });
    for (;;) {
      const answer = onlyItem(await exchange(raw, '2.1', [asked]));
      const { asynchronousRequests = [] } = payloadOf(answer, 'QueryAsynchronousRequests');
      if (asynchronousRequests[0]?.processingStage === 'Completed') return value;
    }
  };
  const poll = (raw: RawClient, value: Buffer) => exchange(raw, '2.1', [about('Poll', value)]);

  test('and results that it has had make room for others, those obtained first before others', async () => {
    await using own = await limited();
    await using raw = await RawClient.open(pki, own.port);
    const values: Buffer[] = [];
    for (let turn = 0; turn < 6; turn += 1) {
      const value = await submit(raw, random);
      values.unshift(value);
      const { data } = payloadOf(onlyItem(await poll(raw, value)), 'RNGRetrieve');
      expect(data).toHaveLength(RESULT_BYTES);
    }
    const again = await Promise.all(values.map(async (value) => outcomes(await poll(raw, value))));
    const gone = ['InvalidAsynchronousCorrelationValue'];
    expect(again).toEqual([['Success'], ['Success'], gone, gone, gone, gone]);
  });

  test('but not those that it has not had: a request whose result has no room is refused and not done', async () => {
    await using own = await limited({ operations: ['Register'] });
    await using raw = await RawClient.open(pki, own.port);
    const kept = [await finished(raw, random), await finished(raw, random)];
    const value = await submit(raw, random);
    const refused = onlyItem(await poll(raw, value));
    expect(refused).toMatchObject({ operation: 'RNGRetrieve', resultReason: 'ServerLimitExceeded' });
    expect(refused.resultMessage).toMatch(/Poll for results/);
    const undone = await exchange(raw, '2.1', [createItem('2.1'), random], MANDATORY);
    for (const one of valuesOf(undone))
      expect(outcomes(await poll(raw, one))).toEqual(['ServerLimitExceeded']);
    expect(await own.client().locate([])).toEqual([]);
    for (const one of kept) expect(outcomes(await poll(raw, one))).toEqual(['Success']);
    expect(outcomes(await poll(raw, await submit(raw, random)))).toEqual(['Success']);
  });

  test('and those for all clients are, together', async () => {
    await using own = await limited({ resultBytesOfAll: 65_536 });
    await using raw = await RawClient.open(pki, own.port);
    const { certificatePem: cert, privateKeyPem: key } = pki.west;
    await using other = await RawClient.open(pki, own.port, { cert, key });
    const first = await finished(raw, random);
    const second = await finished(raw, random);
    expect(outcomes(await poll(other, await submit(other, random)))).toEqual(['ServerLimitExceeded']);
    expect(outcomes(await poll(raw, first))).toEqual(['Success']);
    expect(outcomes(await poll(other, await submit(other, random)))).toEqual(['Success']);
    expect(outcomes(await poll(raw, second))).toEqual(['Success']);
  });

  test('as are those of requests that wait', async () => {
    await using own = await limited({ delayMs: NEVER_MS });
    await using raw = await RawClient.open(pki, own.port);
    const long = item('Log', { logMessage: 'x'.repeat(RESULT_BYTES) });
    await submit(raw, long);
    await submit(raw, long);
    expect(outcomes(await exchange(raw, '2.1', [long], MANDATORY))).toEqual(['ServerLimitExceeded']);
  });
});

test('many Polls for one result in one message give it many times', async () => {
  const value = valueOf(onlyItem(await ask([item('RNGRetrieve', { dataLength: 500 })], MANDATORY)));
  await ask([about('Process', value)]);
  const { batchItems } = await ask(Array.from({ length: 20 }, () => about('Poll', value)));
  const results = batchItems.map((one) => payloadOf(one, 'RNGRetrieve').data);
  expect(new Set(results.map((data) => data.toString('hex'))).size).toBe(1);
  expect(results[0]!.some((byte) => byte !== 0)).toBe(true);
});

test('a server without asynchronous answers says so to those who insist, and answers the others', async () => {
  await using own = await startKms(pki, { asynchronous: { enabled: false, operations: ['Create'] } });
  await using raw = await RawClient.open(pki, own.port);
  expect(outcomes(await exchange(raw, '2.1', [createItem('2.1')], MANDATORY))).toEqual([
    'FeatureNotSupported',
  ]);
  const optional: Partial<RequestHeader> = { asynchronousIndicator: 'Optional' };
  expect(outcomes(await exchange(raw, '1.4', [createItem('1.4')], optional))).toEqual(['Success']);
});

test('kpsim’s own client polls until the result is there', async () => {
  await using own = await startKms(pki);
  const kpsim = own.client({ protocolVersion: '2.1' });
  const attributes = [
    attributeOf('CryptographicAlgorithm', 'AES'),
    attributeOf('CryptographicUsageMask', 12),
  ];
  const create = { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes } } as const;
  let [result] = await kpsim.request([create], { asynchronousIndicator: 'Mandatory' });
  expect(result).toMatchObject({ operation: 'Create', payload: undefined, error: undefined });
  while (result?.pending) {
    const payload = { asynchronousCorrelationValue: result.pending };
    [result] = await kpsim.request([{ operation: 'Poll', payload }]);
  }
  expect(result).toMatchObject({ operation: 'Create', payload: { objectType: 'SymmetricKey' } });
});

describe('an injected fault', () => {
  test('that fails the operation fails it when it is performed', async () => {
    await using own = await startKms(pki, { asynchronous: { delayMs: NEVER_MS } });
    await using raw = await RawClient.open(pki, own.port);
    own.context.faults.add({ operation: 'Create', action: { kind: 'error', reason: 'Permission Denied' } });
    const value = valueOf(onlyItem(await exchange(raw, '2.1', [createItem('2.1')], MANDATORY)));
    await exchange(raw, '2.1', [about('Process', value)]);
    expect(outcomes(await exchange(raw, '2.1', [about('Poll', value)]))).toEqual(['PermissionDenied']);
  });

  test('that drops the answer leaves the request pending', async () => {
    await using own = await startKms(pki, { asynchronous: { delayMs: NEVER_MS } });
    await using raw = await RawClient.open(pki, own.port);
    own.context.faults.add({ operation: 'Create', action: { kind: 'drop', when: 'after' } });
    const value = valueOf(onlyItem(await exchange(raw, '2.1', [createItem('2.1')], MANDATORY)));
    await exchange(raw, '2.1', [about('Process', value)]);
    expect(outcomes(await exchange(raw, '2.1', [about('Poll', value)]))).toEqual(['OperationPending']);
    expect(await own.client().locate([])).toHaveLength(1);
  });
});

describe('the table of requests', () => {
  const requester = { name: 'vc', owner: 'shared' };
  const PING = { operations: ['Ping'], byteCount: 100 } as const;
  const config = parseKmsConfig({ tls: { certificatePem: 'x', privateKeyPem: 'x' } }).asynchronous;
  const answer = (): Answer => ({
    bytes: encodeResponse({
      header: { protocolVersion: protocolVersionOf('2.1'), timeStamp: 0, batchCount: 1 },
      batchItems: [{ operation: 'Ping', resultStatus: 'Success', responsePayload: {} }],
    }),
    delivery: 'send',
  });

  test('does not cancel what is being performed', async () => {
    const requests = new AsynchronousRequests(config, { clock: new AdjustableClock(), rng: systemRng });
    const events = new EventEmitter();
    const [value] = requests.submit(requester, PING, async (progress) => {
      progress.begin(0);
      events.emit('begun');
      await once(events, 'finish');
      return answer();
    });
    await once(events, 'begun');
    expect(requests.cancel(requester, value!)).toBe('UnableToCancel');
    expect(requests.outstanding(requester)).toMatchObject([{ processingStage: 'InProcess' }]);
    requests.process(requester, value!);
    const polled = requests.poll(requester, value!);
    events.emit('finish');
    expect((await polled).item).toMatchObject({ operation: 'Ping', resultStatus: 'Success' });
    expect(requests.cancel(requester, value!)).toBe('Completed');
    await requests.close();
  });

  test('waits for what is being performed when it is closed, and drops what has not begun', async () => {
    const delayed = { ...config, delayMs: NEVER_MS };
    const requests = new AsynchronousRequests(delayed, { clock: new AdjustableClock(), rng: systemRng });
    let performed = 0;
    const work = (): Promise<Answer> => {
      performed += 1;
      return Promise.resolve(answer());
    };
    requests.submit(requester, PING, work);
    const [hurried] = requests.submit(requester, PING, work);
    requests.process(requester, hurried!);
    await requests.poll(requester, hurried!);
    await requests.close();
    expect(performed).toBe(1);
  });
});
