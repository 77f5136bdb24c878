import { describe, expect, it } from 'vitest';

import { FaultRegistry } from '../../core/faults.js';
import { seededRng } from '../../core/rng.js';

const subject = { service: 'kms-1', operation: 'Get', client: 'vc-east', object: 'key-1' };

describe('FaultRegistry', () => {
  it('strikes only requests that match every field given', () => {
    const faults = new FaultRegistry();
    faults.add({ operation: 'Get', client: 'vc-east', action: { kind: 'reset' } });
    expect(faults.match(subject)).toEqual({ kind: 'reset' });
    expect(faults.match({ ...subject, operation: 'Create' })).toBeUndefined();
    expect(faults.match({ ...subject, client: 'vc-west' })).toBeUndefined();
    expect(faults.match({ service: 'kms-1', operation: 'Get' })).toBeUndefined();
  });

  it('lets the first requests through and is spent after its count', () => {
    const faults = new FaultRegistry();
    faults.add({ skip: 1, count: 2, action: { kind: 'truncate' } });
    const struck = [1, 2, 3, 4].map(() => faults.match(subject) !== undefined);
    expect(struck).toEqual([false, true, true, false]);
    expect(faults.list()).toMatchObject([{ hits: 2, seen: 3 }]);
  });

  it('lets a spent fault make way for the next one', () => {
    const faults = new FaultRegistry();
    faults.add({ count: 1, action: { kind: 'reset' } });
    faults.add({ action: { kind: 'delay', delayMs: 5 } });
    expect(faults.match(subject)).toEqual({ kind: 'reset' });
    expect(faults.match(subject)).toEqual({ kind: 'delay', delayMs: 5 });
  });

  it('repeats its choices for the same seed', () => {
    const run = (): boolean[] => {
      const faults = new FaultRegistry(seededRng('dice'));
      faults.add({ probability: 0.5, action: { kind: 'reset' } });
      return Array.from({ length: 40 }, () => faults.match(subject) !== undefined);
    };
    expect(run()).toEqual(run());
    expect(new Set(run())).toEqual(new Set([true, false]));
  });

  it('forgets a fault that is removed and refuses one that is not valid', () => {
    const faults = new FaultRegistry();
    const { id } = faults.add({ action: { kind: 'corrupt' } });
    expect(faults.remove(id)).toBe(true);
    expect(faults.remove(id)).toBe(false);
    expect(faults.match(subject)).toBeUndefined();
    expect(() => faults.add({ action: { kind: 'delay', delayMs: -1 } })).toThrow(/delayMs/);
  });
});
