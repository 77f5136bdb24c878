import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The quote is of the boot that the exchange began in. */
export const resetContinuity: AppraisalStep = {
  name: 'reset_continuity',
  check({ challenge, attest }) {
    const clockInfo = valueOf(attest)?.clockInfo;
    if (!challenge || !clockInfo) return LACKING;
    const { clock } = challenge.state;
    const shown = { expected: countersText(clock), actual: countersText(clockInfo) };
    return clock.resetCount === clockInfo.resetCount && clock.restartCount === clockInfo.restartCount
      ? passed(shown)
      : failed('reset_during_attestation', shown);
  },
};

function countersText(counters: { readonly resetCount: number; readonly restartCount: number }): string {
  return `reset count ${counters.resetCount}, restart count ${counters.restartCount}`;
}
