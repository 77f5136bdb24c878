import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import type { KmsStore } from '../../kms/store.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import { storeContract } from './store-contract.js';

storeContract('SQLite', async () => {
  const directory = await makeDataDir();
  const opened: KmsStore[] = [];
  const open = async (): Promise<KmsStore> => {
    const store = await SqliteKmsStore.open(directory.path);
    opened.push(store);
    return store;
  };
  return {
    store: await open(),
    reopen: open,
    async [Symbol.asyncDispose]() {
      for (const store of opened) await store.close();
      await directory.remove();
    },
  };
});

test('key material is on the disk only sealed, in files that only their owner can read', async () => {
  const directory = await makeDataDir();
  const store = await SqliteKmsStore.open(directory.path);
  const canary = 'canary-key-material-0123456789abcdef';
  await store.commit([
    {
      uniqueIdentifier: 'a',
      expectedRevision: 0,
      terms: [],
      claims: [],
      object: {
        uniqueIdentifier: 'a',
        owner: 'lab',
        objectType: 'SymmetricKey',
        revision: 1,
        attributes: Buffer.alloc(0),
        value: Buffer.from(canary),
      },
    },
  ]);
  expect((await store.read('a'))?.value?.toString()).toBe(canary);
  for (const name of await readdir(directory.path)) {
    const path = join(directory.path, name);
    expect((await readFile(path)).includes(canary), name).toBe(false);
    expect((await stat(path)).mode & 0o077, name).toBe(0);
  }
  await store.close();
  await store.close();
  await directory.remove();
});
