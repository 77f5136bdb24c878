import { KpsimError } from '../../core/errors.js';
import type { DemoContext } from './context.js';
import type { Evidence, Expectation } from './report.js';

/** One step of the demo: one row of the table in `steps/index.ts`. */
export interface DemoStep {
  /** Stable, for `--json`: what is done and to which VM, for example `migrate:skp-1`. */
  readonly id: string;
  readonly title: string;
  readonly expected: Expectation;
  /** Steps that must have ended as expected before. */
  readonly needs: readonly string[];
  /**
   * Does it, and notes what it measures on the way. Throws the fault if it is refused, {@link notProved} if a proof
   * fails.
   */
  run(context: DemoContext, note: (evidence: Evidence) => void): Promise<void>;
}

/** The expectation of everything that is not refused. */
export const ACCEPTED: Expectation = { outcome: 'accepted' };

/** What was to be proved is not so. Code `not_proved`. */
export function notProved(what: string): KpsimError {
  return new KpsimError('not_proved', what);
}

/** Goes on only if what was to be proved is so. @throws KpsimError `not_proved` */
export function prove(holds: boolean, otherwise: string): void {
  if (!holds) throw notProved(otherwise);
}
