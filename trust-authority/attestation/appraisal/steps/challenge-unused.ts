import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The challenge is answered for the first time. */
export const challengeUnused: AppraisalStep = {
  name: 'challenge_unused',
  check({ challenge }) {
    if (!challenge) return LACKING;
    return challenge.firstAnswer ? PASSED : failed('nonce_reused');
  },
};
