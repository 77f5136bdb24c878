import { describe, expect, it } from 'vitest';

import {
  APPRAISAL_STEPS,
  ATTESTATION_REASONS,
  AttestationError,
  ENTRIES_WITHOUT_REASON,
  OTHER_STEPS,
  TRUST_CLAIMS,
  isAttestationReason,
  reasonRow,
  statusOf,
  tierOf,
} from '../../../wire/attestation/index.js';
import type { AttestationReason } from '../../../wire/attestation/index.js';

const reasons = Object.keys(ATTESTATION_REASONS) as AttestationReason[];

describe('the reasons', () => {
  it('cover the catalogue from 1 to 61', () => {
    const covered = new Set(reasons.flatMap((reason) => reasonRow(reason).catalogue));
    for (const number of Object.keys(ENTRIES_WITHOUT_REASON)) covered.add(Number(number));
    expect([...covered].sort((a, b) => a - b)).toEqual(Array.from({ length: 61 }, (_, index) => index + 1));
  });

  it.each(reasons)('say of %s what is wrong and what to do next', (reason) => {
    const row = reasonRow(reason);
    expect(row.sentence).toMatch(/^[A-Z].*\.$/);
    expect(row.remedy).toMatch(/^[A-Z].*\.?$/);
    expect(row.step in APPRAISAL_STEPS || row.step in OTHER_STEPS).toBe(true);
    if (row.step in APPRAISAL_STEPS) expect(TRUST_CLAIMS).toContain(row.claim?.[0]);
  });

  it('belong to steps so that every step has one', () => {
    const found = new Set<string>(reasons.map((reason) => reasonRow(reason).step));
    expect(Object.keys({ ...APPRAISAL_STEPS, ...OTHER_STEPS }).filter((step) => !found.has(step))).toEqual(
      [],
    );
  });

  it('are told apart from other words', () => {
    expect(isAttestationReason('ek_cert_expired')).toBe(true);
    expect(isAttestationReason('toString')).toBe(false);
  });

  it('make errors that carry code, sentence, detail and remedy', () => {
    const error = new AttestationError('token_expired', 'An hour ago.');
    expect(error).toMatchObject({
      code: 'token_expired',
      reason: 'token_expired',
      message: 'The token has expired. An hour ago. Attest again.',
    });
  });
});

describe('a trustworthiness vector', () => {
  it.each([
    [0, 'none'],
    [1, 'none'],
    [2, 'affirming'],
    [31, 'affirming'],
    [32, 'warning'],
    [95, 'warning'],
    [96, 'contraindicated'],
    [99, 'contraindicated'],
  ])('puts the value %i into the tier %s', (value, tier) => {
    expect(tierOf(value)).toBe(tier);
  });

  it('is as bad as its worst claim', () => {
    expect(statusOf({ hardware: 2, executables: 97, configuration: 32 })).toBe('contraindicated');
    expect(statusOf({ hardware: 2, configuration: 32 })).toBe('warning');
    expect(statusOf({})).toBe('none');
  });
});
