import { PASSED, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/**
 * A host that attested before has the same TPM, and a TPM that attested before the same host id, so that no host can
 * take the id of one that is still to come; what is new is remembered from now on.
 */
export const hostIdentity: AppraisalStep = {
  name: 'host_identity',
  check({ challenge, identity, reference }) {
    const { knownHost, idOfKey } = reference;
    if (knownHost === undefined) {
      if (idOfKey === undefined) return PASSED;
      return failed('identity_changed', {
        expected: `the host id that the TPM attested with before: ${idOfKey}`,
        actual: `the host id ${challenge?.state.hostId ?? 'of no challenge'}`,
      });
    }
    const shown = {
      expected: `SHA-256 of the endorsement key: ${knownHost.endorsementKey}`,
      actual: `SHA-256 of the endorsement key: ${identity.fingerprint}`,
    };
    return knownHost.endorsementKey === identity.fingerprint
      ? passed(shown)
      : failed('identity_changed', shown);
  },
};
