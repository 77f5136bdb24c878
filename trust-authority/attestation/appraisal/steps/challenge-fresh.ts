import { failed, passed } from '../step.js';
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
    const ageSeconds = Math.round((reference.nowMs - challenge.state.issuedAtMs) / 1000);
    const shown = {
      expected: `a challenge of at most ${challenge.lifetimeSeconds} seconds ago`,
      actual: `a challenge of ${ageSeconds} seconds ago`,
    };
    return challenge.expired ? failed('challenge_expired', shown) : passed(shown);
  },
};
