import { join } from 'node:path';

import { DatabaseSync } from '@photostructure/sqlite';
import { describe, expect, onTestFinished, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { HeldValue, ManagedObject } from '../../kms/objects/managed-object.js';
import type { AttributeMap, ManagedObjectFields } from '../../kms/objects/managed-object.js';
import { ObjectRepository } from '../../kms/objects/repository.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { AttributeName, ManagedObjectValue } from '../../wire/kmip/index.js';

async function repositoryOf(cachedObjects: number): Promise<ObjectRepository> {
  const directory = await makeDataDir();
  const store = await SqliteKmsStore.open(directory.path);
  onTestFinished(async () => {
    await store.close();
    await directory.remove();
  });
  return new ObjectRepository(store, { cachedObjects, cachedBytes: 1_000_000, cachedKeys: 100 });
}

/** Commits secrets that have not been read since. */
async function commit(repository: ObjectRepository, ...uniqueIdentifiers: readonly string[]): Promise<void> {
  for (const uniqueIdentifier of uniqueIdentifiers) {
    const after = new ManagedObject({
      uniqueIdentifier,
      owner: 'lab',
      objectType: 'OpaqueObject',
      attributes: new Map(),
      value: {
        objectType: 'OpaqueObject',
        opaqueDataType: 0x80000000,
        opaqueDataValue: Buffer.from('value'),
      },
      revision: 0,
    });
    await repository.commit([{ before: undefined, after }]);
  }
}

function inMemory(repository: ObjectRepository, ...uniqueIdentifiers: readonly string[]): readonly string[] {
  return uniqueIdentifiers.filter((one) => repository.held(one) !== undefined);
}

test('what was read since stays in memory, and what was not makes room', async () => {
  const repository = await repositoryOf(3);
  await commit(repository, 'a', 'b', 'c', 'd');
  // All three had their first chance when `a` went; `b` and `d` are used again.
  await repository.read('b');
  await repository.read('d');
  await commit(repository, 'e');
  expect(inMemory(repository, 'a', 'b', 'c', 'd', 'e')).toEqual(['b', 'd', 'e']);
  repository.close();
});

test('with everything in use the oldest makes room', async () => {
  const repository = await repositoryOf(3);
  await commit(repository, 'a', 'b', 'c');
  for (const one of ['c', 'a', 'b']) await repository.read(one);
  await commit(repository, 'd');
  expect(inMemory(repository, 'a', 'b', 'c', 'd')).toEqual(['b', 'c', 'd']);
  repository.close();
});

test('a repository that may keep nothing keeps nothing', async () => {
  const repository = await repositoryOf(0);
  await commit(repository, 'a', 'b');
  expect(inMemory(repository, 'a', 'b')).toEqual([]);
  expect((await repository.read('a'))?.uniqueIdentifier).toBe('a');
  repository.close();
});

test('what is in memory of a committed object stays as it is while others are written', async () => {
  const repository = await repositoryOf(10);
  const description = (uniqueIdentifier: string): string => `what ${uniqueIdentifier} is for`;
  for (const uniqueIdentifier of ['a', 'b', 'c']) {
    await commit(repository, uniqueIdentifier);
    const before = (await repository.read(uniqueIdentifier))!;
    const after = before.with({ Description: description(uniqueIdentifier) });
    await repository.commit([{ before, after }]);
  }
  for (const uniqueIdentifier of ['a', 'b', 'c']) {
    const object = repository.held(uniqueIdentifier);
    expect(object).toMatchObject({ uniqueIdentifier, owner: 'lab', objectType: 'OpaqueObject', revision: 2 });
    expect(object?.get('Description')).toBe(description(uniqueIdentifier));
    expect(object?.value).toMatchObject({ opaqueDataValue: Buffer.from('value') });
  }
  repository.close();
});

describe('an object that a request reads and changes', () => {
  const tagged = (object: ManagedObject, tag: string): ManagedObject =>
    object.withInstances(tag, [{ index: 0, value: { type: 'TextString', value: tag } }]);

  /** What a request of its own finds. */
  async function valueOf(repository: ObjectRepository, uniqueIdentifier: string): Promise<string> {
    const lease = repository.beginRequest();
    const value = (await repository.read(uniqueIdentifier))?.value;
    const text = value && 'opaqueDataValue' in value ? value.opaqueDataValue.toString() : 'no value';
    repository.endRequest(lease);
    return text;
  }

  /** Changes an object once, with something else going on between reading and committing. */
  async function change(
    repository: ObjectRepository,
    uniqueIdentifier: string,
    tag: string,
    meanwhile: () => Promise<void> = () => Promise.resolve(),
  ): Promise<void> {
    const lease = repository.beginRequest();
    const before = (await repository.read(uniqueIdentifier))!;
    await meanwhile();
    await repository.commit([{ before, after: tagged(before, tag) }]);
    repository.endRequest(lease);
  }

  test('keeps its value where it was not in memory', async () => {
    const repository = await repositoryOf(2);
    await commit(repository, 'a', 'b', 'c');
    expect(inMemory(repository, 'a')).toEqual([]);
    await change(repository, 'a', 'x-1');
    expect(inMemory(repository, 'a')).toEqual(['a']);
    expect(await valueOf(repository, 'a')).toBe('value');
    await change(repository, 'a', 'x-2');
    await commit(repository, 'd', 'e', 'f');
    expect(inMemory(repository, 'a')).toEqual([]);
    expect(await valueOf(repository, 'a')).toBe('value');
    repository.close();
  });

  test('keeps its value where it left memory meanwhile', async () => {
    const repository = await repositoryOf(1);
    await commit(repository, 'a');
    await change(repository, 'a', 'x-1', async () => {
      await commit(repository, 'b', 'c');
      expect(inMemory(repository, 'a')).toEqual([]);
    });
    expect(await valueOf(repository, 'a')).toBe('value');
    await change(repository, 'a', 'x-2');
    await commit(repository, 'd', 'e');
    expect(await valueOf(repository, 'a')).toBe('value');
    repository.close();
  });

  test('keeps its value for another request while it leaves memory again', async () => {
    const repository = await repositoryOf(1);
    await commit(repository, 'a', 'b');
    const first = repository.beginRequest();
    const before = (await repository.read('a'))!;
    await repository.commit([{ before, after: tagged(before, 'x-1') }]);
    const second = repository.beginRequest();
    const value = (await repository.read('a'))?.value;
    await commit(repository, 'c', 'd');
    expect(inMemory(repository, 'a')).toEqual([]);
    repository.endRequest(first);
    expect(value).toMatchObject({ opaqueDataValue: Buffer.from('value') });
    repository.endRequest(second);
    expect(value).toMatchObject({ opaqueDataValue: Buffer.alloc(5) });
    repository.close();
  });
});

test('a value that was cleared is opened again, or is gone', () => {
  const fresh = () => ({
    objectType: 'OpaqueObject' as const,
    opaqueDataType: 0x80000000,
    opaqueDataValue: Buffer.from('value'),
  });
  const sealed = new HeldValue(fresh);
  sealed.get();
  sealed.clear();
  expect(sealed.get()).toEqual(fresh());
  const given = new HeldValue(fresh());
  given.clear();
  expect(() => given.get()).toThrow(/after it was cleared/);
});

describe('keys in memory', () => {
  const uuidOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;
  const keyOf = (number: number): Buffer => Buffer.alloc(32, number);

  function symmetricKey(number: number, fields: Partial<ManagedObjectFields> = {}): ManagedObject {
    return new ManagedObject({
      uniqueIdentifier: uuidOf(number),
      owner: 'lab',
      objectType: 'SymmetricKey',
      attributes: new Map(),
      value: {
        objectType: 'SymmetricKey',
        keyBlock: {
          keyFormatType: 'Raw',
          keyValue: { keyMaterial: keyOf(number) },
          cryptographicAlgorithm: 'AES',
          cryptographicLength: 256,
        },
      },
      revision: 0,
      ...fields,
    });
  }

  async function make(repository: ObjectRepository, ...objects: readonly ManagedObject[]): Promise<void> {
    await repository.commit(objects.map((after) => ({ before: undefined, after })));
  }

  function held(repository: ObjectRepository, number: number): Buffer | undefined {
    const found = repository.keys!.find(Buffer.from(uuidOf(number)), 0);
    if (found === 0) return undefined;
    const key = Buffer.alloc(32);
    repository.keys!.copyKey(found, key, 0);
    return key;
  }

  test('are those of the store after a load, the newest if there is not room for all', async () => {
    const repository = await repositoryOf(10);
    const numbers = Array.from({ length: 120 }, (_, index) => index + 1);
    await make(repository, ...numbers.map((number) => symmetricKey(number)));
    await repository.loadKeys();
    expect(numbers.filter((number) => held(repository, number) !== undefined)).toEqual(numbers.slice(-100));
    expect(numbers.slice(-100).filter((number) => !held(repository, number)!.equals(keyOf(number)))).toEqual(
      [],
    );
    repository.close();
    expect(repository.keys?.size).toBe(0);
  });

  test('leave memory when their objects change or go, also in the midst of a load', async () => {
    const repository = await repositoryOf(0);
    const numbers = Array.from({ length: 90 }, (_, index) => index + 1);
    await make(repository, ...numbers.map((number) => symmetricKey(number)));
    const loaded = repository.loadKeys();
    const change = async (number: number, to: (object: ManagedObject) => ManagedObject | undefined) => {
      const lease = repository.beginRequest();
      const before = (await repository.read(uuidOf(number)))!;
      await repository.commit([{ before, after: to(before) }]);
      repository.endRequest(lease);
    };
    // Some that are loaded already, and some that are not.
    await Promise.all([
      ...[90, 89, 2].map((number) => change(number, (object) => object.with({ Sensitive: true }))),
      ...[88, 1].map((number) => change(number, () => undefined)),
    ]);
    await loaded;
    const there = numbers.filter((number) => held(repository, number) !== undefined);
    expect(there).toEqual(numbers.filter((number) => ![90, 89, 88, 2, 1].includes(number)));
    repository.close();
  });

  test('are not to be had where others write to the store too', async () => {
    const directory = await makeDataDir();
    const store = await SqliteKmsStore.open(directory.path);
    onTestFinished(async () => {
      await store.close();
      await directory.remove();
    });
    const shared = Object.create(store, { shared: { value: true } }) as SqliteKmsStore;
    const repository = new ObjectRepository(shared, { cachedObjects: 0, cachedBytes: 0, cachedKeys: 100 });
    expect(repository.keys).toBeUndefined();
    await repository.loadKeys();
    expect(repository.keys).toBeUndefined();
  });

  test('are loaded although one of the objects is damaged', async () => {
    const directory = await makeDataDir();
    const store = await SqliteKmsStore.open(directory.path);
    onTestFinished(async () => {
      await store.close();
      await directory.remove();
    });
    const repository = new ObjectRepository(store, { cachedObjects: 0, cachedBytes: 0, cachedKeys: 100 });
    await make(repository, ...[1, 2, 3, 4].map((number) => symmetricKey(number)));
    const other = new DatabaseSync(join(directory.path, 'kms.db'));
    other.exec(`UPDATE objects SET value = zeroblob(64) WHERE unique_identifier = '${uuidOf(2)}'`);
    other.exec(`UPDATE objects SET attributes = x'42' WHERE unique_identifier = '${uuidOf(3)}'`);
    other.close();
    await repository.loadKeys();
    expect([1, 2, 3, 4].filter((number) => held(repository, number) !== undefined)).toEqual([1, 4]);
    repository.close();
  });

  test('are only those that a Get hands out as they are stored', async () => {
    const repository = await repositoryOf(0);
    const value = symmetricKey(1).value as Extract<ManagedObjectValue, { objectType: 'SymmetricKey' }>;
    const { keyBlock } = value;
    const withBlock = (other: Partial<typeof keyBlock>): ManagedObjectValue => ({
      ...value,
      keyBlock: { ...keyBlock, ...other },
    });
    const attribute = (name: AttributeName, value: unknown): AttributeMap =>
      new Map([[name, [{ index: 0, value }]]]);
    const others = [
      symmetricKey(1, { attributes: attribute('Fresh', true) }),
      symmetricKey(2, { attributes: attribute('Sensitive', true) }),
      symmetricKey(3, { attributes: attribute('Extractable', false) }),
      symmetricKey(4, { attributes: attribute('ArchiveDate', 1) }),
      symmetricKey(5, { value: undefined }),
      symmetricKey(6, { value: withBlock({ keyFormatType: 'Opaque' }) }),
      symmetricKey(7, {
        value: withBlock({ keyValue: Buffer.alloc(40), keyWrappingData: { wrappingMethod: 'Encrypt' } }),
      }),
      symmetricKey(8, { value: withBlock({ keyWrappingData: { wrappingMethod: 'MACSign' } }) }),
      symmetricKey(9, {
        value: withBlock({
          keyValue: { keyMaterial: keyOf(9), attributes: [attributeOf('Description', 'b')] },
        }),
      }),
      symmetricKey(10, {
        objectType: 'SecretData',
        value: { objectType: 'SecretData', secretDataType: 'Password', keyBlock },
      }),
      symmetricKey(11, { value: withBlock({ keyValue: { keyMaterial: Buffer.alloc(33) } }) }),
    ];
    const plain = [
      symmetricKey(12, { attributes: attribute('Fresh', false) }),
      symmetricKey(13, { attributes: attribute('OperationPolicyName', 'open') }),
      symmetricKey(14, { owner: 'west' }),
      symmetricKey(15),
      symmetricKey(16),
    ];
    await make(repository, ...others, ...plain);
    await repository.loadKeys();
    expect(
      [...others, ...plain].map((_, index) => index + 1).filter((number) => held(repository, number)),
    ).toEqual([12, 13, 14, 15, 16]);
    const kinds = [12, 13, 14, 15, 16].map((number) =>
      repository.keys!.kindOf(repository.keys!.find(Buffer.from(uuidOf(number)), 0)),
    );
    expect(new Set(kinds).size).toBe(3);
    expect(new Set([kinds[0], kinds[3], kinds[4]]).size).toBe(1);
    repository.close();
  });
});
