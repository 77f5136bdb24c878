import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Structures decode without a byte missing or left over, and both rounds present the same identity. */
export const evidenceFormat: AppraisalStep = {
  name: 'evidence_format',
  check({ akPublic, attest, signature, challenge, identity }) {
    for (const structure of [akPublic, attest, signature]) {
      if ('problem' in structure) return failed('malformed_evidence', { actual: structure.problem });
    }
    if (!challenge) return LACKING;
    if (challenge.state.identityHex !== identity.digestHex) {
      return failed('malformed_evidence', {
        expected: 'the identity of the first round',
        actual: 'another identity',
      });
    }
    return PASSED;
  },
};
