import { equalSecrets } from '../../../../core/secret.js';
import { quoteQualifyingData } from '../../../../wire/attestation/index.js';
import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The quote answers this challenge, and names the host key and the certificate that documents are bound to. */
export const qualifyingData: AppraisalStep = {
  name: 'qualifying_data',
  check({ challenge, attest }) {
    const structure = valueOf(attest);
    if (!challenge || !structure) return LACKING;
    const { nonce, hostKeyJwk, clientCertificateSha256 } = challenge.state;
    const expected = quoteQualifyingData({
      nonce: Buffer.from(nonce, 'base64'),
      hostKeyJwk,
      clientCertificateSha256,
    });
    const shown = { expected: expected.toString('hex'), actual: structure.extraData.toString('hex') };
    return equalSecrets(expected, structure.extraData) ? passed(shown) : failed('nonce_mismatch', shown);
  },
};
