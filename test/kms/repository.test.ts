import { expect, onTestFinished, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { ManagedObject } from '../../kms/objects/managed-object.js';
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
