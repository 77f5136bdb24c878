import { TPM_GENERATED_VALUE, isTpmGenerated } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The structure begins with the value that a restricted key signs only if the TPM itself wrote it. */
export const attestMagic: AppraisalStep = {
  name: 'attest_magic',
  check({ attest }) {
    const structure = valueOf(attest);
    if (!structure) return LACKING;
    return isTpmGenerated(structure)
      ? PASSED
      : failed('not_tpm_generated', {
          expected: `0x${TPM_GENERATED_VALUE.toString(16)}`,
          actual: `0x${structure.magic.toString(16).padStart(8, '0')}`,
        });
  },
};
