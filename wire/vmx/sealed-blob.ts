import { createCipheriv, createDecipheriv, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { VmFormatError } from './errors.js';

/** MACs of sealed blobs: hash, and how many bytes of the HMAC are kept. */
export const MACS = {
  'HMAC-SHA-1': { hash: 'sha1', macBytes: 20 },
  'HMAC-SHA-1-128': { hash: 'sha1', macBytes: 16 },
  'HMAC-SHA-256': { hash: 'sha256', macBytes: 32 },
} as const satisfies Record<string, { hash: string; macBytes: number }>;

/** Name of a MAC as key locators spell it. */
export type MacName = keyof typeof MACS;

const IV_BYTES = 16;
const BLOCK_BYTES = 16;

/** Whether a name is one of {@link MACS}. */
export function isMacName(name: string): name is MacName {
  return Object.hasOwn(MACS, name);
}

/**
 * Seals bytes as VMware files do: IV (16 bytes) ‖ AES-CBC with PKCS#7 ‖ HMAC over the plaintext, both under the full key.
 * @param key 16, 24 or 32 bytes
 */
export function sealBlob(key: Buffer, mac: MacName, plain: Buffer): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(cbcOf(key), key, iv);
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), hmac(key, mac, plain)]);
}

/**
 * Opens what {@link sealBlob} sealed.
 * @throws {VmFormatError} `key_mismatch`, the same for wrong padding and for a wrong MAC
 */
export function openBlob(key: Buffer, mac: MacName, sealed: Buffer): Buffer {
  const cipherEnd = sealed.length - MACS[mac].macBytes;
  const cipherBytes = cipherEnd - IV_BYTES;
  if (cipherBytes < BLOCK_BYTES || cipherBytes % BLOCK_BYTES !== 0) throw mismatch();
  const decipher = createDecipheriv(cbcOf(key), key, sealed.subarray(0, IV_BYTES)).setAutoPadding(false);
  const padded = Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, cipherEnd)), decipher.final()]);
  const padBytes = padded[padded.length - 1] ?? 0;
  const padValid =
    padBytes >= 1 &&
    padBytes <= BLOCK_BYTES &&
    padded.subarray(padded.length - padBytes).every((byte) => byte === padBytes);
  const plain = padded.subarray(0, padValid ? padded.length - padBytes : padded.length);
  const macValid = timingSafeEqual(hmac(key, mac, plain), sealed.subarray(cipherEnd));
  if (!padValid || !macValid) {
    padded.fill(0);
    throw mismatch();
  }
  return plain;
}

function hmac(key: Buffer, mac: MacName, plain: Buffer): Buffer {
  const { hash, macBytes } = MACS[mac];
  return createHmac(hash, key).update(plain).digest().subarray(0, macBytes);
}

function cbcOf(key: Buffer): string {
  if (key.length !== 16 && key.length !== 24 && key.length !== 32) {
    throw new VmFormatError(
      'key_mismatch',
      `a key of ${key.length} bytes cannot open a blob: AES keys have 16, 24 or 32`,
    );
  }
  return `aes-${key.length * 8}-cbc`;
}

function mismatch(): VmFormatError {
  return new VmFormatError(
    'key_mismatch',
    'the blob does not open: another key sealed it, or it was changed',
  );
}
