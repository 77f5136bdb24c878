import { outdatedOf, periodOf } from '../certificate-path.js';
import { LACKING, NOT_ASKED, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** Today lies in the period of every certificate on the way to the root. */
export const ekCertificateValidity: AppraisalStep = {
  name: 'ek_certificate_validity',
  check({ identity, reference, path }) {
    if (!reference.settings.require_certificate_validation) return NOT_ASKED;
    const { presented } = identity;
    if (!presented) return LACKING;
    return (
      outdatedOf(path ?? [presented], reference.nowMs) ??
      passed({ expected: `valid on ${new Date(reference.nowMs).toISOString()}`, actual: periodOf(presented) })
    );
  },
};
