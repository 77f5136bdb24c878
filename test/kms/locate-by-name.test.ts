import fc from 'fast-check';
import { beforeAll, expect, onTestFinished, test, vi } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import type { KmipClient } from '../../kms/client.js';
import type { KmsConfigInput } from '../../kms/config.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import type { RequestPayload, ResponsePayload } from '../../wire/kmip/index.js';
import { STORAGE_STATUS_MASK, attributeOf } from '../../wire/kmip/index.js';
import type { TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/* A key whose Name is all that is asked for is found without the store. Each answer is compared with that of the store. */

type Asked = Partial<RequestPayload<'Locate'>>;
type Located = ResponsePayload<'Locate'>;

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

/** Policies that open nothing to others: where one does, other owners' objects of the name are searched for. */
const CLOSED: KmsConfigInput['policies'] = {
  default: [{ allow: ['owner'] }],
  public: [{ allow: ['owner'] }],
};

const named = (value: string) => attributeOf('Name', { value, type: 'UninterpretedTextString' });

async function locate(client: KmipClient, name: string, asked: Asked = {}): Promise<Located> {
  return client.perform('Locate', {
    ...asked,
    attributes: [named(name)],
    attributesStructure: [named(name)],
  });
}

/** The same search, but asked for twice over, which the store answers. */
async function locateInStore(client: KmipClient, name: string, asked: Asked = {}): Promise<Located> {
  const wanted = [named(name), named(name)];
  return client.perform('Locate', { ...asked, attributes: wanted, attributesStructure: wanted });
}

/** Performs a search and tells whether the store was asked. */
async function observed<T>(search: () => Promise<T>): Promise<{ found: T; inStore: boolean }> {
  using spy = vi.spyOn(SqliteKmsStore.prototype, 'search');
  const found = await search();
  return { found, inStore: spy.mock.calls.length > 0 };
}

/** A key of that name that was served once, and so is in memory. */
async function servedKey(client: KmipClient, name: string): Promise<string> {
  const id = await client.create({ name });
  await serve(client, id);
  return id;
}

/** The first Get writes: its object is not fresh any more. */
async function serve(client: KmipClient, id: string): Promise<void> {
  for (let round = 0; round < 2; round += 1) await client.get(id);
}

test.each(['1.0', '1.4', '2.1'] as const)('in KMIP %s a key in memory is found there', async (version) => {
  await using kms = await startKms(pki);
  const client = kms.client({ protocolVersion: version });
  const id = await servedKey(client, 'disk');
  await servedKey(client, 'other');
  const expected = await locateInStore(client, 'disk');
  expect(expected.uniqueIdentifiers).toEqual([id]);
  expect(await observed(() => locate(client, 'disk'))).toEqual({ found: expected, inStore: false });
  expect(await observed(() => locate(client, 'nothing'))).toMatchObject({ inStore: true });
});

test.each([
  ['no items', { maximumItems: 0 }],
  ['one item', { maximumItems: 1 }],
  ['the second', { offsetItems: 1 }],
  ['what is on-line', { storageStatusMask: STORAGE_STATUS_MASK.OnLineStorage }],
  ['what is archived', { storageStatusMask: STORAGE_STATUS_MASK.ArchivalStorage }],
  ['what is destroyed or on-line', { storageStatusMask: 5 }],
  ['fresh members of a group', { objectGroupMember: 'GroupMemberFresh' }],
] as const)('a search for %s is answered as the store would', async (_what, asked) => {
  await using kms = await startKms(pki);
  const client = kms.client({ protocolVersion: '2.1' });
  const former = await client.create({ name: 'disk' });
  await client.destroy(former);
  await servedKey(client, 'disk');
  expect(await locate(client, 'disk', asked)).toEqual(await locateInStore(client, 'disk', asked));
});

test('what is asked for besides, or left open, is looked for in the store', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  const id = await servedKey(client, 'disk');
  const state = (value: 'PreActive' | 'Active') => [named('disk'), { name: 'State', value }];
  const found = async (attributes: NonNullable<Asked['attributes']>) =>
    (await client.perform('Locate', { attributes })).uniqueIdentifiers;
  expect(await found(state('PreActive'))).toEqual([id]);
  expect(await found(state('Active'))).toBeUndefined();
  expect(await found([{ name: 'Name', value: { value: 'disk' } }])).toEqual([id]);
});

test('keys that were loaded after a start are found in memory', async () => {
  const directory = await makeDataDir();
  onTestFinished(() => directory.remove());
  const ids: string[] = [];
  {
    await using kms = await startKms(pki, {}, { dataDir: directory.path });
    for (let index = 0; index < 20; index += 1) ids.push(await servedKey(kms.client(), `disk ${index}`));
  }
  await using kms = await startKms(pki, {}, { dataDir: directory.path });
  await expect.poll(() => kms.context.metrics.render(), { timeout: 20_000 }).toContain('kmip_keys_loading 0');
  const client = kms.client();
  const { found, inStore } = await observed(() =>
    Promise.all(ids.map((_id, index) => locate(client, `disk ${index}`))),
  );
  expect(found.flatMap(({ uniqueIdentifiers }) => uniqueIdentifiers)).toEqual(ids);
  expect(inStore).toBe(false);
});

