/** Identifiers that can be remembered; a power of two. */
const SLOTS = 1 << 14;

/** Remembers roughly which identifiers were read a short while ago, in 64 KiB; a later one displaces an earlier one. */
export class RecentlyRead {
  readonly #fingerprints = new Uint32Array(SLOTS);

  /** Whether the identifier was read before; from now on it was. */
  has(uniqueIdentifier: string): boolean {
    const fingerprint = fnv1a(uniqueIdentifier);
    const slot = fingerprint & (SLOTS - 1);
    const known = this.#fingerprints[slot] === fingerprint;
    this.#fingerprints[slot] = fingerprint;
    return known;
  }
}

/** FNV-1a, 32 bits, over UTF-16 code units; never 0, which marks an empty slot. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0 || 1;
}
