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
    const again = count.of('Destroy', 'success');
    again();
    again();
    const text = await metrics.render();
    expect(text).toContain('requests_total{operation="Get",outcome="success"} 3');
    expect(text).toContain('requests_total{operation="Create",outcome="Item Not Found"} 1');
    expect(text).toContain('requests_total{operation="Destroy",outcome="success"} 2');
    again();
    expect(await metrics.render()).toContain('requests_total{operation="Destroy",outcome="success"} 3');
  });

  it('shows durations that were tallied as its histograms do', async () => {
    const [ours, theirs] = [new Metrics(), new Metrics()];
    const took = ours.durations('call_seconds', 'Calls');
    const histogram = theirs.histogram('call_seconds', 'Calls');
    for (const seconds of [0, 0.0001, 0.00011, 0.25, 10, 11, 1e9]) {
      took(seconds);
      histogram.observe(seconds);
    }
    expect(await ours.render()).toBe(await theirs.render());
    expect(await Metrics.renderTogether(new Map([['kms-1', ours]]))).toBe(
      await Metrics.renderTogether(new Map([['kms-1', theirs]])),
    );
  });

  it('shows durations that were tallied by a label as its histograms do', async () => {
    const [ours, theirs] = [new Metrics(), new Metrics()];
    const took = ours.durationsBy('operation', 'call_seconds', 'Calls');
    const histogram = theirs.histogram('call_seconds', 'Calls', ['operation']);
    expect(await ours.render()).toBe(await theirs.render());
    for (const [operation, seconds] of [
      ['decrypt', 0.002],
      ['encrypt', 11],
      ['decrypt', 0.3],
    ] as const) {
      took(operation, seconds);
      histogram.observe({ operation }, seconds);
    }
    expect(await ours.render()).toBe(await theirs.render());
    expect(await Metrics.renderTogether(new Map([['ta-1', ours]]))).toBe(
      await Metrics.renderTogether(new Map([['ta-1', theirs]])),
    );
  });
});
