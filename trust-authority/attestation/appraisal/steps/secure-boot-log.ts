import { secureBootOf } from '../secure-boot.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The variables are logged as firmware logs them, so that none can be passed off as another. */
export const secureBootLog: AppraisalStep = {
  name: 'secure_boot_log',
  check(material) {
    const policy = secureBootOf(material);
    if (!policy) return LACKING;
    return policy.problem === undefined
      ? PASSED
      : failed('secure_boot_log_invalid', {
          expected: 'SecureBoot, PK, KEK, db, dbx, then a separator, then authorities',
          actual: policy.problem,
        });
  },
};
