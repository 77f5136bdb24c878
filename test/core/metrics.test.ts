import { describe, expect, it } from 'vitest';

import { Metrics } from '../../core/metrics.js';

describe('Metrics', () => {
  it('shows what was tallied, each time that it is read', async () => {
    const metrics = new Metrics();
    const count = metrics.tally('requests_total', 'Requests', ['operation', 'outcome']);
    count('Get', 'success');
    count('Get', 'success');
    expect(await metrics.render()).toContain('requests_total{operation="Get",outcome="success"} 2');
    count('Get', 'success');
    count('Create', 'Item Not Found');
    const text = await metrics.render();
    expect(text).toContain('requests_total{operation="Get",outcome="success"} 3');
    expect(text).toContain('requests_total{operation="Create",outcome="Item Not Found"} 1');
  });
});
