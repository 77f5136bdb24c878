import { createHmac, hkdfSync } from 'node:crypto';

import { KpsimError } from '../../core/errors.js';
import { NATIVE_KEY_ALGORITHMS, kdkIdBytes, parseKeyId } from './key-id.js';

/** Length of a key derivation key (KDK), in bytes. */
export const KDK_BYTES = 32;

const INFO = Buffer.from('kpsim native key provider');
const FINGERPRINT_TEXT = 'kpsim native key provider fingerprint';

/**
 * Derives a key encryption key (KEK): HKDF-SHA-256 (RFC 5869) of the KDK with the salt of the key id and
 * info = `kpsim native key provider` ‖ KDK id (16 bytes). Own choice.
 *
 * @param kdk the key derivation key named in the key id, 32 bytes
 * @returns the key, 32 bytes, in a buffer of the caller's to zeroise
 * @throws KpsimError `native_key_id_invalid`, `kdk_invalid`
 */
export function deriveKek(kdk: Uint8Array, keyId: string): Buffer {
  const { kdkId, algorithm, salt } = parseKeyId(keyId);
  requireKdk(kdk);
  const info = Buffer.concat([INFO, kdkIdBytes(kdkId)]);
  return Buffer.from(hkdfSync('sha256', kdk, salt, info, NATIVE_KEY_ALGORITHMS[algorithm].lengthBytes));
}

/**
 * A value that two providers have in common if and only if they have the KDK in common, and that says nothing
 * about it: HMAC-SHA-256 under the KDK, base64url. Own choice.
 *
 * @throws KpsimError `kdk_invalid`
 */
export function kdkFingerprint(kdk: Uint8Array): string {
  requireKdk(kdk);
  return createHmac('sha256', kdk).update(FINGERPRINT_TEXT).digest('base64url');
}

function requireKdk(kdk: Uint8Array): void {
  if (kdk.length !== KDK_BYTES) {
    throw new KpsimError(
      'kdk_invalid',
      `A key derivation key has ${KDK_BYTES} bytes, this one has ${kdk.length}.`,
    );
  }
}
