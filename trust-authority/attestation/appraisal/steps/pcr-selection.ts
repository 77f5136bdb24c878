import type { PcrSelection } from '../../../../wire/tpm2/index.js';
import { REQUIRED_PCRS } from '../../challenges.js';
import { quoteOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

const REQUIRED = namesOf(REQUIRED_PCRS);

/** Every PCR that the challenge asks for is quoted; more may be. */
export const pcrSelection: AppraisalStep = {
  name: 'pcr_selection',
  check(material) {
    const quote = quoteOf(material);
    if (!quote) return LACKING;
    const quoted = new Set(namesOf(quote.selections));
    const expected = REQUIRED.join(', ');
    if (quoted.size === 0) return failed('pcr_selection_empty', { expected, actual: 'no PCR' });
    const missing = REQUIRED.filter((pcr) => !quoted.has(pcr));
    return missing.length === 0
      ? passed({ expected, actual: [...quoted].join(', ') })
      : failed('pcr_not_covered', { expected, actual: `without ${missing.join(', ')}` });
  },
};

function namesOf(selections: readonly PcrSelection[]): string[] {
  return selections.flatMap(({ hashAlg, pcrs }) => pcrs.map((pcr) => `${hashAlg}:${pcr}`));
}
