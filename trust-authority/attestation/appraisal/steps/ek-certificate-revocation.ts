import { revocationOf } from '../certificate-path.js';
import { LACKING, NOT_ASKED, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** No certificate on the way to the root is on a revocation list of its issuer. */
export const ekCertificateRevocation: AppraisalStep = {
  name: 'ek_certificate_revocation',
  check({ identity, reference, path }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    if (!identity.certificate || !path) return LACKING;
    const lists = new Set(path.flatMap(({ revocationLists }) => revocationLists));
    return (
      revocationOf(path, reference.nowMs) ?? passed({ actual: `on none of ${lists.size} revocation lists` })
    );
  },
};
