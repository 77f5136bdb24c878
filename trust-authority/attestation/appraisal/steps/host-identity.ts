import { PASSED, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** A host that attested before has the same TPM; one that did not is remembered from now on. */
export const hostIdentity: AppraisalStep = {
  name: 'host_identity',
  check({ identity, reference }) {
    const known = reference.knownHost?.endorsementKey;
    if (known === undefined) return PASSED;
    const shown = {
      expected: `SHA-256 of the endorsement key: ${known}`,
      actual: `SHA-256 of the endorsement key: ${identity.fingerprint}`,
    };
    return known === identity.fingerprint ? passed(shown) : failed('identity_changed', shown);
  },
};
