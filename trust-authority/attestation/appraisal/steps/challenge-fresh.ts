import { PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The challenge is of this run of the service and young enough. */
export const challengeFresh: AppraisalStep = {
  name: 'challenge_fresh',
  check({ challenge, reference }) {
    if (!challenge) {
      return failed('challenge_expired', {
        expected: 'a challenge of this attestation service since it started',
        actual: 'another state',
      });
    }
    if (!challenge.expired) return PASSED;
    const ageSeconds = Math.round((reference.nowMs - challenge.state.issuedAtMs) / 1000);
    return failed('challenge_expired', { actual: `a challenge of ${ageSeconds} seconds ago` });
  },
};
