import { describe, expect, test } from 'vitest';

import type { KmsStore, StoreChange, StoredObject } from '../../kms/store.js';
import { StoreConflict } from '../../kms/store.js';

/** A store under test, and how to open the same files or database again. */
export interface StoreUnderTest extends AsyncDisposable {
  readonly store: KmsStore;
  reopen(): Promise<KmsStore>;
}

/** What every backend must do; each test gets an empty store. */
export function storeContract(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the ${name} store`, () => {
    test('reads back what was committed, also after it was opened again', async () => {
      await using under = await open();
      await under.store.commit([insert('a', { value: Buffer.from('key material') })]);
      const expected = { ...object('a', { value: Buffer.from('key material') }), revision: 1 };
      expect(await under.store.read('a')).toEqual(expected);
      await under.store.close();
      const again = await under.reopen();
      expect(await again.read('a')).toEqual(expected);
      expect(await again.count()).toBe(1);
    });

    test('knows nothing of identifiers that were never committed', async () => {
      await using under = await open();
      expect(await under.store.read('a')).toBeUndefined();
      expect(await under.store.find({ owner: 'lab', terms: [] })).toEqual([]);
      expect(await under.store.count()).toBe(0);
    });

    test('finds an owner’s objects that have all the terms, newest first', async () => {
      await using under = await open();
      const [red, round] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
      await under.store.commit([
        insert('a', {}, [red]),
        insert('b', {}, [red, round]),
        insert('c', {}, [red, round]),
        insert('d', { owner: 'other' }, [red, round]),
      ]);
      const find = (...terms: Buffer[]) => under.store.find({ owner: 'lab', terms });
      expect(await find()).toEqual(['c', 'b', 'a']);
      expect(await find(red)).toEqual(['c', 'b', 'a']);
      expect(await find(red, round)).toEqual(['c', 'b']);
      expect(await find(Buffer.alloc(16, 3))).toEqual([]);
    });

    test('replaces an object with its terms, and drops key material that is gone', async () => {
      await using under = await open();
      const [before, after] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
      await under.store.commit([insert('a', { value: Buffer.from('key') }, [before])]);
      await under.store.commit([
        {
          uniqueIdentifier: 'a',
          expectedRevision: 1,
          terms: [after],
          object: { ...object('a'), revision: 2, attributes: Buffer.from('changed') },
        },
      ]);
      expect(await under.store.read('a')).toMatchObject({ revision: 2, attributes: Buffer.from('changed') });
      expect((await under.store.read('a'))?.value).toBeUndefined();
      expect(await under.store.find({ owner: 'lab', terms: [before] })).toEqual([]);
      expect(await under.store.find({ owner: 'lab', terms: [after] })).toEqual(['a']);
    });

    test('removes an object with its terms', async () => {
      await using under = await open();
      const term = Buffer.alloc(16, 1);
      await under.store.commit([insert('a', {}, [term])]);
      await under.store.commit([
        { uniqueIdentifier: 'a', expectedRevision: 1, terms: [], object: undefined },
      ]);
      expect(await under.store.read('a')).toBeUndefined();
      expect(await under.store.find({ owner: 'lab', terms: [term] })).toEqual([]);
    });

    test('refuses a change whose object was changed meanwhile, with everything that came with it', async () => {
      await using under = await open();
      await under.store.commit([insert('a')]);
      const stale = under.store.commit([insert('b'), insert('a')]);
      await expect(stale).rejects.toBeInstanceOf(StoreConflict);
      await expect(stale).rejects.toMatchObject({ uniqueIdentifier: 'a' });
      expect(await under.store.read('b')).toBeUndefined();
    });

    test('lets one of two racing changes win', async () => {
      await using under = await open();
      await under.store.commit([insert('a')]);
      const change = (): StoreChange => ({
        uniqueIdentifier: 'a',
        expectedRevision: 1,
        terms: [],
        object: { ...object('a'), revision: 2 },
      });
      const settled = await Promise.allSettled([
        under.store.commit([change()]),
        under.store.commit([change()]),
      ]);
      expect(settled.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    });
  });
}

function object(uniqueIdentifier: string, fields: Partial<StoredObject> = {}): StoredObject {
  return {
    uniqueIdentifier,
    owner: 'lab',
    objectType: 'SymmetricKey',
    revision: 1,
    attributes: Buffer.from('attributes'),
    value: undefined,
    ...fields,
  };
}

function insert(
  uniqueIdentifier: string,
  fields: Partial<StoredObject> = {},
  terms: readonly Buffer[] = [],
): StoreChange {
  return { uniqueIdentifier, expectedRevision: 0, terms, object: object(uniqueIdentifier, fields) };
}
