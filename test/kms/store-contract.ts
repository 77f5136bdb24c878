import { describe, expect, test } from 'vitest';

import type { KmsReader, KmsStore, ObjectToStore, StoreChange } from '../../kms/store.js';
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
      expect(await readPlain(under.store, 'a')).toEqual(expected);
      await under.store.close();
      const again = await under.reopen();
      expect(await readPlain(again, 'a')).toEqual(expected);
      expect(await again.count()).toBe(1);
    });

    test('knows nothing of identifiers that were never committed', async () => {
      await using under = await open();
      expect(await under.store.read('a')).toBeUndefined();
      expect(await found(under.store)).toEqual([]);
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
      const find = (...terms: Buffer[]) => found(under.store, ...terms);
      expect(await find()).toEqual(['c', 'b', 'a']);
      expect(await find(red)).toEqual(['c', 'b', 'a']);
      expect(await find(red, round)).toEqual(['c', 'b']);
      expect(await find(Buffer.alloc(16, 3))).toEqual([]);
      const all = await under.store.find({ owner: undefined, terms: [red, round], limit: 100 });
      expect(all.map(({ uniqueIdentifier }) => uniqueIdentifier)).toEqual(['d', 'c', 'b']);
    });

    test('reads nothing of an object that is not open to the reader', async () => {
      await using under = await open();
      await under.store.commit([insert('a', { value: Buffer.from('key') })]);
      const seen: unknown[] = [];
      const read = (answer: boolean) =>
        readPlain(under.store, 'a', (found) => {
          seen.push(found);
          return answer;
        });
      expect(await read(false)).toBeUndefined();
      expect(await read(true)).toMatchObject({ uniqueIdentifier: 'a', value: Buffer.from('key') });
      expect(seen).toEqual(Array.from({ length: 2 }, () => ({ owner: 'lab', objectType: 'SymmetricKey' })));
      expect(await under.store.read('b', () => true)).toBeUndefined();
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
          formerTerms: [before],
          claims: [],
          formerClaims: [],
          object: { ...object('a'), revision: 2, attributes: Buffer.from('changed') },
        },
      ]);
      expect(await under.store.read('a')).toMatchObject({ revision: 2, attributes: Buffer.from('changed') });
      expect((await under.store.read('a'))?.value).toBeUndefined();
      expect(await found(under.store, before)).toEqual([]);
      expect(await found(under.store, after)).toEqual(['a']);
    });

    test('removes an object with its terms', async () => {
      await using under = await open();
      const term = Buffer.alloc(16, 1);
      await under.store.commit([insert('a', {}, [term])]);
      await under.store.commit([{ ...removal('a'), formerTerms: [term] }]);
      expect(await under.store.read('a')).toBeUndefined();
      expect(await found(under.store, term)).toEqual([]);
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
        formerTerms: [],
        claims: [],
        formerClaims: [],
        object: { ...object('a'), revision: 2 },
      });
      const settled = await Promise.allSettled([
        under.store.commit([change()]),
        under.store.commit([change()]),
      ]);
      expect(settled.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    test('finds page by page, each object once', async () => {
      await using under = await open();
      const term = Buffer.alloc(16, 1);
      const names = Array.from({ length: 7 }, (_, number) => `object-${number}`);
      await under.store.commit(names.map((name) => insert(name, {}, [term])));
      for (const terms of [[], [term], [term, term]]) {
        const pages: string[][] = [];
        let before: number | undefined;
        do {
          const page = await under.store.find({ owner: 'lab', terms, limit: 3, before });
          pages.push(page.map(({ uniqueIdentifier }) => uniqueIdentifier));
          before = page.at(-1)?.sequence;
        } while (pages.at(-1)!.length === 3);
        expect(pages.map((page) => page.length)).toEqual([3, 3, 1]);
        expect(pages.flat()).toEqual([...names].reverse());
      }
    });

    test('searches as it finds, and hands over the objects', async () => {
      await using under = await open();
      const [red, round] = [Buffer.alloc(16, 1), Buffer.alloc(16, 2)];
      await under.store.commit([
        insert('a', { value: Buffer.from('key a') }, [red]),
        insert('b', {}, [red, round]),
        insert('c', { owner: 'other' }, [red]),
      ]);
      for (const terms of [[], [red], [red, round]]) {
        const query = { owner: 'lab', terms, limit: 10 };
        const objects = await under.store.search(query);
        const identifiers = objects.map(({ uniqueIdentifier, sequence }) => ({ uniqueIdentifier, sequence }));
        expect(identifiers).toEqual(await under.store.find(query));
        for (const { sequence, ...searched } of objects) {
          const plain = { ...searched, value: searched.value?.open() };
          expect(sequence).toBeGreaterThan(0);
          expect(plain).toEqual(await readPlain(under.store, searched.uniqueIdentifier));
        }
      }
    });

    test('lets only one object of an owner have a claim, and gives it to the next when it is free', async () => {
      await using under = await open();
      const claim = Buffer.alloc(16, 9);
      await under.store.commit([insert('a', {}, [], [claim])]);
      const taken = under.store.commit([insert('b'), insert('c', {}, [], [claim])]);
      await expect(taken).rejects.toBeInstanceOf(StoreConflict);
      expect(await under.store.read('b')).toBeUndefined();
      await under.store.commit([insert('d', { owner: 'other' }, [], [claim])]);
      // One commit takes the claim from its holder and gives it to another, in whichever order.
      await under.store.commit([
        insert('e', {}, [], [claim]),
        {
          uniqueIdentifier: 'a',
          expectedRevision: 1,
          terms: [],
          formerTerms: [],
          claims: [],
          formerClaims: [claim],
          object: { ...object('a'), revision: 2 },
        },
      ]);
      await expect(under.store.commit([insert('f', {}, [], [claim])])).rejects.toBeInstanceOf(StoreConflict);
      await under.store.commit([{ ...removal('e'), formerClaims: [claim] }]);
      await under.store.commit([insert('f', {}, [], [claim])]);
    });

    test('lets one of two racing requests have a claim', async () => {
      await using under = await open();
      const claim = Buffer.alloc(16, 9);
      const settled = await Promise.allSettled([
        under.store.commit([insert('a', {}, [], [claim])]),
        under.store.commit([insert('b', {}, [], [claim])]),
      ]);
      expect(settled.map((outcome) => outcome.status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    test('commits many requests at once, each for itself', async () => {
      await using under = await open();
      await under.store.commit([insert('number-50')]);
      const settled = await Promise.allSettled(
        Array.from({ length: 100 }, (_, number) =>
          under.store.commit([
            insert(`twin-${number}`),
            insert(`number-${number}`, { value: Buffer.from(`key ${number}`) }, [Buffer.alloc(16, number)]),
          ]),
        ),
      );
      const refused = settled.flatMap(({ status }, number) => (status === 'rejected' ? [number] : []));
      expect(refused).toEqual([50]);
      expect(await under.store.count()).toBe(199);
      expect((await under.store.read('number-51'))?.value?.open().toString()).toBe('key 51');
      expect(await found(under.store, Buffer.alloc(16, 51))).toEqual(['number-51']);
      expect(await under.store.read('twin-50')).toBeUndefined();
    });

    test('says that an object is unchanged, or what it is now', async () => {
      await using under = await open();
      await under.store.commit([insert('a')]);
      expect(await under.store.refresh('a', 1)).toBe('unchanged');
      expect(await under.store.refresh('a', 7)).toMatchObject({ uniqueIdentifier: 'a', revision: 1 });
      expect(await under.store.refresh('b', 1)).toBeUndefined();
    });

    test('keeps a snapshot as it was while the objects go on', async () => {
      await using under = await open();
      const term = Buffer.alloc(16, 1);
      await under.store.commit([insert('a', { value: Buffer.from('key') }, [term])]);
      const snapshot = await under.store.snapshot();
      await under.store.commit([{ ...removal('a'), formerTerms: [term] }, insert('b', {}, [term])]);
      expect((await snapshot.read('a'))?.value?.open().toString()).toBe('key');
      expect(await snapshot.read('b')).toBeUndefined();
      expect(await found(snapshot, term)).toEqual(['a']);
      await snapshot.close();
      expect(await found(under.store, term)).toEqual(['b']);
    });
  });
}

/** The object with its value opened. */
async function readPlain(
  ...[reader, ...read]: [KmsReader, ...Parameters<KmsReader['read']>]
): Promise<unknown> {
  const object = await reader.read(...read);
  return object && { ...object, value: object.value?.open() };
}

function removal(uniqueIdentifier: string): StoreChange {
  return {
    uniqueIdentifier,
    expectedRevision: 1,
    terms: [],
    formerTerms: [],
    claims: [],
    formerClaims: [],
    object: undefined,
  };
}

async function found(reader: KmsReader, ...terms: Buffer[]): Promise<readonly string[]> {
  const objects = await reader.find({ owner: 'lab', terms, limit: 100 });
  return objects.map(({ uniqueIdentifier }) => uniqueIdentifier);
}

function object(uniqueIdentifier: string, fields: Partial<ObjectToStore> = {}): ObjectToStore {
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
  fields: Partial<ObjectToStore> = {},
  terms: readonly Buffer[] = [],
  claims: readonly Buffer[] = [],
): StoreChange {
  return {
    uniqueIdentifier,
    expectedRevision: 0,
    terms,
    formerTerms: [],
    claims,
    formerClaims: [],
    object: object(uniqueIdentifier, fields),
  };
}
