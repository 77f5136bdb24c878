import { LACKING, NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Today lies in the period of every certificate on the way to the root. */
export const ekCertificateValidity: AppraisalStep = {
  name: 'ek_certificate_validity',
  check({ identity, reference, path }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    const { certificate } = identity;
    if (!certificate) return LACKING;
    const issuers = path?.issuers ?? [];
    for (const { validFrom, validTo } of [certificate, ...issuers]) {
      if (reference.nowMs > Date.parse(validTo)) {
        return failed('ek_cert_expired', {
          expected: 'a certificate that is valid now',
          actual: `until ${validTo}`,
        });
      }
      if (reference.nowMs < Date.parse(validFrom)) {
        return failed('ek_cert_not_yet_valid', {
          expected: 'a certificate that is valid now',
          actual: `from ${validFrom}`,
        });
      }
    }
    return PASSED;
  },
};
