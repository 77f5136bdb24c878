import { digestBytes } from '../../../../wire/tpm2/index.js';
import { quoteOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

const STRONG_DIGEST_BYTES = 32;

/** No bank is quoted whose values can be made to collide. */
export const pcrBank: AppraisalStep = {
  name: 'pcr_bank',
  check(material) {
    const quote = quoteOf(material);
    if (!quote) return LACKING;
    const weak = quote.selections.find(({ hashAlg }) => digestBytes(hashAlg) < STRONG_DIGEST_BYTES);
    const banks = (weak ? [weak] : quote.selections).map(({ hashAlg }) => hashAlg);
    const shown = { expected: 'SHA256 or better', actual: banks.join(', ') };
    return weak ? failed('weak_pcr_bank', shown) : passed(shown);
  },
};
