import { verifySignature } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, PASSED, failed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The attestation key signed the structure. */
export const signature: AppraisalStep = {
  name: 'signature',
  check(material) {
    const area = valueOf(material.akPublic);
    const signed = valueOf(material.signature);
    if (!area || !signed) return LACKING;
    return verifySignature(area, signed, material.attestBytes) ? PASSED : failed('bad_signature');
  },
};
