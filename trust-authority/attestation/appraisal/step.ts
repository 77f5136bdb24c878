import type { AppraisalStepName, AttestationReason } from '../../../wire/attestation/index.js';
import type { Material } from './material.js';

/** What a step compared, in words; never a secret. Steps that compare nothing show nothing. */
export interface Shown {
  /** What a passing host shows. */
  readonly expected?: string;
  /** What this one showed. */
  readonly actual?: string;
}

/** What a step found. */
export type Finding =
  | ({ readonly status: 'passed' } & Shown)
  /** Something it needs is missing because an earlier step failed (`lacking`), or the settings do not ask for it. */
  | { readonly status: 'skipped'; readonly lacking: boolean }
  | ({ readonly status: 'failed'; readonly reason: AttestationReason } & Shown);

/** One step of an appraisal. */
export interface AppraisalStep {
  readonly name: AppraisalStepName;
  /** Judges one thing; does not throw for hostile evidence. */
  readonly check: (material: Material) => Finding;
}

/** The step found nothing wrong, and has nothing to show. */
export const PASSED: Finding = { status: 'passed' };

/** The step found what it expected. */
export function passed(shown: Shown): Finding {
  return { status: 'passed', ...shown };
}

/** The settings do not ask for it. */
export const NOT_ASKED: Finding = { status: 'skipped', lacking: false };

/** What the step needs is missing because an earlier step failed. */
export const LACKING: Finding = { status: 'skipped', lacking: true };

/** The step found something wrong. */
export function failed(reason: AttestationReason, shown: Shown = {}): Finding {
  return { status: 'failed', reason, ...shown };
}
