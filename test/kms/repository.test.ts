import { describe, expect, onTestFinished, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { HeldValue, ManagedObject } from '../../kms/objects/managed-object.js';
import { ObjectRepository } from '../../kms/objects/repository.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';

async function repositoryOf(cachedObjects: number): Promise<ObjectRepository> {
  const directory = await makeDataDir();
  const store = await SqliteKmsStore.open(directory.path);
  onTestFinished(async () => {
    await store.close();
    await directory.remove();
  });
  return new ObjectRepository(store, { cachedObjects, cachedBytes: 1_000_000 });
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
