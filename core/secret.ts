import { createHash, randomFillSync, timingSafeEqual } from 'node:crypto';

/** `length` bytes of key material from the operating system, in a buffer of its own that `zeroise` can clear. */
export function randomKeyBytes(length: number): Buffer {
  return randomFillSync(Buffer.alloc(length));
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
  return createHash('sha256').update(value).digest();
}
