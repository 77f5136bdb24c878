import { describe, expect, it } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import { seededRng, systemRng } from '../../core/rng.js';

const UUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

describe('AdjustableClock', () => {
  it('runs with its base, shifted by what it was advanced', () => {
    let base = 1000;
    const clock = new AdjustableClock({ now: () => base });
    clock.advance(500);
    expect(clock.now()).toBe(1500);
    base = 2000;
    expect(clock.now()).toBe(2500);
  });

  it('can be set to a time, runs on from there, and goes back on reset', () => {
    let base = 1000;
    const clock = new AdjustableClock({ now: () => base });
    clock.set(50);
    base += 7;
    expect(clock.now()).toBe(57);
    clock.reset();
    expect(clock.now()).toBe(1007);
  });
});

describe('seededRng', () => {
  it('repeats its ids for the same seed and differs for another', () => {
    const ids = (seed: string): string[] => {
      const rng = seededRng(seed);
      return [rng.uuid(), rng.uuid(), rng.bytes(5).toString('hex')];
    };
    expect(ids('a')).toEqual(ids('a'));
    expect(ids('a')).not.toEqual(ids('b'));
  });

  it('makes version 4 UUIDs and fractions below 1, as the system generator does', () => {
    for (const rng of [seededRng('x'), systemRng]) {
      expect(rng.uuid()).toMatch(UUID_V4);
      const fraction = rng.fraction();
      expect(fraction).toBeGreaterThanOrEqual(0);
      expect(fraction).toBeLessThan(1);
    }
  });
});
