import { randomBytes, randomUUID } from 'node:crypto';

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { KeyTable } from '../../kms/objects/key-table.js';
import type { KeyKind } from '../../kms/objects/key-table.js';

/** The key of an identifier, and its kind. */
function held(table: KeyTable, uuid: string, keyBytes = 32): { key: Buffer; kind: KeyKind } | undefined {
  const found = table.find(Buffer.from(`..${uuid}`), 2);
  if (found === 0) return undefined;
  const key = Buffer.alloc(keyBytes);
  table.copyKey(found, key, 0);
  return { key, kind: table.kindOf(found) };
}

describe('a table of keys', () => {
  test('is a map from UUIDs to keys and kinds', () => {
    const uuids = Array.from({ length: 60 }, () => randomUUID());
    const step = fc.record({
      uuid: fc.nat({ max: uuids.length - 1 }).map((index) => uuids[index]!),
      key: fc.option(fc.uint8Array({ minLength: 1, maxLength: 32 }), { nil: undefined }),
      kind: fc.constantFrom('AES', 'DES3'),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const table = new KeyTable(1000);
        const model = new Map<string, { key: Buffer; kind: string }>();
        for (const { uuid, key, kind } of steps) {
          if (key) {
            table.put(uuid, kind, Buffer.from(key));
            model.set(uuid, { key: Buffer.from(key), kind });
          } else {
            table.remove(uuid);
            model.delete(uuid);
          }
        }
        expect(table.size).toBe(model.size);
        for (const uuid of uuids) {
          const expected = model.get(uuid);
          const found = held(table, uuid, expected?.key.length);
          expect(found?.key).toEqual(expected?.key);
          expect(found?.kind.text).toEqual(expected?.kind);
        }
      }),
    );
  });

  test('finds keys by their names, of those with the same the last, and tells their identifiers', () => {
    const uuids = Array.from({ length: 20 }, () => randomUUID());
    const names = Array.from({ length: 8 }, () => randomBytes(16));
    const step = fc.record({
      uuid: fc.constantFrom(...uuids),
      name: fc.option(fc.nat({ max: names.length - 1 }), { nil: undefined }),
      isPut: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const table = new KeyTable(1000);
        const model = new Map<number, string>();
        const forget = (uuid: string) => {
          for (const [name, named] of model) if (named === uuid) model.delete(name);
        };
        for (const { uuid, name, isPut } of steps) {
          forget(uuid);
          if (!isPut) {
            table.remove(uuid);
            continue;
          }
          table.put(uuid, 'AES', Buffer.alloc(32, 1), name === undefined ? undefined : names[name]);
          if (name !== undefined) model.set(name, uuid);
        }
        const found = new Map<number, string>();
        for (const [index, name] of names.entries()) {
          const key = table.findName(name);
          if (key !== 0) found.set(index, table.uniqueIdentifierOf(key));
        }
        expect(found).toEqual(new Map([...model].sort(([left], [right]) => left - right)));
        table.clear();
        expect(names.map((name) => table.findName(name))).toEqual(names.map(() => 0));
      }),
    );
  });

  test('gives up the names of keys that make room', () => {
    const table = new KeyTable(100);
    const named = Array.from({ length: 250 }, () => [randomUUID(), randomBytes(16)] as const);
    for (const [uuid, name] of named) table.put(uuid, 'AES', Buffer.alloc(32), name);
    const found = named.filter(([uuid, name]) => {
      const key = table.findName(name);
      return key !== 0 && table.uniqueIdentifierOf(key) === uuid;
    });
    expect(found).toEqual(named.slice(-100));
    expect(named.filter(([, name]) => table.findName(name) !== 0)).toHaveLength(100);
  });

  test('grows, and finds all keys after as many were removed', () => {
    const table = new KeyTable(100_000);
    const keys = new Map(Array.from({ length: 30_000 }, () => [randomUUID(), randomBytes(32)]));
    for (const [uuid, key] of keys) table.put(uuid, 'AES', key);
    const gone = [...keys.keys()].filter((_, index) => index % 3 === 0);
    for (const uuid of gone) {
      table.remove(uuid);
      keys.delete(uuid);
    }
    expect(table.size).toBe(20_000);
    expect([...keys].filter(([uuid, key]) => held(table, uuid)?.key.equals(key) !== true)).toEqual([]);
    expect(gone.filter((uuid) => held(table, uuid) !== undefined)).toEqual([]);
  });

  test('at its limit makes room, one key for each new one', () => {
    const table = new KeyTable(100);
    const uuids = Array.from({ length: 250 }, () => randomUUID());
    for (const [index, uuid] of uuids.entries()) table.put(uuid, 'AES', Buffer.alloc(32, index));
    expect(table.size).toBe(100);
    expect(table.isFull).toBe(true);
    const there = uuids.filter((uuid) => held(table, uuid) !== undefined);
    expect(there).toEqual(uuids.slice(-100));
    expect(held(table, uuids[249]!)?.key).toEqual(Buffer.alloc(32, 249));
    table.put(uuids[249]!, 'AES', Buffer.alloc(32, 7));
    expect(table.size).toBe(100);
    expect(uuids.filter((uuid) => held(table, uuid) !== undefined)).toEqual(there);
  });

  test('tells kinds apart, and lengths of keys', () => {
    const table = new KeyTable(100);
    const uuids = Array.from({ length: 4 }, () => randomUUID());
    table.put(uuids[0]!, 'east', Buffer.alloc(32, 1));
    table.put(uuids[1]!, 'west', Buffer.alloc(32, 2));
    table.put(uuids[2]!, 'east', Buffer.alloc(16, 3));
    table.put(uuids[3]!, 'east', Buffer.alloc(32, 4));
    const kinds = uuids.map((uuid) => held(table, uuid)!.kind);
    expect(kinds.map(({ text, keyBytes }) => `${text} ${keyBytes}`)).toEqual([
      'east 32',
      'west 32',
      'east 16',
      'east 32',
    ]);
    expect(kinds[3]).toBe(kinds[0]);
    expect(new Set(kinds).size).toBe(3);
    const room = Buffer.alloc(32, 0xff);
    table.copyKey(table.find(Buffer.from(uuids[2]!), 0), room, 0);
    expect(room).toEqual(Buffer.concat([Buffer.alloc(16, 3), Buffer.alloc(16, 0xff)]));
  });

  test('forgets kinds that there are no keys of, and gives their numbers to others', () => {
    const table = new KeyTable(100);
    const [first, second] = [randomUUID(), randomUUID()];
    table.put(first, 'east', Buffer.alloc(32, 1));
    const east = held(table, first)!.kind;
    table.remove(first);
    table.put(second, 'west', Buffer.alloc(32, 2));
    expect(held(table, second)!.kind).toMatchObject({ text: 'west', number: 0 });
    table.put(first, 'east', Buffer.alloc(32, 1));
    expect(held(table, first)!.kind).not.toBe(east);
    table.put(first, 'north', Buffer.alloc(32, 1));
    table.put(second, 'south', Buffer.alloc(32, 2));
    expect([first, second].map((uuid) => held(table, uuid)!.kind)).toMatchObject([
      { text: 'north', keys: 1 },
      { text: 'south', keys: 1 },
    ]);
  });

  test('has no place for a key whose kind is told by a long text', () => {
    const table = new KeyTable(100);
    const uuid = randomUUID();
    table.put(uuid, 'east', Buffer.alloc(32, 1));
    table.put(uuid, 'x'.repeat(513), Buffer.alloc(32, 2));
    expect(held(table, uuid)).toBeUndefined();
    table.put(uuid, 'x'.repeat(512), Buffer.alloc(32, 2));
    expect(held(table, uuid)?.key).toEqual(Buffer.alloc(32, 2));
  });

  test('has no place for what is no UUID in small letters, nor for long keys', () => {
    const table = new KeyTable(100);
    const uuid = 'abcdef01-2345-4789-abcd-ef0123456789';
    const others = [
      uuid.toUpperCase(),
      // Characters whose low bytes are those of the UUID's.
      uuid.replace('0', '\u0130'),
      `${uuid.slice(0, 35)}\u0239`,
      uuid.replaceAll('-', '0'),
      `${uuid}0`,
      '',
      `${uuid.slice(0, 35)}g`,
    ];
    for (const other of others) table.put(other, 'AES', randomBytes(32));
    table.put(uuid, 'AES', randomBytes(33));
    expect(table.size).toBe(0);
    table.put(uuid, 'AES', Buffer.alloc(32, 9));
    for (const other of others) {
      expect(held(table, other) === undefined || other.startsWith(uuid)).toBe(true);
      table.remove(other);
    }
    expect(held(table, uuid)?.key).toEqual(Buffer.alloc(32, 9));
    expect(table.find(Buffer.from(uuid), 1)).toBe(0);
  });

  test('clears keys that are removed', () => {
    const table = new KeyTable(100);
    const uuid = randomUUID();
    table.put(randomUUID(), 'AES', Buffer.alloc(32, 8));
    table.put(uuid, 'AES', Buffer.alloc(32, 9));
    const number = table.find(Buffer.from(uuid), 0);
    table.remove(uuid);
    const room = Buffer.alloc(32, 0xff);
    table.copyKey(number, room, 0);
    expect(room).toEqual(Buffer.alloc(32));
  });

  test('with no room holds nothing', () => {
    const table = new KeyTable(0);
    table.put(randomUUID(), 'AES', randomBytes(32));
    expect(table.size).toBe(0);
  });
});
