import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';

import { utf16BigEndian } from './der.js';

const derive = promisify(pbkdf2);

/** Diversifier of a key for integrity (RFC 7292 appendix B.3). */
const MAC_DIVERSIFIER = 3;
const SHA256_BLOCK_BYTES = 64;
/** Rounds between two pauses, so that a long derivation does not hold up other requests. */
const ROUNDS_A_TURN = 2000;

/** The content encryption key of PBES2 (RFC 8018 §5.2): PBKDF2 with HMAC-SHA-256, 32 bytes. */
export function contentKey(password: string, salt: Uint8Array, iterations: number): Promise<Buffer> {
  return derive(password, salt, iterations, 32, 'sha256');
}

/**
 * The MAC of a PKCS#12 file: HMAC-SHA-256 under the key of RFC 7292 appendix B.2, which for SHA-256 is a single
 * block of the derivation.
 */
export async function macOf(
  content: Uint8Array,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Buffer> {
  const diversifier = Buffer.alloc(SHA256_BLOCK_BYTES, MAC_DIVERSIFIER);
  const terminated = utf16BigEndian(`${password}\0`);
  let key = sha256(Buffer.concat([diversifier, filled(salt), filled(terminated)]));
  for (let round = 1; round < iterations; round += 1) {
    if (round % ROUNDS_A_TURN === 0) await setImmediate();
    key = sha256(key);
  }
  return createHmac('sha256', key).update(content).digest();
}

/** Repeats bytes up to a whole number of blocks. */
function filled(bytes: Uint8Array): Buffer {
  const blocks = Math.ceil(bytes.length / SHA256_BLOCK_BYTES);
  return Buffer.alloc(blocks * SHA256_BLOCK_BYTES, bytes);
}

function sha256(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}
