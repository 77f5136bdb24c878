import { createHmac, constants as cryptoConstants, sign, timingSafeEqual, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ECC_CURVES, HASH_ALGORITHMS, TPM_ALG } from './algorithms.js';
import type { HashAlgorithm } from './algorithms.js';
import { readHashAlgorithm, writeHashAlgorithm } from './algorithm-codec.js';
import type { SigningScheme } from './algorithm-codec.js';
import { TpmError } from './errors.js';
import { leftPadded, publicKeyOf } from './public-area.js';
import type { TpmtPublic } from './public-area.js';
import { decodeWhole } from './reader.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import { encodeWhole } from './writer.js';
import type { TpmWriter } from './writer.js';

/** TPMT_SIGNATURE (TPM 2.0 Part 2 §11.3.4). */
export type TpmtSignature =
  | { readonly sigAlg: 'RSASSA' | 'RSAPSS'; readonly hashAlg: HashAlgorithm; readonly signature: Buffer }
  | { readonly sigAlg: 'ECDSA'; readonly hashAlg: HashAlgorithm; readonly r: Buffer; readonly s: Buffer }
  | { readonly sigAlg: 'HMAC'; readonly hashAlg: HashAlgorithm; readonly digest: Buffer };

const MAX_RSA_SIGNATURE_BYTES = 384;
const MAX_COORDINATE_BYTES = ECC_CURVES.NIST_P384.coordinateBytes;

/** Reads a TPMT_SIGNATURE. @throws TpmError TPM_RC_SCHEME, TPM_RC_HASH, TPM_RC_SIZE */
export function readTpmtSignature(reader: TpmReader): TpmtSignature {
  const sigAlg = reader.u16();
  switch (sigAlg) {
    case TPM_ALG.RSASSA:
    case TPM_ALG.RSAPSS:
      return {
        sigAlg: sigAlg === TPM_ALG.RSASSA ? 'RSASSA' : 'RSAPSS',
        hashAlg: readHashAlgorithm(reader),
        signature: reader.sized(MAX_RSA_SIGNATURE_BYTES),
      };
    case TPM_ALG.ECDSA:
      return {
        sigAlg: 'ECDSA',
        hashAlg: readHashAlgorithm(reader),
        r: reader.sized(MAX_COORDINATE_BYTES),
        s: reader.sized(MAX_COORDINATE_BYTES),
      };
    case TPM_ALG.HMAC: {
      const hashAlg = readHashAlgorithm(reader);
      return { sigAlg: 'HMAC', hashAlg, digest: reader.bytes(HASH_ALGORITHMS[hashAlg].digestBytes) };
    }
    default:
      throw new TpmError(TPM_RC.SCHEME);
  }
}

/** Writes a TPMT_SIGNATURE. */
export function writeTpmtSignature(writer: TpmWriter, signature: TpmtSignature): void {
  writer.u16(TPM_ALG[signature.sigAlg]);
  writeHashAlgorithm(writer, signature.hashAlg);
  if (signature.sigAlg === 'ECDSA') writer.sized(signature.r).sized(signature.s);
  else if (signature.sigAlg === 'HMAC') writer.bytes(signature.digest);
  else writer.sized(signature.signature);
}

/** Reads a TPMT_SIGNATURE that fills `bytes`. @throws TpmError */
export function decodeTpmtSignature(bytes: Buffer): TpmtSignature {
  return decodeWhole('TPMT_SIGNATURE', bytes, readTpmtSignature);
}

/** The bytes of a TPMT_SIGNATURE. */
export function encodeTpmtSignature(signature: TpmtSignature): Buffer {
  return encodeWhole((writer) => {
    writeTpmtSignature(writer, signature);
  });
}

/**
 * Verifies a signature over `message` (which is hashed here) with a public area, by the one scheme and hash that the
 * key is bound to. A key without a scheme verifies nothing: whoever signs could choose a weak one.
 *
 * @returns false if it does not verify, for whatever reason
 */
export function verifySignature(area: TpmtPublic, signature: TpmtSignature, message: Buffer): boolean {
  const { sigAlg, hashAlg } = signature;
  if (area.scheme?.scheme !== sigAlg || area.scheme.hashAlg !== hashAlg) return false;
  const nodeHash = HASH_ALGORITHMS[hashAlg].nodeName;
  try {
    if (sigAlg === 'ECDSA') {
      if (area.type !== 'ECC') return false;
      const { coordinateBytes } = ECC_CURVES[area.curve];
      if (signature.r.length > coordinateBytes || signature.s.length > coordinateBytes) return false;
      const raw = Buffer.concat([
        leftPadded(signature.r, coordinateBytes),
        leftPadded(signature.s, coordinateBytes),
      ]);
      return verify(nodeHash, message, { key: publicKeyOf(area), dsaEncoding: 'ieee-p1363' }, raw);
    }
    if (sigAlg === 'HMAC' || area.type !== 'RSA') return false;
    const saltLength = cryptoConstants.RSA_PSS_SALTLEN_AUTO;
    return verify(
      nodeHash,
      message,
      { key: publicKeyOf(area), ...paddingOf(sigAlg, saltLength) },
      signature.signature,
    );
  } catch {
    // A public area that is no key on its curve, or of a wrong size, verifies nothing.
    return false;
  }
}

/** Verifies an HMAC of `message` in constant time. */
export function verifyHmac(hashAlg: HashAlgorithm, key: Buffer, message: Buffer, digest: Buffer): boolean {
  const expected = createHmac(HASH_ALGORITHMS[hashAlg].nodeName, key).update(message).digest();
  return expected.length === digest.length && timingSafeEqual(expected, digest);
}

/**
 * Signs `message` (which is hashed here) as a TPM does with an asymmetric key.
 *
 * @throws TpmError TPM_RC_SCHEME if the scheme does not suit the key
 */
export function signMessage(privateKey: KeyObject, scheme: SigningScheme, message: Buffer): TpmtSignature {
  const nodeHash = HASH_ALGORITHMS[scheme.hashAlg].nodeName;
  if (scheme.scheme === 'ECDSA' && privateKey.asymmetricKeyType === 'ec') {
    const raw = sign(nodeHash, message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const half = raw.length / 2;
    return { sigAlg: 'ECDSA', hashAlg: scheme.hashAlg, r: raw.subarray(0, half), s: raw.subarray(half) };
  }
  if ((scheme.scheme === 'RSASSA' || scheme.scheme === 'RSAPSS') && privateKey.asymmetricKeyType === 'rsa') {
    const padding = paddingOf(scheme.scheme, cryptoConstants.RSA_PSS_SALTLEN_DIGEST);
    const signature = sign(nodeHash, message, { key: privateKey, ...padding });
    return { sigAlg: scheme.scheme, hashAlg: scheme.hashAlg, signature };
  }
  throw new TpmError(TPM_RC.SCHEME);
}

/** A verifier takes a PSS salt of any length; a signer makes one as long as the digest (FIPS 186-4 §5.5). */
function paddingOf(
  scheme: 'RSASSA' | 'RSAPSS',
  saltLength: number,
): { padding: number; saltLength?: number } {
  return scheme === 'RSASSA'
    ? { padding: cryptoConstants.RSA_PKCS1_PADDING }
    : { padding: cryptoConstants.RSA_PKCS1_PSS_PADDING, saltLength };
}
