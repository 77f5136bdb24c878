import { serialOf } from '../../trust-anchors.js';
import { LACKING, NOT_ASKED, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** No certificate on the way to the root is on the revocation list of its issuer. */
export const ekCertificateRevocation: AppraisalStep = {
  name: 'ek_certificate_revocation',
  check({ identity, reference, path }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    const { certificate } = identity;
    if (!certificate || !path) return LACKING;
    const chain = [certificate, ...path.issuers];
    for (const [index, judged] of chain.entries()) {
      const issuer = chain[index + 1] ?? judged;
      for (const list of path.revocationLists.filter((row) => row.issuer.raw.equals(issuer.raw))) {
        if (list.revoked.has(serialOf(judged.serialNumber))) {
          return failed('ek_ca_revoked', { actual: `serial number ${judged.serialNumber} is revoked` });
        }
        if (list.nextUpdateMs !== undefined && list.nextUpdateMs < reference.nowMs) {
          return failed('ek_ca_revoked', {
            expected: 'a current revocation list',
            actual: `one that should have been renewed on ${new Date(list.nextUpdateMs).toISOString()}`,
          });
        }
      }
    }
    return PASSED;
  },
};
