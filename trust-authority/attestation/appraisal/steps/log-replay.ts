import { JUDGED_BANK, judgedPcrs, valueOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Everything in the log was measured and everything measured is in the log, PCR by PCR. */
export const logReplay: AppraisalStep = {
  name: 'log_replay',
  check(material) {
    const replayed = valueOf(material.replayed);
    const values = material.pcrValues.get(JUDGED_BANK);
    const judged = judgedPcrs(material);
    if (!replayed || !values || judged.size === 0) return LACKING;
    for (const pcr of judged) {
      const expected = values.get(pcr);
      const actual = replayed.get(pcr);
      if (!expected || !actual) return LACKING;
      if (!expected.equals(actual)) {
        return failed('log_replay_mismatch', {
          expected: `PCR ${pcr} ${expected.toString('hex')}`,
          actual: `PCR ${pcr} ${actual.toString('hex')}`,
        });
      }
    }
    return PASSED;
  },
};
