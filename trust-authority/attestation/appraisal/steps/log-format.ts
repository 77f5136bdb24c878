import { PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The log is whole, has digests of the bank it is judged in, and only events that can be measured. */
export const logFormat: AppraisalStep = {
  name: 'log_format',
  check({ replayed }) {
    return 'problem' in replayed ? failed('log_malformed', { actual: replayed.problem }) : PASSED;
  },
};
