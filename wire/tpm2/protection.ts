import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import { HASH_ALGORITHMS, digestBytes } from './algorithms.js';
import type { HashAlgorithm } from './algorithms.js';
import type { SymmetricDefinition } from './algorithm-codec.js';
import { TpmError } from './errors.js';
import { kdfA } from './kdf.js';
import { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import { encodeWhole } from './writer.js';

const AES_BLOCK_BYTES = 16;
const MAX_PROTECTED_BYTES = 2048;

/** With what a structure is protected: the outer wrapper of TPM 2.0 Part 1 §23.3.2.3 and §24. */
export interface Protection {
  /** Name algorithm of the protecting key. */
  readonly hashAlg: HashAlgorithm;
  /** Seed from which the symmetric key and the HMAC key are derived. */
  readonly seed: Buffer;
  readonly symmetric: SymmetricDefinition;
  /** Name of the object that is bound to the content. */
  readonly name: Buffer;
}

/**
 * Encrypts and authenticates `plain`: a TPM2B with the HMAC, the initialization vector if one is given (as a
 * TPM2B), the ciphertext.
 *
 * @param iv 16 random bytes for objects; undefined (zeros, not sent) for credentials and duplication
 */
export function protect(protection: Protection, plain: Buffer, iv?: Buffer): Buffer {
  const cipher = createCipheriv(
    `aes-${protection.symmetric.keyBits}-cfb`,
    symmetricKey(protection),
    iv ?? Buffer.alloc(AES_BLOCK_BYTES),
  );
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const body =
    iv === undefined ? encrypted : Buffer.concat([encodeWhole((writer) => writer.sized(iv)), encrypted]);
  return encodeWhole((writer) => writer.sized(integrityOf(protection, body)).bytes(body));
}

/**
 * Undoes `protect`.
 *
 * @param withIv whether an initialization vector was sent
 * @throws TpmError TPM_RC_INTEGRITY if it was altered or is for another key or name, TPM_RC_SIZE, TPM_RC_INSUFFICIENT
 */
export function unprotect(protection: Protection, bytes: Buffer, withIv: boolean): Buffer {
  if (bytes.length > MAX_PROTECTED_BYTES) throw new TpmError(TPM_RC.SIZE);
  const reader = new TpmReader(bytes);
  const integrity = reader.sized(HASH_ALGORITHMS.SHA512.digestBytes);
  const body = reader.rest();
  const expected = integrityOf(protection, body);
  if (integrity.length !== expected.length || !timingSafeEqual(integrity, expected)) {
    throw new TpmError(TPM_RC.INTEGRITY);
  }
  const inner = new TpmReader(body);
  const iv = withIv ? inner.sized(AES_BLOCK_BYTES) : Buffer.alloc(AES_BLOCK_BYTES);
  if (iv.length !== AES_BLOCK_BYTES) throw new TpmError(TPM_RC.SIZE);
  const decipher = createDecipheriv(`aes-${protection.symmetric.keyBits}-cfb`, symmetricKey(protection), iv);
  return Buffer.concat([decipher.update(inner.rest()), decipher.final()]);
}

function symmetricKey(protection: Protection): Buffer {
  return kdfA(protection.hashAlg, protection.seed, {
    label: 'STORAGE',
    contextU: protection.name,
    bits: protection.symmetric.keyBits,
  });
}

function integrityOf(protection: Protection, body: Buffer): Buffer {
  const key = kdfA(protection.hashAlg, protection.seed, {
    label: 'INTEGRITY',
    bits: digestBytes(protection.hashAlg) * 8,
  });
  return createHmac(HASH_ALGORITHMS[protection.hashAlg].nodeName, key)
    .update(body)
    .update(protection.name)
    .digest();
}
