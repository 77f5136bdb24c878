import { LACKING, NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** tcg-kp-EKCertificate: the extended key usage of endorsement key certificates (TCG EK Credential Profile §3.2.16). */
const EK_CERTIFICATE_USAGE = '2.23.133.8.1';

/** The certificate is for an endorsement key and not one of an authority. */
export const ekCertificateProfile: AppraisalStep = {
  name: 'ek_certificate_profile',
  check({ identity, reference }) {
    const { presented } = identity;
    if (!presented) return reference.settings.require_certificate_validation ? LACKING : NOT_ASKED;
    const { isAuthority, usages } = presented;
    if (isAuthority) {
      return failed('ek_cert_profile', {
        expected: 'basicConstraints without CA',
        actual: 'a certificate of an authority',
      });
    }
    return usages.includes(EK_CERTIFICATE_USAGE)
      ? PASSED
      : failed('ek_cert_profile', {
          expected: `extended key usage ${EK_CERTIFICATE_USAGE}`,
          actual: usages.length === 0 ? 'no extended key usage' : usages.slice(0, 8).join(', '),
        });
  },
};
