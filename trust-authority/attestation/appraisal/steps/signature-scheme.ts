import { valueOf } from '../material.js';
import { LACKING, failed, passed } from '../step.js';
import type { AppraisalStep } from '../step.js';

/** The signature uses the scheme that the key is bound to, with a hash that is not weak. */
export const signatureScheme: AppraisalStep = {
  name: 'signature_scheme',
  check({ akPublic, signature }) {
    const area = valueOf(akPublic);
    const signed = valueOf(signature);
    if (!area || !signed) return LACKING;
    const actual = `${signed.sigAlg} with ${signed.hashAlg}`;
    if (signed.hashAlg === 'SHA1' || signed.sigAlg === 'HMAC') {
      return failed('weak_signature_hash', {
        expected: 'RSASSA, RSAPSS or ECDSA with SHA256 or better',
        actual,
      });
    }
    const { scheme } = area;
    const expected = scheme ? `${scheme.scheme} with ${scheme.hashAlg}` : 'a key that is bound to one scheme';
    return scheme?.scheme === signed.sigAlg && scheme.hashAlg === signed.hashAlg
      ? passed({ expected, actual })
      : failed('weak_signature_hash', { expected, actual });
  },
};
