import { equalSecrets } from '../../../../core/secret.js';
import { pcrDigest as digestOfPcrs } from '../../../../wire/tpm2/index.js';
import { quoteOf, valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The values sent are those that the TPM had when it quoted. */
export const pcrDigest: AppraisalStep = {
  name: 'pcr_digest',
  check(material) {
    const quote = quoteOf(material);
    const hashAlg = valueOf(material.signature)?.hashAlg;
    if (!quote || !hashAlg) return LACKING;
    const actual = digestOfPcrs(hashAlg, quote.selections, material.pcrValues);
    if (!actual) return LACKING;
    const shown = { expected: quote.pcrDigest.toString('hex'), actual: actual.toString('hex') };
    return equalSecrets(quote.pcrDigest, actual) ? passed(shown) : failed('pcr_digest_mismatch', shown);
  },
};
