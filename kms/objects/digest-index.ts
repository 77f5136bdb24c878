import { getRandomValues } from 'node:crypto';

/** Words of 32 bits in a UUID or digest. */
export const DIGEST_WORDS = 4;

/** Digests whose memory is taken at once. */
const CHUNK_DIGESTS = 4096;
const LEAST_PLACES = 2 * CHUNK_DIGESTS;
/** Spreads the low bits of a hash over the high ones: 2^32 by the golden ratio, odd. */
const LAST_MULTIPLIER = 0x9e3779b1;

/**
 * Numbers from 1 by UUIDs or digests of 16 bytes, outside of the heap: 16 bytes for each, and 8 to 16 for its place.
 * Open addressing with linear probing, at most half full.
 */
export class DigestIndex {
  /** Numbers; 0 is a free place. */
  #places = new Uint32Array(LEAST_PLACES);
  /** Digests by number. */
  readonly #chunks: Uint32Array[] = [];
  #size = 0;
  /** Who chooses digests cannot choose where they go. */
  readonly #multipliers = getRandomValues(new Uint32Array(DIGEST_WORDS)).map((word) => word | 1);
  readonly #seed = getRandomValues(new Int32Array(1))[0] ?? 0;

  /** Numbers that have a digest. */
  get size(): number {
    return this.#size;
  }

  /** The number of a digest; 0 if there is none. */
  find(wanted: Uint32Array): number {
    return this.#size === 0 ? 0 : (this.#places[this.#placeOf(wanted)] ?? 0);
  }

  /**
   * Gives a digest to a number that has none; another that had it has none any more. Numbers should be small: there is
   * memory for all below.
   */
  set(digest: Uint32Array, number: number): void {
    this.reserve(this.#size + 1);
    const { chunk, start } = this.#locate(number);
    chunk.set(digest, start);
    const place = this.#placeOf(digest);
    if (this.#places[place] === 0) this.#size += 1;
    this.#places[place] = number;
  }

  /** Makes room for so many, all at once: as places become more, all that is there is put into them anew. */
  reserve(count: number): void {
    let places = this.#places.length;
    while (2 * count > places) places *= 2;
    if (places > this.#places.length) this.#rehash(places);
  }

  /** Takes a number's digest from it, if it has one. */
  remove(number: number): void {
    const place = this.#placeOf(this.digestOf(number));
    if (this.#places[place] === number) this.#removeAt(place);
  }

  /** The digest that a number was given last, if it was taken since or not; a view, good until it is given another. */
  digestOf(number: number): Uint32Array {
    const { chunk, start } = this.#locate(number);
    return chunk.subarray(start, start + DIGEST_WORDS);
  }

  /** Forgets all. */
  clear(): void {
    this.#places = new Uint32Array(LEAST_PLACES);
    this.#chunks.length = 0;
    this.#size = 0;
  }

  #locate(number: number): { readonly chunk: Uint32Array; readonly start: number } {
    const at = Math.floor((number - 1) / CHUNK_DIGESTS);
    let chunk = this.#chunks[at];
    while (!chunk) {
      this.#chunks.push(new Uint32Array(CHUNK_DIGESTS * DIGEST_WORDS));
      chunk = this.#chunks[at];
    }
    return { chunk, start: ((number - 1) % CHUNK_DIGESTS) * DIGEST_WORDS };
  }

  /** Where a digest is, or else the free place for it. */
  #placeOf(wanted: Uint32Array): number {
    const mask = this.#places.length - 1;
    let place = this.#homeOf(wanted, 0);
    for (;;) {
      const number = this.#places[place] ?? 0;
      if (number === 0 || this.#has(number, wanted)) return place;
      place = (place + 1) & mask;
    }
  }

  #has(number: number, wanted: Uint32Array): boolean {
    const { chunk, start } = this.#locate(number);
    for (let index = 0; index < DIGEST_WORDS; index += 1) {
      if (chunk[start + index] !== wanted[index]) return false;
    }
    return true;
  }

  /** Where the search for a digest begins: the high bits of a hash in which each word is mixed with those before it. */
  #homeOf(words: Uint32Array, start: number): number {
    let hash = this.#seed;
    for (let index = 0; index < DIGEST_WORDS; index += 1) {
      hash = Math.imul(hash ^ (words[start + index] ?? 0), this.#multipliers[index] ?? 1);
      hash ^= hash >>> 16;
    }
    return Math.imul(hash, LAST_MULTIPLIER) >>> (Math.clz32(this.#places.length) + 1);
  }

  #homeOfNumber(number: number): number {
    const { chunk, start } = this.#locate(number);
    return this.#homeOf(chunk, start);
  }

  #rehash(places: number): void {
    const old = this.#places;
    this.#places = new Uint32Array(places);
    for (const number of old) if (number !== 0) this.#places[this.#firstFree(number)] = number;
  }

  #firstFree(number: number): number {
    const mask = this.#places.length - 1;
    let place = this.#homeOfNumber(number);
    while (this.#places[place] !== 0) place = (place + 1) & mask;
    return place;
  }

  /** Closes the gap: those after it that began their search at or before it move up. */
  #removeAt(place: number): void {
    this.#size -= 1;
    const mask = this.#places.length - 1;
    let gap = place;
    for (let next = (gap + 1) & mask; this.#places[next] !== 0; next = (next + 1) & mask) {
      const home = this.#homeOfNumber(this.#places[next] ?? 0);
      if (((next - home) & mask) < ((next - gap) & mask)) continue;
      this.#places[gap] = this.#places[next] ?? 0;
      gap = next;
    }
    this.#places[gap] = 0;
  }
}
