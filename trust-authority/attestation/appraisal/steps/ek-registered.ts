import { NOT_ASKED, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The endorsement key is one that an administrator registered. */
export const ekRegistered: AppraisalStep = {
  name: 'ek_registered',
  check({ identity, reference }) {
    if (!reference.settings.require_endorsement_keys) return NOT_ASKED;
    const shown = {
      expected: `one of ${reference.registeredKeys.size} registered endorsement keys`,
      actual: `SHA-256 of the endorsement key: ${identity.fingerprint}`,
    };
    return reference.registeredKeys.has(identity.fingerprint)
      ? passed(shown)
      : failed('ek_not_registered', shown);
  },
};
