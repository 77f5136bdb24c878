import { hash, randomFillSync, timingSafeEqual } from 'node:crypto';

/** Bytes that were drawn from the operating system ahead; those handed out are zeros. */
const drawn = Buffer.alloc(4096);
let handedOut = drawn.length;
/** Longer ones are drawn by themselves. */
const SHORT = 64;

/**
 * `length` bytes of key material (or of a nonce) from the operating system, in a buffer of its own that `zeroise` can
 * clear. Short ones are drawn many at a time: a call to the system costs more than the bytes.
 */
export function randomKeyBytes(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  if (length > SHORT) return randomFillSync(bytes);
  if (handedOut + length > drawn.length) {
    randomFillSync(drawn);
    handedOut = 0;
  }
  const end = handedOut + length;
  drawn.copy(bytes, 0, handedOut, end);
  drawn.fill(0, handedOut, end);
  handedOut = end;
  return bytes;
}

/** Overwrites key material with zeros; call it when a key is removed. */
export function zeroise(...buffers: readonly (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}

/**
 * Compares two secrets without telling by the time taken where they differ or how long they are.
 * Strings are compared as UTF-8.
 */
export function equalSecrets(left: Uint8Array | string, right: Uint8Array | string): boolean {
  return timingSafeEqual(digest(left), digest(right));
}

function digest(value: Uint8Array | string): Buffer {
  return hash('sha256', value, 'buffer');
}
