import { createCipheriv } from 'node:crypto';
import type { Cipher } from 'node:crypto';
import { endianness } from 'node:os';

/** Bytes of an AES block and of a tweak. */
export const BLOCK_BYTES = 16;

/** Bytes of a data unit: one sector (own choice, as the design says; tweak = sector number). */
export const DATA_UNIT_BYTES = 512;

const BLOCKS_PER_UNIT = DATA_UNIT_BYTES / BLOCK_BYTES;
const WORDS_PER_BLOCK = BLOCK_BYTES / 4;
/** x^128 = x^7 + x^2 + x + 1 in the field of IEEE 1619 §5.2. */
const REDUCTION = 0x87;
const BIG_ENDIAN = endianness() === 'BE';

/**
 * Tweaks of XTS for runs of sectors. The first tweak of every sector comes from one ECB pass over all sector
 * numbers; the other 31 by doubling in GF(2^128), on 32-bit words.
 */
export class XtsTweaks {
  readonly #cipher: Cipher;
  readonly #numbers: Buffer;
  readonly #words: Int32Array;
  /** The tweaks of the last {@link fill}, one for each 16-byte block, as the bytes to XOR with. */
  readonly bytes: Buffer;

  /**
   * @param tweakKey 32 bytes
   * @param maxSectors most sectors of one {@link fill}
   */
  constructor(tweakKey: Buffer, maxSectors: number) {
    this.#cipher = createCipheriv('aes-256-ecb', tweakKey, null).setAutoPadding(false);
    this.#numbers = Buffer.alloc(maxSectors * BLOCK_BYTES);
    const memory = new ArrayBuffer(maxSectors * DATA_UNIT_BYTES);
    this.#words = new Int32Array(memory);
    this.bytes = Buffer.from(memory);
  }

  /** Computes the tweaks of `count` sectors from `firstSector` on into {@link bytes}. */
  fill(firstSector: number, count: number): void {
    for (let index = 0; index < count; index += 1) {
      const sector = firstSector + index;
      this.#numbers.writeUInt32LE(sector % 2 ** 32, index * BLOCK_BYTES);
      this.#numbers.writeUInt32LE(Math.floor(sector / 2 ** 32), index * BLOCK_BYTES + 4);
    }
    const first = this.#cipher.update(this.#numbers.subarray(0, count * BLOCK_BYTES));
    if (BIG_ENDIAN) first.swap32();
    this.#double(new Int32Array(first.buffer, first.byteOffset, first.length / 4), count);
    if (BIG_ENDIAN) this.bytes.swap32();
  }

  #double(first: Int32Array, count: number): void {
    const words = this.#words;
    let at = 0;
    for (let sector = 0; sector < count; sector += 1) {
      const base = sector * WORDS_PER_BLOCK;
      // Four scalars instead of an array keep the loop free of loads that depend on each other.
      let w0 = first[base] ?? 0;
      let w1 = first[base + 1] ?? 0;
      let w2 = first[base + 2] ?? 0;
      let w3 = first[base + 3] ?? 0;
      for (let block = 0; block < BLOCKS_PER_UNIT; block += 1) {
        words[at] = w0;
        words[at + 1] = w1;
        words[at + 2] = w2;
        words[at + 3] = w3;
        at += WORDS_PER_BLOCK;
        const reduce = (w3 >> 31) & REDUCTION;
        w3 = (w3 << 1) | (w2 >>> 31);
        w2 = (w2 << 1) | (w1 >>> 31);
        w1 = (w1 << 1) | (w0 >>> 31);
        w0 = (w0 << 1) ^ reduce;
      }
    }
  }
}
