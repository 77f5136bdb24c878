import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The structure attests PCRs and nothing else. */
export const attestType: AppraisalStep = {
  name: 'attest_type',
  check({ attest }) {
    const structure = valueOf(attest);
    if (!structure) return LACKING;
    const { type } = structure.attested;
    const shown = { expected: 'QUOTE', actual: type };
    return type === 'QUOTE' ? passed(shown) : failed('not_a_quote', shown);
  },
};
