import type { KeyObject } from 'node:crypto';

import type { CryptographicParameters } from '../../wire/kmip/index.js';
import type { Transform } from './transform.js';

/** A key as an algorithm takes it: the bytes of a symmetric one, or half of a pair. */
export type CipherKey = Buffer | KeyObject;

/** What goes into an encryption besides key, parameters and data. */
export interface EncryptionOptions {
  /** IV, counter block or nonce. */
  readonly ivCounterNonce?: Buffer | undefined;
  /** Authenticated Encryption Additional Data. */
  readonly additionalData?: Buffer | undefined;
  /** Most bytes kept for algorithms that need the whole data at once; no limit if absent. */
  readonly heldBytesLimit?: number | undefined;
}

/** What goes into a decryption besides key, parameters and data. */
export interface DecryptionOptions extends EncryptionOptions {
  /** Authenticated Encryption Tag. If it is absent, the data ends with it. */
  readonly tag?: Buffer | undefined;
}

/** An encryption under way. */
export interface Encryption extends Transform {
  /** The IV, counter block or nonce, if it was made here because Random IV asks for it. */
  readonly ivCounterNonce?: Buffer | undefined;
  /** The Authenticated Encryption Tag, once the data is ended; absent for ciphers that do not authenticate. */
  readonly tag?: (() => Buffer) | undefined;
}

/** Ciphers that take the same kind of key and parameters. */
export interface CipherFamily {
  /** @throws KmipError if key and parameters do not fit each other or the algorithm */
  encryption(key: CipherKey, parameters: CryptographicParameters, options: EncryptionOptions): Encryption;
  /** @throws KmipError as for encryption */
  decryption(key: CipherKey, parameters: CryptographicParameters, options: DecryptionOptions): Transform;
}
