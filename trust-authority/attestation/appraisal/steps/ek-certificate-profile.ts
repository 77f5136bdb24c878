import { basicConstraintsOf } from '../../../pki/basic-constraints.js';
import { LACKING, NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** tcg-kp-EKCertificate: the extended key usage of endorsement key certificates (TCG EK Credential Profile §3.2.16). */
const EK_CERTIFICATE_USAGE = '2.23.133.8.1';

/** The certificate is for an endorsement key and not one of an authority. */
export const ekCertificateProfile: AppraisalStep = {
  name: 'ek_certificate_profile',
  check({ identity, reference }) {
    const { certificate } = identity;
    if (!certificate) return reference.settings.require_certificate_validation ? LACKING : NOT_ASKED;
    if (basicConstraintsOf(certificate.raw).isAuthority) {
      return failed('ek_cert_profile', {
        expected: 'basicConstraints without CA',
        actual: 'a certificate of an authority',
      });
    }
    // Node types the list as always there; a certificate without the extension has none.
    const usages = (certificate.keyUsage as string[] | undefined) ?? [];
    return usages.includes(EK_CERTIFICATE_USAGE)
      ? PASSED
      : failed('ek_cert_profile', {
          expected: `extended key usage ${EK_CERTIFICATE_USAGE}`,
          actual: usages.length === 0 ? 'no extended key usage' : usages.slice(0, 8).join(', '),
        });
  },
};
