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

  describe('knows the words of its services and', () => {
    const faults = new FaultRegistry();
    faults.know('kms-1', { operations: ['Get', 'Create'], reasons: ['GeneralFailure'], wholes: ['down'] });
    faults.know('ta-1', { operations: ['attestation.report.attest'] });

    it.each([
      [{ service: 'nope', action: { kind: 'reset' } }, /"nope" is no service here. Allowed: kms-1, ta-1/],
      [
        { service: 'ta-1', operation: 'Get', action: { kind: 'reset' } },
        /Allowed: attestation.report.attest/,
      ],
      [{ operation: 'get', action: { kind: 'reset' } }, /Allowed: Get, Create, attestation.report.attest/],
      [{ service: 'ta-1', action: { kind: 'down' } }, /only kms-1 can. Allowed: delay, .*corrupt\./],
      [{ service: 'kms-1', action: { kind: 'lag', lagMs: 5 } }, /no service here does. Allowed: .*, down\./],
      [{ action: { kind: 'lag', lagMs: 5 } }, /no service here does/],
      [{ service: 'kms-1', action: { kind: 'error', reason: 'Nope' } }, /Allowed: GeneralFailure/],
    ] as const)('refuses what could never strike: %j', (spec, text) => {
      expect(() => faults.add(spec)).toThrow(text);
      expect(faults.list()).toEqual([]);
    });

    it('takes what can strike', () => {
      faults.add({ service: 'ta-1', operation: 'attestation.report.attest', action: { kind: 'reset' } });
      faults.add({ action: { kind: 'down' } });
      faults.add({ service: 'kms-1', action: { kind: 'error', reason: 'General Failure' } });
      expect(faults.list()).toHaveLength(3);
    });
  });
});
