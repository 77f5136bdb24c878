import { LACKING, NOT_ASKED, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The endorsement key is the one that its certificate is for. */
export const ekCertificateMatch: AppraisalStep = {
  name: 'ek_certificate_match',
  check({ identity, reference }) {
    const { certificate } = identity;
    if (!certificate) return reference.settings.require_certificate_validation ? LACKING : NOT_ASKED;
    const { certifiedFingerprint: certified } = identity;
    const shown = {
      expected: `SHA-256 of the certified key: ${certified ?? 'unsupported kind of key'}`,
      actual: `SHA-256 of the endorsement key: ${identity.fingerprint}`,
    };
    return certified === identity.fingerprint ? passed(shown) : failed('ek_cert_mismatch', shown);
  },
};
