import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';

import { expect, test } from 'vitest';

import { makeDataDir } from '../../core/data-dir.js';
import { closeDatabase, openDatabase } from '../../core/store/sqlite.js';
import type { KmsStore } from '../../kms/store.js';
import { StoreConflict } from '../../kms/store.js';
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
      formerTerms: [],
      claims: [],
      formerClaims: [],
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
  expect((await store.read('a'))?.value?.open().toString()).toBe(canary);
  for (const name of await readdir(directory.path)) {
    const path = join(directory.path, name);
    expect((await readFile(path)).includes(canary), name).toBe(false);
    expect((await stat(path)).mode & 0o077, name).toBe(0);
  }
  await store.close();
  await store.close();
  await directory.remove();
});

/** The schema of version 2, whose terms and claims referred to their objects. */
const SCHEMA_2 = `
  CREATE TABLE objects (sequence INTEGER PRIMARY KEY AUTOINCREMENT, unique_identifier TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL, object_type TEXT NOT NULL, revision INTEGER NOT NULL, attributes BLOB NOT NULL, value BLOB) STRICT;
  CREATE INDEX objects_by_owner ON objects (owner, sequence);
  CREATE TABLE terms (term BLOB NOT NULL, sequence INTEGER NOT NULL REFERENCES objects (sequence) ON DELETE CASCADE,
    PRIMARY KEY (term, sequence)) STRICT, WITHOUT ROWID;
  CREATE INDEX terms_by_object ON terms (sequence);
  CREATE TABLE claims (owner TEXT NOT NULL, claim BLOB NOT NULL,
    sequence INTEGER NOT NULL REFERENCES objects (sequence) ON DELETE CASCADE, PRIMARY KEY (owner, claim)) STRICT, WITHOUT ROWID;
  CREATE INDEX claims_by_object ON claims (sequence);
  INSERT INTO objects VALUES (7, 'a', 'lab', 'SymmetricKey', 3, x'0102', NULL);
  INSERT INTO terms VALUES (x'01010101010101010101010101010101', 7);
  INSERT INTO claims VALUES ('lab', x'09090909090909090909090909090909', 7);
  PRAGMA user_version = 2;`;

test('a store of an older schema is taken over with its objects, terms and claims', async () => {
  const directory = await makeDataDir();
  const old = openDatabase(join(directory.path, 'kms.db'), []);
  old.exec(SCHEMA_2);
  closeDatabase(old);
  const store = await SqliteKmsStore.open(directory.path);
  expect(await store.read('a')).toMatchObject({ owner: 'lab', revision: 3, attributes: Buffer.from([1, 2]) });
  const found = await store.find({ owner: 'lab', terms: [Buffer.alloc(16, 1)], limit: 9 });
  expect(found).toEqual([{ uniqueIdentifier: 'a', sequence: 7 }]);
  const claim = Buffer.alloc(16, 9);
  const object = {
    owner: 'lab',
    objectType: 'SymmetricKey',
    revision: 1,
    attributes: Buffer.alloc(0),
    value: undefined,
  };
  const rival = { terms: [], formerTerms: [], claims: [claim], formerClaims: [], expectedRevision: 0 };
  await expect(
    store.commit([{ ...rival, uniqueIdentifier: 'b', object: { ...object, uniqueIdentifier: 'b' } }]),
  ).rejects.toBeInstanceOf(StoreConflict);
  await store.close();
  await directory.remove();
});
