import { NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** There is a certificate, if one must be validated. */
export const ekCertificatePresent: AppraisalStep = {
  name: 'ek_certificate_present',
  check({ identity, reference }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    return identity.certificate
      ? PASSED
      : failed('ek_cert_missing', {
          actual: "No RSA Endorsement Key certificate found in TPM 2.0 device's non-volatile memory.",
        });
  },
};
