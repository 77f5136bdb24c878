import { TPMA_OBJECT } from '../../../../wire/tpm2/index.js';
import type { TpmtPublic } from '../../../../wire/tpm2/index.js';
import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

const { RESTRICTED, SIGN, DECRYPT, FIXED_TPM, FIXED_PARENT, SENSITIVE_DATA_ORIGIN } = TPMA_OBJECT;

/** A restricted key signs only what its TPM made, so a forged structure cannot carry its signature. */
const SIGNING = RESTRICTED | SIGN;
/** Made in the TPM, and never leaves it. */
const BOUND = FIXED_TPM | FIXED_PARENT | SENSITIVE_DATA_ORIGIN;

/** The attestation key is one whose signature means something. */
export const akAttributes: AppraisalStep = {
  name: 'ak_attributes',
  check({ akPublic }) {
    const area = valueOf(akPublic);
    if (!area) return LACKING;
    const { objectAttributes } = area;
    const actual = `attributes 0x${objectAttributes.toString(16).padStart(8, '0')}`;
    if ((objectAttributes & SIGNING) !== SIGNING || (objectAttributes & DECRYPT) !== 0) {
      return failed('ak_not_restricted_signing', { expected: 'restricted and sign without decrypt', actual });
    }
    if ((objectAttributes & BOUND) !== BOUND) {
      return failed('ak_attributes', { expected: 'fixedTPM, fixedParent and sensitiveDataOrigin', actual });
    }
    const weakness = weaknessOf(area);
    return weakness === undefined
      ? passed({ expected: 'a restricted signing key that is bound to its TPM', actual })
      : failed('ak_attributes', {
          expected: 'P-256, P-384 or RSA 2048 at least, SHA-256 names',
          actual: weakness,
        });
  },
};

function weaknessOf(area: TpmtPublic): string | undefined {
  if (area.nameAlg === 'SHA1') return 'a name by SHA-1';
  if (area.type === 'KEYEDHASH') return 'a key that is not asymmetric';
  return area.type === 'RSA' && area.keyBits < 2048 ? `RSA ${area.keyBits}` : undefined;
}
