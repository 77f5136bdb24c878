import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import type { ResponseMessage } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import type { Item } from './messages.js';
import { createItem, exchange, item, outcomes, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

/* A Locate for what is not indexed looks at every object; a batch may hold many of them. */

const KEYS = 40;
let pki: TestPki;
let kms: TestKms;
let client: RawClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { limits: { searchedObjects: 100 } });
  client = await RawClient.open(pki, kms.port);
  await exchange(
    client,
    '2.1',
    Array.from({ length: KEYS }, () => createItem('2.1')),
  );
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await kms[Symbol.asyncDispose]();
});

const locate = (...attributes: ReturnType<typeof attributeOf>[]): Item =>
  item('Locate', { attributes, attributesStructure: attributes });
/** No key is sensitive, and the store has no index of that. */
const unindexed = locate(attributeOf('Sensitive', true));
const many = (one: Item, count: number) => Array.from({ length: count }, () => one);
const send = (items: readonly Item[], version: '1.4' | '2.1' = '2.1'): Promise<ResponseMessage> =>
  exchange(client, version, items, { batchErrorContinuationOption: 'Continue' });

describe('what one request may search', () => {
  test('is counted over its batch items; those beyond it fail and say what to do', async () => {
    const answer = await send([...many(unindexed, 4), createItem('2.1')]);
    expect(outcomes(answer)).toEqual([
      'Success',
      'Success',
      'ServerLimitExceeded',
      'ServerLimitExceeded',
      'Success',
    ]);
    expect(answer.batchItems[2]?.resultMessage).toMatch(/Ask for a Name/);
    expect(outcomes(await send(many(unindexed, 3), '1.4'))).toEqual(['Success', 'Success', 'GeneralFailure']);
  });

  test('begins anew with the next request', async () => {
    for (let turn = 0; turn < 3; turn += 1)
      expect(outcomes(await send(many(unindexed, 2)))).toEqual(['Success', 'Success']);
  });

  test('is hardly touched by what an index finds', async () => {
    const name = attributeOf('Name', { value: 'indexed', type: 'UninterpretedTextString' });
    const id = await kms.client().create({ name: 'indexed' });
    const answer = await send(many(locate(name), 30));
    for (const one of answer.batchItems) expect(payloadOf(one, 'Locate').uniqueIdentifiers).toEqual([id]);
  });

  test('counts keys that are found in memory like those that are found in the store', async () => {
    const limits = { searchedObjects: 10 };
    const name = attributeOf('Name', { value: 'served', type: 'UninterpretedTextString' });
    const answers: (readonly string[])[] = [];
    for (const cachedKeys of [0, 100]) {
      await using own = await startKms(pki, { limits: { ...limits, cachedKeys } });
      const id = await own.client().create({ name: 'served' });
      for (let round = 0; round < 2; round += 1) await own.client().get(id);
      await using raw = await RawClient.open(pki, own.port);
      const several = many(locate(name), 7);
      answers.push(
        outcomes(await exchange(raw, '2.1', several, { batchErrorContinuationOption: 'Continue' })),
      );
    }
    expect(answers[0]!.filter((outcome) => outcome === 'Success')).toHaveLength(5);
    expect(answers[1]).toEqual(answers[0]);
  });

  test('is hardly touched by what is asked for beside a Name, however much', async () => {
    const name = attributeOf('Name', { value: 'beside', type: 'UninterpretedTextString' });
    const shared = Array.from({ length: 20 }, (_, index) => attributeOf('ObjectGroup', `group ${index}`));
    const creating = Array.from({ length: KEYS }, () => kms.client().create({ attributes: shared }));
    await Promise.all(creating);
    const id = await kms.client().create({ name: 'beside', attributes: shared });
    const type = attributeOf('ObjectType', 'SymmetricKey');
    const all = [...Array.from({ length: 20 }, () => type), ...shared, name];
    const answer = await send(many(locate(...all), 30));
    for (const one of answer.batchItems) expect(payloadOf(one, 'Locate').uniqueIdentifiers).toEqual([id]);
  });

  test('holds for objects of others that are looked at in vain', async () => {
    const policies = { named: [{ operations: ['Locate' as const], allow: ['group:auditors' as const] }] };
    const clients = [{ commonName: 'vc-west', groups: ['auditors'] }];
    const limits = { searchedObjects: 30 };
    await using own = await startKms(pki, { ownerPolicy: 'per-client', policies, clients, limits });
    const policy = attributeOf('OperationPolicyName', 'named');
    await Promise.all(Array.from({ length: 20 }, () => own.client().create({ attributes: [policy] })));
    const west = own.client({}, pki.west);
    await expect(west.locate([attributeOf('Sensitive', true)])).resolves.toEqual([]);
    await Promise.all(Array.from({ length: 20 }, () => own.client().create({ attributes: [policy] })));
    await expect(west.locate([attributeOf('Sensitive', true)])).rejects.toThrow(/more than 30 objects/);
  });
});

test('others are served while a batch searches, also where each of its searches is short', async () => {
  await using own = await startKms(pki);
  await using searching = await RawClient.open(pki, own.port);
  await exchange(
    searching,
    '2.1',
    Array.from({ length: KEYS }, () => createItem('2.1')),
  );
  let turns = 0;
  const turnsAt: number[] = [];
  let ticking = true;
  const tick = () => {
    turns += 1;
    if (ticking) setImmediate(tick);
  };
  tick();
  const original = Object.getOwnPropertyDescriptor(SqliteKmsStore.prototype, 'search')!
    .value as SqliteKmsStore['search'];
  vi.spyOn(SqliteKmsStore.prototype, 'search').mockImplementation(function (this: SqliteKmsStore, query) {
    turnsAt.push(turns);
    return original.call(this, query);
  });
  const answer = await exchange(searching, '2.1', many(unindexed, 64));
  vi.restoreAllMocks();
  ticking = false;
  expect(new Set(outcomes(answer))).toEqual(new Set(['Success']));
  expect(turnsAt).toHaveLength(64);
  // 64 searches of 40 objects: a turn of the event loop after every 64 objects.
  expect(turnsAt.at(-1)! - turnsAt[0]!).toBeGreaterThanOrEqual(30);
});
