import { TPM_GENERATED_VALUE, isTpmGenerated } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The structure begins with the value that a restricted key signs only if the TPM itself wrote it. */
export const attestMagic: AppraisalStep = {
  name: 'attest_magic',
  check({ attest }) {
    const structure = valueOf(attest);
    if (!structure) return LACKING;
    const shown = {
      expected: `0x${TPM_GENERATED_VALUE.toString(16)}`,
      actual: `0x${structure.magic.toString(16).padStart(8, '0')}`,
    };
    return isTpmGenerated(structure) ? passed(shown) : failed('not_tpm_generated', shown);
  },
};
