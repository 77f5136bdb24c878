import { equalSecrets, zeroise } from '../../../../core/secret.js';
import { activationProof } from '../../../../wire/attestation/index.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The TPM of the endorsement key opened the credential; neither secret nor expected proof is ever told. */
export const credentialActivation: AppraisalStep = {
  name: 'credential_activation',
  check({ challenge, attestBytes, signatureBytes, eventLogBytes, activationProof: proof }) {
    if (!challenge) return LACKING;
    const secret = Buffer.from(challenge.state.secret, 'base64');
    const expected = activationProof({
      secret,
      attest: attestBytes,
      signature: signatureBytes,
      eventLog: eventLogBytes,
    });
    zeroise(secret);
    return equalSecrets(expected, proof) ? PASSED : failed('credential_activation_failed');
  },
};
