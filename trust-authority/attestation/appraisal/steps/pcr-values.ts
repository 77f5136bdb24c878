import { digestBytes } from '../../../../wire/tpm2/index.js';
import { quoteOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** A value of the right length was sent for every quoted PCR. */
export const pcrValues: AppraisalStep = {
  name: 'pcr_values',
  check(material) {
    const quote = quoteOf(material);
    if (!quote) return LACKING;
    for (const { hashAlg, pcrs } of quote.selections) {
      const bank = material.pcrValues.get(hashAlg);
      const missing = pcrs.filter((pcr) => bank?.get(pcr)?.length !== digestBytes(hashAlg));
      if (missing.length > 0) {
        return failed('pcr_missing', { actual: `no ${hashAlg} value of PCR ${missing.join(', ')}` });
      }
    }
    return PASSED;
  },
};
