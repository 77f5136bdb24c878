import { NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The endorsement key is one that an administrator registered. */
export const ekRegistered: AppraisalStep = {
  name: 'ek_registered',
  check({ identity, reference }) {
    if (!reference.settings.require_endorsement_keys) return NOT_ASKED;
    return reference.registeredKeys.has(identity.fingerprint)
      ? PASSED
      : failed('ek_not_registered', {
          expected: `one of ${reference.registeredKeys.size} registered endorsement keys`,
          actual: `SHA-256 of the endorsement key: ${identity.fingerprint}`,
        });
  },
};
