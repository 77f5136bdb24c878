import type { CryptographicParameters, EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type {
  CipherFamily,
  CipherKey,
  DecryptionOptions,
  Encryption,
  EncryptionOptions,
} from './cipher-family.js';
import { blockCipherPlan, chaCha20Plan, chaCha20Poly1305Plan } from './cipher-plans.js';
import { oneTimePad } from './one-time-pad.js';
import { rsaCipher } from './rsa-cipher.js';
import { symmetricCipher } from './symmetric-cipher.js';
import type { Transform } from './transform.js';
import { runWhole } from './transform.js';

export type { CipherKey, DecryptionOptions, Encryption, EncryptionOptions } from './cipher-family.js';

type Algorithm = EnumerationValue<'CryptographicAlgorithm'>;

/** The Cryptographic Algorithms that encrypt. KMIP 1.4 §9.1.3.2.13. */
const CIPHERS = {
  AES: symmetricCipher(blockCipherPlan('AES')),
  DES3: symmetricCipher(blockCipherPlan('DES3')),
  Camellia: symmetricCipher(blockCipherPlan('Camellia')),
  ARIA: symmetricCipher(blockCipherPlan('ARIA')),
  SM4: symmetricCipher(blockCipherPlan('SM4')),
  ChaCha20: symmetricCipher(chaCha20Plan),
  ChaCha20Poly1305: symmetricCipher(chaCha20Poly1305Plan),
  RSA: rsaCipher,
  OneTimePad: oneTimePad,
} as const satisfies Partial<Record<NameIn<'CryptographicAlgorithm'>, CipherFamily>>;

/** What one encryption gives. */
export interface Encrypted {
  readonly data: Buffer;
  /** The IV, counter block or nonce, if it was made here because Random IV asks for it. */
  readonly ivCounterNonce: Buffer | undefined;
  /** Authenticated Encryption Tag of GCM, CCM and ChaCha20-Poly1305. */
  readonly tag: Buffer | undefined;
}

/**
 * Begins an encryption.
 *
 * @param key the bytes of a symmetric key, a public key for RSA
 * @throws KmipError `BadCryptographicParameters`, `UnsupportedCryptographicParameters`, a missing IV, `GeneralFailure`
 *   for an impossible length of the tag, `CryptographicFailure`; each under the reason of the version spoken
 */
export function beginEncryption(
  key: CipherKey,
  algorithm: Algorithm | undefined,
  parameters: CryptographicParameters,
  options: EncryptionOptions = {},
): Encryption {
  return familyOf(algorithm).encryption(key, parameters, options);
}

/** Begins a decryption; authenticated ciphers give all data at its end. @throws KmipError as {@link beginEncryption} */
export function beginDecryption(
  key: CipherKey,
  algorithm: Algorithm | undefined,
  parameters: CryptographicParameters,
  options: DecryptionOptions = {},
): Transform {
  return familyOf(algorithm).decryption(key, parameters, options);
}

/** Encrypts data that is there as a whole. @throws KmipError as {@link beginEncryption} */
export function encryptWith(
  key: CipherKey,
  algorithm: Algorithm | undefined,
  parameters: CryptographicParameters,
  data: Buffer,
  options: EncryptionOptions = {},
): Encrypted {
  const encryption = beginEncryption(key, algorithm, parameters, options);
  const encrypted = runWhole(encryption, data);
  return { data: encrypted, ivCounterNonce: encryption.ivCounterNonce, tag: encryption.tag?.() };
}

/**
 * Decrypts data that is there as a whole. Clear the result after use.
 *
 * @throws KmipError as {@link beginEncryption}; `CryptographicFailure` if tag or padding are wrong
 */
export function decryptWith(
  key: CipherKey,
  algorithm: Algorithm | undefined,
  parameters: CryptographicParameters,
  data: Buffer,
  options: DecryptionOptions = {},
): Buffer {
  return runWhole(beginDecryption(key, algorithm, parameters, options), data);
}

/** Whether keys of an algorithm are used by their halves, not by their bytes. */
export function isAsymmetric(algorithm: Algorithm | undefined): boolean {
  return algorithm === 'RSA';
}

function familyOf(algorithm: Algorithm | undefined): CipherFamily {
  if (typeof algorithm === 'string' && Object.hasOwn(CIPHERS, algorithm)) {
    return CIPHERS[algorithm as keyof typeof CIPHERS];
  }
  const served = Object.keys(CIPHERS).join(', ');
  throw new Refusal(
    'unsupportedCryptographicParameters',
    `Cryptographic Algorithm ${algorithm ?? '(none)'} does not encrypt here; use one of ${served}.`,
  );
}
