import type { EnumerationValue, ManagedObjectValue } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { CipherKey } from '../cryptography/cipher.js';
import { decryptWith, encryptWith, isAsymmetric } from '../cryptography/cipher.js';
import { macEquals, macWith } from '../cryptography/mac.js';
import { beginSignature, beginVerification } from '../cryptography/signature.js';
import { privateKeyOf, publicKeyOf, secretBytesOf } from '../keys/key-object.js';
import type { WrappingKey } from './wrapping-keys.js';

/** Modes that have an initial value of their own; all others are given a random one. */
const WITHOUT_IV: readonly unknown[] = ['NISTKeyWrap', 'AESKeyWrapPadding'];

/** Encrypted bytes, with what decryption needs besides the key. */
export interface Protected {
  readonly data: Buffer;
  readonly ivCounterNonce: Buffer | undefined;
}

/**
 * Encrypts under a wrapping key. The Authenticated Encryption Tag of GCM and its like follows the data, as Key
 * Wrapping Data has no field for it. Own choice.
 *
 * @param key the wrapping key's own value, plain
 * @throws KmipError
 */
export function encrypted(key: ManagedObjectValue, use: WrappingKey, plain: Buffer): Protected {
  const { parameters } = use;
  const algorithm = algorithmOf(use);
  const withIv = WITHOUT_IV.includes(parameters.blockCipherMode)
    ? parameters
    : { ...parameters, randomIv: true };
  const cipherKey: CipherKey = isAsymmetric(algorithm) ? publicKeyOf(key) : secretBytesOf(key);
  const { data, ivCounterNonce, tag } = encryptWith(cipherKey, algorithm, withIv, plain);
  return { data: tag ? Buffer.concat([data, tag]) : data, ivCounterNonce };
}

/** Undoes {@link encrypted}; clear the result. @throws KmipError `CryptographicFailure` */
export function decrypted(
  key: ManagedObjectValue,
  use: WrappingKey,
  data: Buffer,
  ivCounterNonce: Buffer | undefined,
): Buffer {
  const algorithm = algorithmOf(use);
  const cipherKey: CipherKey = isAsymmetric(algorithm) ? privateKeyOf(key) : secretBytesOf(key);
  return decryptWith(cipherKey, algorithm, use.parameters, data, { ivCounterNonce });
}

/** The MAC of a symmetric key, or the signature of a private key. @throws KmipError */
export function authenticated(key: ManagedObjectValue, use: WrappingKey, message: Buffer): Buffer {
  const { parameters } = use;
  const algorithm = algorithmOf(use);
  if (key.objectType === 'SymmetricKey') return macWith(secretBytesOf(key), algorithm, parameters, message);
  const signature = beginSignature({ key: privateKeyOf(key), algorithm, parameters });
  signature.update(message);
  return signature.final();
}

/** @throws KmipError `CryptographicFailure` if a MAC or signature is not that of {@link authenticated} */
export function demandAuthentic(
  key: ManagedObjectValue,
  use: WrappingKey,
  message: Buffer,
  macSignature: Buffer,
): void {
  if (isAuthentic(key, use, message, macSignature)) return;
  throw new KmipError('CryptographicFailure', 'The MAC or signature of the wrapped key is wrong.');
}

function isAuthentic(
  key: ManagedObjectValue,
  use: WrappingKey,
  message: Buffer,
  macSignature: Buffer,
): boolean {
  if (key.objectType === 'SymmetricKey') return macEquals(authenticated(key, use, message), macSignature);
  const { parameters } = use;
  const verification = beginVerification({ key: publicKeyOf(key), algorithm: algorithmOf(use), parameters });
  verification.update(message);
  return verification.final(macSignature);
}

function algorithmOf({
  object,
  parameters,
}: WrappingKey): EnumerationValue<'CryptographicAlgorithm'> | undefined {
  return parameters.cryptographicAlgorithm ?? object.get('CryptographicAlgorithm');
}
