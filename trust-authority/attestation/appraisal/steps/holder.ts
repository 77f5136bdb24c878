import { ownershipConflict } from '../host-ownership.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The certificate that documents will be bound to is the one the host connects with, and the host id is its own. */
export const holder: AppraisalStep = {
  name: 'holder',
  check({ challenge, client, reference }) {
    if (!challenge) return LACKING;
    const bound = challenge.state.clientCertificateSha256;
    const shown = { expected: bound, actual: client.certificateSha256 };
    if (bound !== client.certificateSha256) return failed('holder_mismatch', shown);
    const conflict = ownershipConflict(client, reference);
    return conflict ? failed('holder_mismatch', conflict) : passed(shown);
  },
};
