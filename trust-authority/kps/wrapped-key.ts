import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';

/*
 * Wrapped key, own choice, version 1:
 *   version (1 byte, 1) ‖ length of the primary key's id (1 byte) ‖ primary key's id (UTF-8)
 *   ‖ nonce (12 bytes) ‖ encrypted key ‖ tag (16 bytes)
 * AES-256-GCM; additional data: everything before the nonce ‖ provider name.
 */
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Lengths of keys that are wrapped, in bytes. */
export const KEY_LENGTHS = [16, 24, 32, 48, 64] as const;

/** Longest wrapped key, in base64. */
export const MAX_WRAPPED_CHARACTERS = 512;

/** A wrapped key, taken apart. */
export interface WrappedKey {
  /** Unique identifier of the primary key in the key server. */
  readonly primaryKeyId: string;
  readonly header: Buffer;
  readonly nonce: Buffer;
  readonly sealed: Buffer;
  readonly tag: Buffer;
}

/**
 * Wraps a key; the result is also the key's id.
 *
 * @param primaryKey 32 bytes
 * @returns base64
 */
export function wrapKey(
  key: Uint8Array,
  provider: string,
  primaryKeyId: string,
  primaryKey: Uint8Array,
): string {
  const id = Buffer.from(primaryKeyId, 'utf8');
  const header = Buffer.concat([Buffer.from([VERSION, id.length]), id]);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', primaryKey, nonce).setAAD(additionalData(header, provider));
  const parts = [header, nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat(parts).toString('base64');
}

/** Takes a wrapped key apart. @throws VapiError `INVALID_ARGUMENT` if it is none */
export function parseWrappedKey(ciphertext: string): WrappedKey {
  const bytes = Buffer.from(ciphertext, 'base64');
  const [version, idLength = 0] = bytes;
  const headerBytes = 2 + idLength;
  const keyBytes = bytes.length - headerBytes - NONCE_BYTES - TAG_BYTES;
  if (version !== VERSION || !KEY_LENGTHS.some((length) => length === keyBytes)) throw notWrapped();
  const afterNonce = headerBytes + NONCE_BYTES;
  return {
    primaryKeyId: bytes.subarray(2, headerBytes).toString('utf8'),
    header: bytes.subarray(0, headerBytes),
    nonce: bytes.subarray(headerBytes, afterNonce),
    sealed: bytes.subarray(afterNonce, afterNonce + keyBytes),
    tag: bytes.subarray(afterNonce + keyBytes),
  };
}

/**
 * Unwraps a key.
 *
 * @param primaryKey 32 bytes
 * @returns the key, for the caller to zeroise
 * @throws VapiError `INVALID_ARGUMENT` if it was altered or is of another provider
 */
export function unwrapKey(wrapped: WrappedKey, provider: string, primaryKey: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', primaryKey, wrapped.nonce)
    .setAAD(additionalData(wrapped.header, provider))
    .setAuthTag(wrapped.tag);
  const key = decipher.update(wrapped.sealed);
  try {
    decipher.final();
  } catch (error) {
    key.fill(0);
    throw notWrapped(error);
  }
  return key;
}

function additionalData(header: Buffer, provider: string): Buffer {
  return Buffer.concat([header, Buffer.from(provider, 'utf8')]);
}

/** The refusal of a ciphertext that is not a key of the provider. */
export function notWrapped(cause?: unknown): VapiError {
  return new VapiError(
    'INVALID_ARGUMENT',
    'ciphertext is not a key of this provider. Send what generate-key or encrypt of the same provider answered.',
    { messageId: 'kpsim.kms.ciphertext_invalid', cause },
  );
}
