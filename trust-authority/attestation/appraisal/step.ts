import type { AppraisalStepName, AttestationReason } from '../../../wire/attestation/index.js';
import type { Material } from './material.js';

/** What a step found. */
export type Finding =
  | { readonly status: 'passed' }
  /** Something it needs is missing because an earlier step failed (`lacking`), or the settings do not ask for it. */
  | { readonly status: 'skipped'; readonly lacking: boolean }
  | {
      readonly status: 'failed';
      readonly reason: AttestationReason;
      /** What a passing host would have shown; never a secret. */
      readonly expected?: string;
      /** What this one showed; never a secret. */
      readonly actual?: string;
    };

/** One step of an appraisal. */
export interface AppraisalStep {
  readonly name: AppraisalStepName;
  /** Judges one thing; does not throw for hostile evidence. */
  readonly check: (material: Material) => Finding;
}

/** The step found nothing wrong. */
export const PASSED: Finding = { status: 'passed' };

/** The settings do not ask for it. */
export const NOT_ASKED: Finding = { status: 'skipped', lacking: false };

/** What the step needs is missing because an earlier step failed. */
export const LACKING: Finding = { status: 'skipped', lacking: true };

/** The step found something wrong. */
export function failed(
  reason: AttestationReason,
  shown: { readonly expected?: string; readonly actual?: string } = {},
): Finding {
  return { status: 'failed', reason, ...shown };
}
