import { secureBootOf } from '../secure-boot.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The variable SecureBoot was 1 when the host started. */
export const secureBootEnabled: AppraisalStep = {
  name: 'secure_boot_enabled',
  check(material) {
    const policy = secureBootOf(material);
    if (policy?.secureBoot === undefined) return LACKING;
    const shown = {
      expected: 'SecureBoot = 01',
      actual: `SecureBoot = ${policy.secureBoot.subarray(0, 8).toString('hex')}`,
    };
    return policy.secureBoot.equals(Buffer.from([1])) ? passed(shown) : failed('secure_boot_disabled', shown);
  },
};
