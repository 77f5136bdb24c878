import { RELIABLE_LOG_EVENTS } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The log is no longer than what ESXi itself calls reliable (`tpmLogReliable`). */
export const logReliability: AppraisalStep = {
  name: 'log_reliability',
  check({ log }) {
    const events = valueOf(log)?.events;
    if (!events) return LACKING;
    const shown = {
      expected: `at most ${RELIABLE_LOG_EVENTS} events`,
      actual: `${events.length} events`,
    };
    return events.length <= RELIABLE_LOG_EVENTS ? passed(shown) : failed('log_unreliable', shown);
  },
};
