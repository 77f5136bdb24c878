import { digestBytes } from '../../../../wire/tpm2/index.js';
import { quoteOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

const STRONG_DIGEST_BYTES = 32;

/** No bank is quoted whose values can be made to collide. */
export const pcrBank: AppraisalStep = {
  name: 'pcr_bank',
  check(material) {
    const quote = quoteOf(material);
    if (!quote) return LACKING;
    const weak = quote.selections.find(({ hashAlg }) => digestBytes(hashAlg) < STRONG_DIGEST_BYTES);
    return weak ? failed('weak_pcr_bank', { expected: 'SHA256 or better', actual: weak.hashAlg }) : PASSED;
  },
};
