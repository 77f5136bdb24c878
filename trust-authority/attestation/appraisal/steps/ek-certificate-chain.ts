import { LACKING, NOT_ASKED, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The certificate comes from an imported authority. */
export const ekCertificateChain: AppraisalStep = {
  name: 'ek_certificate_chain',
  check({ identity, reference, path }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    const { certificate } = identity;
    if (!certificate) return LACKING;
    const shown = {
      expected: `one of ${reference.anchors.size} imported authorities`,
      actual: `issuer ${certificate.issuer.replaceAll('\n', ', ').slice(0, 300)}`,
    };
    return path ? passed(shown) : failed('ek_ca_untrusted', shown);
  },
};
