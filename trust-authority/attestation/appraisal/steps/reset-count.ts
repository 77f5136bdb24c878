import { valueOf } from '../material.js';
import { LACKING, NOT_ASKED, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The counters of a TPM that attested before only ever go up; the restart count begins anew with each reset. */
export const resetCount: AppraisalStep = {
  name: 'reset_count',
  check({ attest, identity, reference }) {
    const clockInfo = valueOf(attest)?.clockInfo;
    if (!clockInfo) return LACKING;
    const known = reference.knownHost;
    if (known?.endorsementKey !== identity.fingerprint) return NOT_ASKED;
    const back =
      clockInfo.resetCount < known.resetCount ||
      (clockInfo.resetCount === known.resetCount && clockInfo.restartCount < known.restartCount);
    const shown = {
      expected: `at least reset count ${known.resetCount}, restart count ${known.restartCount}`,
      actual: `reset count ${clockInfo.resetCount}, restart count ${clockInfo.restartCount}`,
    };
    return back ? failed('reset_count_rollback', shown) : passed(shown);
  },
};
