import { LACKING, NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The certificate comes from an imported authority. */
export const ekCertificateChain: AppraisalStep = {
  name: 'ek_certificate_chain',
  check({ identity, reference, path }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    const { certificate } = identity;
    if (!certificate) return LACKING;
    return path
      ? PASSED
      : failed('ek_ca_untrusted', {
          expected: `one of ${reference.anchors.length} imported authorities`,
          actual: `issuer ${certificate.issuer.replaceAll('\n', ', ').slice(0, 300)}`,
        });
  },
};
