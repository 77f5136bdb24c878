import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import type { KmipClient } from '../../kms/client.js';
import type { Attribute, RequestPayload } from '../../wire/kmip/index.js';
import { LARGEST_DATE_TIME, STORAGE_STATUS_MASK, attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/* Locate: KMIP 1.4 §4.9, KMIP 2.1 §6.1.28. */

type Asked = Partial<RequestPayload<'Locate'>>;
type Pattern = NonNullable<Asked['attributes']>[number];

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
  client = kms.client();
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const pattern = (name: string, value: unknown): Pattern => ({ name, value });
const locate = (by: KmipClient, attributes: readonly Pattern[], asked: Asked = {}) =>
  by.perform('Locate', { ...asked, attributes, attributesStructure: attributes });
const found = async (attributes: readonly Pattern[], asked: Asked = {}, by = client) =>
  (await locate(by, attributes, asked)).uniqueIdentifiers ?? [];

/** One key, and values by which it is found, and some by which it is not. */
const MATCHES: readonly (readonly [Attribute, readonly unknown[], readonly unknown[]])[] = [
  [
    attributeOf('Name', { value: 'n', type: 'UninterpretedTextString' }),
    [
      { value: 'n', type: 'UninterpretedTextString' },
      { value: 'n' },
      { type: 'UninterpretedTextString' },
      {},
    ],
    [{ value: 'm' }, { value: 'n', type: 'URI' }, { type: 'URI' }],
  ],
  [
    attributeOf('Link', { type: 'ParentLink', linkedObjectIdentifier: 'p' }),
    [
      { type: 'ParentLink' },
      { linkedObjectIdentifier: 'p' },
      { type: 'ParentLink', linkedObjectIdentifier: 'p' },
    ],
    [
      { type: 'ChildLink' },
      { linkedObjectIdentifier: 'q' },
      { type: 'ParentLink', linkedObjectIdentifier: 'q' },
    ],
  ],
  [
    attributeOf('ApplicationSpecificInformation', { applicationNamespace: 'ns', applicationData: 'd' }),
    [{ applicationNamespace: 'ns' }, { applicationData: 'd' }],
    [{ applicationNamespace: 'other' }, { applicationNamespace: 'ns', applicationData: 'e' }],
  ],
  [
    attributeOf('CryptographicParameters', { blockCipherMode: 'GCM', tagLength: 16, randomIv: true }),
    [{ blockCipherMode: 'GCM' }, { tagLength: 16, randomIv: true }, {}],
    [{ blockCipherMode: 'CBC' }, { tagLength: 12 }, { blockCipherMode: 'GCM', paddingMethod: 'PKCS5' }],
  ],
  [
    attributeOf('UsageLimits', { total: 100n, unit: 'Byte' }),
    [{ total: 100n }, { total: 50n, unit: 'Byte' }, { count: 100n }],
    [{ total: 101n }, { count: 101n }, { unit: 'Object' }],
  ],
  [attributeOf('CryptographicUsageMask', 12), [12, 4, 8, 0], [13, 1]],
  [attributeOf('ObjectGroup', 'group'), ['group'], ['Group', '']],
  [attributeOf('ContactInformation', 'me'), ['me'], ['you']],
  [attributeOf('Sensitive', true), [true], [false]],
  [
    { name: 'x-counter', value: { type: 'Integer', value: 7 } },
    [{ type: 'Integer', value: 7 }],
    [
      { type: 'Integer', value: 8 },
      { type: 'TextString', value: '7' },
    ],
  ],
];

describe.each(['1.4', '2.1'] as const)('in KMIP %s', (protocolVersion) => {
  test.each(MATCHES)('by $name', async (attribute, matching, failing) => {
    await using own = await startKms(pki);
    const by = own.client({ protocolVersion });
    const isMask = attribute.name === 'CryptographicUsageMask';
    const id = await by.create({ attributes: isMask ? [] : [attribute] });
    for (const value of matching) {
      expect(await found([pattern(attribute.name, value)], {}, by), JSON.stringify(value, text)).toEqual([
        id,
      ]);
    }
    for (const value of failing) {
      expect(await found([pattern(attribute.name, value)], {}, by), JSON.stringify(value, text)).toEqual([]);
    }
  });
});
const text = (_key: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value);

test('computed attributes are searched like stored ones', async () => {
  const id = await client.create({ name: 'computed' });
  const modern = kms.client({ protocolVersion: '2.1' });
  const [short] = await modern.getAttributes(id, ['ShortUniqueIdentifier']);
  expect(await found([pattern('ShortUniqueIdentifier', short?.value)], {}, modern)).toEqual([id]);
  expect(await found([pattern('UniqueIdentifier', id)])).toEqual([id]);
  expect(await found([pattern('UniqueIdentifier', id), pattern('State', 'Active')])).toEqual([]);
  expect(await found([pattern('UniqueIdentifier', 'nothing')])).toEqual([]);
});

test('a date is met exactly, or lies between two', async () => {
  const id = await client.create({ attributes: [attributeOf('DeactivationDate', 4_000_000_000)] });
  const at = (...dates: number[]) => found(dates.map((date) => pattern('DeactivationDate', date)));
  expect(await at(4_000_000_000)).toEqual([id]);
  expect(await at(4_000_000_001)).toEqual([]);
  expect(await at(4_000_000_000, 3_999_999_999)).toEqual([id]);
  expect(await at(4_000_000_001, 4_000_000_002)).toEqual([]);
  await expect(at(1, 2, 3)).rejects.toMatchObject({ reason: 'InvalidField' });
});

test('the largest date there is stands for none', async () => {
  const attributes = [attributeOf('ObjectGroup', 'dated or not')];
  const group = pattern('ObjectGroup', 'dated or not');
  const undated = await client.create({ attributes });
  const dated = await client.create({ attributes: [...attributes, attributeOf('DeactivationDate', 4e9)] });
  const at = (...dates: number[]) => [group, ...dates.map((date) => pattern('DeactivationDate', date))];
  expect(await found(at(LARGEST_DATE_TIME))).toEqual([undated]);
  expect(await found(at(4e9, LARGEST_DATE_TIME))).toEqual([dated, undated]);
  expect(await found(at(4e9 + 1, LARGEST_DATE_TIME))).toEqual([undated]);
  expect(await found(at(0, 4e9))).toEqual([dated]);
});

describe('the Storage Status Mask', () => {
  const { OnLineStorage, ArchivalStorage, DestroyedStorage } = STORAGE_STATUS_MASK;
  test.each([
    [undefined, ['on-line']],
    [OnLineStorage, ['on-line']],
    [ArchivalStorage, ['archived']],
    [DestroyedStorage, ['destroyed']],
    [OnLineStorage | ArchivalStorage, ['on-line', 'archived']],
    [OnLineStorage | ArchivalStorage | DestroyedStorage, ['on-line', 'archived', 'destroyed']],
    [0, []],
  ])('%s finds %o', async (storageStatusMask, expected) => {
    await using own = await startKms(pki);
    const by = own.client({ protocolVersion: '2.1' });
    const ids: Record<string, string> = {};
    for (const state of ['destroyed', 'archived', 'on-line']) ids[state] = await by.create();
    await by.perform('Archive', { uniqueIdentifier: ids.archived });
    await by.destroy(ids.destroyed!);
    expect(await found([], { storageStatusMask }, by)).toEqual(expected.map((state) => ids[state]));
  });
});

test('pages are cut newest first, and counted', async () => {
  const ids: string[] = [];
  const group = attributeOf('ObjectGroup', 'pages');
  for (let index = 0; index < 5; index += 1) ids.unshift(await client.create({ attributes: [group] }));
  const page = (offsetItems: number | undefined, maximumItems: number) =>
    locate(client, [group], { offsetItems, maximumItems });
  expect(await page(undefined, 2)).toEqual({ locatedItems: 5, uniqueIdentifiers: ids.slice(0, 2) });
  expect(await page(2, 2)).toEqual({ locatedItems: 5, uniqueIdentifiers: ids.slice(2, 4) });
  expect(await page(4, 2)).toEqual({ locatedItems: 5, uniqueIdentifiers: ids.slice(4) });
  expect(await page(9, 2)).toEqual({ locatedItems: 5 });
  expect(await page(0, 0)).toEqual({ locatedItems: 5 });
  await expect(page(-1, 1)).rejects.toMatchObject({ reason: 'InvalidField' });
});

describe('members of an object group', () => {
  const group = (name: string) => [pattern('ObjectGroup', name)];
  const fresh = { objectGroupMember: 'GroupMemberFresh', maximumItems: 1 } as const;

  test('are handed out fresh, oldest first, until there are none', async () => {
    const ids = [];
    for (let index = 0; index < 2; index += 1)
      ids.push(await client.create({ attributes: [attributeOf('ObjectGroup', 'fresh')] }));
    for (const id of ids) {
      expect(await found(group('fresh'), fresh)).toEqual([id]);
      await client.get(id);
    }
    expect(await found(group('fresh'), fresh)).toEqual([]);
  });

  test('are made where the group is configured so', async () => {
    const generatedGroups = { lab: { algorithm: 'DES3', lengthBits: 192, usageMask: 48 } } as const;
    await using own = await startKms(pki, { generatedGroups });
    const by = own.client();
    const [id] = await found(group('lab'), fresh, by);
    expect(await found(group('lab'), fresh, by)).toEqual([id]);
    expect(await by.get(id!)).toMatchObject({ algorithm: 'DES3', lengthBits: 192 });
    const [next] = await found(group('lab'), fresh, by);
    expect(next).not.toBe(id);
    expect(await found(group('default'), fresh, by)).toEqual([]);
  });

  test('take turns as the default one', async () => {
    const ids: string[] = [];
    for (let index = 0; index < 3; index += 1)
      ids.push(await client.create({ attributes: [attributeOf('ObjectGroup', 'turns')] }));
    const asked = { objectGroupMember: 'GroupMemberDefault', maximumItems: 1 } as const;
    const turns: unknown[] = [];
    for (let index = 0; index < 4; index += 1) turns.push((await found(group('turns'), asked))[0]);
    expect(turns).toEqual([...ids, ids[0]]);
    await client.destroy(ids[1]!);
    expect(await found(group('turns'), asked)).toEqual([ids[2]]);
  });
});

test('an object must have all that is asked for, however much that is', async () => {
  const contacts = Array.from({ length: 1500 }, (_, index) =>
    attributeOf('ContactInformation', `contact ${index % 9}`),
  );
  const [contact] = contacts;
  const id = await client.create({ attributes: [contact!] });
  expect(await found(contacts.map(() => contact!))).toEqual([id]);
  expect(await found(contacts)).toEqual([]);
  expect(await found([...contacts.slice(0, 8).map(() => contact!), contacts[1]!])).toEqual([]);
});

test('a search by name reads one object, not all', async () => {
  await using own = await startKms(pki, { limits: { cachedObjects: 0 } });
  const by = own.client({ poolSize: 8 });
  await Promise.all(Array.from({ length: 40 }, (_, index) => by.create({ name: `key ${index}` })));
  const read = vi.spyOn(SqliteKmsStore.prototype, 'read');
  const search = vi.spyOn(SqliteKmsStore.prototype, 'search');
  const name = pattern('Name', { value: 'key 7', type: 'UninterpretedTextString' });
  const ids = await found([name], { maximumItems: 1 }, by);
  const reads = read.mock.calls.length;
  const searched = await Promise.all(search.mock.results.map(({ value }) => value as Promise<unknown[]>));
  vi.restoreAllMocks();
  expect(ids).toHaveLength(1);
  expect(reads).toBe(0);
  expect(searched.flat()).toEqual(
    ids.map((id): unknown => expect.objectContaining({ uniqueIdentifier: id })),
  );
});
