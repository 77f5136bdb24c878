import { PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** A host that attested before has the same TPM; one that did not is remembered from now on. */
export const hostIdentity: AppraisalStep = {
  name: 'host_identity',
  check({ identity, reference }) {
    const known = reference.knownHost?.endorsementKey;
    return known === undefined || known === identity.fingerprint
      ? PASSED
      : failed('identity_changed', {
          expected: `SHA-256 of the endorsement key: ${known}`,
          actual: `SHA-256 of the endorsement key: ${identity.fingerprint}`,
        });
  },
};
