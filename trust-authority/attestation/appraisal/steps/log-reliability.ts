import { RELIABLE_LOG_EVENTS } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The log is no longer than what ESXi itself calls reliable (`tpmLogReliable`). */
export const logReliability: AppraisalStep = {
  name: 'log_reliability',
  check({ log }) {
    const events = valueOf(log)?.events;
    if (!events) return LACKING;
    return events.length <= RELIABLE_LOG_EVENTS
      ? PASSED
      : failed('log_unreliable', {
          expected: `at most ${RELIABLE_LOG_EVENTS} events`,
          actual: `${events.length} events`,
        });
  },
};
