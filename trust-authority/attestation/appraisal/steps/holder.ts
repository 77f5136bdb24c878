import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The certificate that documents will be bound to is the one the host connects with. */
export const holder: AppraisalStep = {
  name: 'holder',
  check({ challenge, connectionCertificateSha256 }) {
    if (!challenge) return LACKING;
    const bound = challenge.state.clientCertificateSha256;
    return bound === connectionCertificateSha256
      ? PASSED
      : failed('holder_mismatch', { expected: bound, actual: connectionCertificateSha256 });
  },
};
