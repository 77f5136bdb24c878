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
});
