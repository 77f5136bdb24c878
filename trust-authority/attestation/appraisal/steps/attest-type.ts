import { valueOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The structure attests PCRs and nothing else. */
export const attestType: AppraisalStep = {
  name: 'attest_type',
  check({ attest }) {
    const structure = valueOf(attest);
    if (!structure) return LACKING;
    const { type } = structure.attested;
    return type === 'QUOTE' ? PASSED : failed('not_a_quote', { expected: 'QUOTE', actual: type });
  },
};
