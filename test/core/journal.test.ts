import { describe, expect, it } from 'vitest';

import { Journal } from '../../core/journal.js';

describe('Journal', () => {
  it('keeps the last entries, oldest first, with sequence numbers that go on', () => {
    const journal = new Journal(2, { now: () => 0 });
    for (const operation of ['Create', 'Get', 'Destroy']) journal.record({ operation, outcome: 'success' });
    expect(journal.entries()).toEqual([
      { sequence: 2, time: '1970-01-01T00:00:00.000Z', operation: 'Get', outcome: 'success' },
      { sequence: 3, time: '1970-01-01T00:00:00.000Z', operation: 'Destroy', outcome: 'success' },
    ]);
    expect(journal.entries(1).map((entry) => entry.sequence)).toEqual([3]);
  });

  it('is empty after it was cleared', () => {
    const journal = new Journal(2);
    journal.record({ operation: 'Get', outcome: 'success' });
    journal.clear();
    expect(journal.entries()).toEqual([]);
  });

  it('keeps a bounded part of details, whatever a request was made of', () => {
    const journal = new Journal(1);
    const kept = (details: Record<string, unknown>): string => {
      journal.record({ operation: 'Create', outcome: 'success', details });
      return JSON.stringify(journal.entries()[0]?.details);
    };
    const numbers = Array.from({ length: 50_000 }, (_, index) => index);
    const fields = Object.fromEntries(numbers.map((number) => [`field-${number}`, { number }]));
    const deep = numbers.slice(0, 1000).reduce<unknown>((inner) => ({ inner }), 1);
    expect(kept({ numbers })).toHaveLength(kept({ numbers: numbers.slice(0, 1000) }).length);
    expect(kept({ numbers })).toContain('"[more]"');
    for (const details of [
      { fields },
      { deep },
      { ['x'.repeat(1e6)]: 'x'.repeat(1e6) },
      { deep: [[numbers]] },
    ]) {
      expect(kept(details).length).toBeLessThan(8192);
    }
    expect(kept({ a: 1, b: ['c', null, { d: true }] })).toBe('{"a":1,"b":["c",null,{"d":true}]}');
  });

  it('keeps no content of secret fields, wherever they are', () => {
    const journal = new Journal(1);
    const details = { request: { username: 'u', password: 'p' }, list: [{ keyValue: { keyMaterial: 'k' } }] };
    journal.record({ operation: 'Get', outcome: 'success', details }, new Set(['password', 'keyValue']));
    expect(journal.entries()[0]?.details).toEqual({
      request: { username: 'u', password: '[masked]' },
      list: [{ keyValue: '[masked]' }],
    });
  });
});