test('what an item of the same batch changed counts', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  const id = await servedKey(client, 'disk');
  const results = await client.request(
    [
      { operation: 'DeleteAttribute', payload: { uniqueIdentifier: id, attributeName: 'Name' } },
      { operation: 'Locate', payload: { attributes: [named('disk')] } },
    ],
    { batchOrderOption: true },
  );
  expect(results[1]?.payload).toEqual({ locatedItems: 0 });
});

test('what is found goes into the ID Placeholder', async () => {
  await using kms = await startKms(pki);
  const client = kms.client();
  const id = await servedKey(client, 'disk');
  const results = await client.request(
    [
      { operation: 'Locate', payload: { attributes: [named('disk')] } },
      { operation: 'GetAttributeList', payload: {} },
    ],
    { batchOrderOption: true },
  );
  expect(results[1]?.payload).toMatchObject({ uniqueIdentifier: id });
});

test('owners have names of their own', async () => {
  await using kms = await startKms(pki, { ownerPolicy: 'per-client', policies: CLOSED });
  const [east, west] = [kms.client(), kms.client({}, pki.west)];
  const ids = [await servedKey(east, 'disk'), await servedKey(west, 'disk')];
  for (const [index, client] of [east, west].entries()) {
    const { found, inStore } = await observed(() => locate(client, 'disk'));
    expect(found.uniqueIdentifiers).toEqual([ids[index]]);
    expect(inStore).toBe(false);
  }
});

test('objects that policies open to others are found beside the own key', async () => {
  const open: typeof CLOSED = { open: [{ allow: ['everyone'] }] };
  await using kms = await startKms(pki, { ownerPolicy: 'per-client', policies: open });
  const [east, west] = [kms.client(), kms.client({}, pki.west)];
  const own = await servedKey(east, 'disk');
  const opened = await west.create({
    name: 'disk',
    attributes: [attributeOf('OperationPolicyName', 'open')],
  });
  await west.get(opened);
  expect((await locate(east, 'disk')).uniqueIdentifiers).toEqual([own, opened]);
});

test('a key that its policy hides from its owner is not found', async () => {
  const policies = { ...CLOSED, hidden: [{ operations: ['Locate'], allow: [] }] } satisfies typeof CLOSED;
  await using kms = await startKms(pki, { policies });
  const client = kms.client();
  const attributes = [attributeOf('OperationPolicyName', 'hidden')];
  const id = await client.create({ name: 'disk', attributes });
  await serve(client, id);
  expect(await locate(client, 'disk')).toEqual({ locatedItems: 0 });
});

/** What may befall keys; each step is about one of the keys, or of the names, there are. */
const STEPS = ['create', 'serve', 'rename', 'unname', 'addName', 'archive', 'recover', 'destroy'] as const;
const NAMES = ['a', 'b', 'c'];

async function take(
  step: (typeof STEPS)[number],
  client: KmipClient,
  id: string,
  name: string,
): Promise<unknown> {
  switch (step) {
    case 'create':
      return client.create({ name });
    case 'serve':
      return serve(client, id);
    case 'rename':
      return client.modifyAttribute(id, named(name));
    case 'unname':
      return client.deleteAttribute(id, 'Name', 0);
    case 'addName':
      return client.addAttributes(id, [named(name)]);
    case 'archive':
      return client.archive(id);
    case 'recover':
      return client.recover(id);
    case 'destroy':
      return client.destroy(id);
  }
}

test('whatever befell keys, they are found as the store would', async () => {
  await using kms = await startKms(pki, { ownerPolicy: 'per-client', policies: CLOSED });
  const clients = [kms.client(), kms.client({}, pki.west)];
  const step = fc.record({
    what: fc.constantFrom(...STEPS, 'serve' as const, 'create' as const),
    by: fc.nat({ max: 1 }),
    key: fc.nat({ max: 5 }),
    name: fc.constantFrom(...NAMES),
  });
  let inMemory = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 40 }), async (steps) => {
      const keys = await Promise.all(
        clients.map((client) => Promise.all(NAMES.map((name) => servedKey(client, name)))),
      );
      for (const { what, by, key, name } of steps) {
        const client = clients[by]!;
        const own = keys[by]!;
        const result = await take(what, client, own[key % own.length]!, name).catch(() => undefined);
        if (what === 'create' && typeof result === 'string') own.push(result);
        const { found, inStore } = await observed(() => locate(client, name));
        expect(found).toEqual(await locateInStore(client, name));
        if (!inStore) inMemory += 1;
      }
      for (const [index, client] of clients.entries()) {
        for (const id of keys[index]!) await client.recover(id).catch(() => undefined);
        for (const id of keys[index]!) await client.destroy(id).catch(() => undefined);
      }
    }),
    { numRuns: 20 },
  );
  expect(inMemory).toBeGreaterThan(50);
});
