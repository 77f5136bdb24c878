import { pathTo } from '../../trust-anchors.js';
import { LACKING, NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The certificate comes from an imported authority. */
export const ekCertificateChain: AppraisalStep = {
  name: 'ek_certificate_chain',
  check({ identity, reference }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    const { certificate } = identity;
    if (!certificate) return LACKING;
    return pathTo(certificate, reference.anchors)
      ? PASSED
      : failed('ek_ca_untrusted', {
          expected: `one of ${reference.anchors.length} imported authorities`,
          actual: `issuer ${certificate.issuer.replaceAll('\n', ', ').slice(0, 300)}`,
        });
  },
};
