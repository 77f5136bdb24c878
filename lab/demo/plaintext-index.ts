import type { FileHandle } from 'node:fs/promises';
import { open } from 'node:fs/promises';

/** Bytes of one block that is looked for: the block size of AES, so that what was not encrypted shows. */
const BLOCK_BYTES = 16;
/** Most blocks of one plaintext that are looked for; of a larger plaintext, evenly spread ones. */
const BLOCK_LIMIT = 2 ** 20;
/** Different byte values (of their low five bits) that make a block telling; zeros and padding are not. */
const TELLING_VALUES = 8;
/** Bits of the filter for each block; with two set for each, one offset in a hundred is looked up in vain. */
const FILTER_BITS_PER_BLOCK = 16;
const HASH_MULTIPLIER = 0x9e3779b1;
const SECOND_MULTIPLIER = 0x85ebca6b;
const READ_BYTES = 1024 * 1024;

/** What a scan found. */
export interface ScanResult {
  readonly scannedBytes: number;
  /** Different blocks of the plaintext that stood there. */
  readonly found: number;
  /** Where the first stood, in bytes from the start; undefined if nothing was found. */
  readonly firstOffset: number | undefined;
}

/**
 * The telling blocks of a plaintext, to be found again in anything, at any alignment.
 *
 * A block is 16 bytes at a multiple of 16 of the plaintext. It is telling if it has at least eight different
 * byte values, so that padding and runs of zeros do not count. Up to 16 MiB every telling block is kept; of a
 * larger plaintext evenly spread ones, so that memory stays at about 30 MiB and any leaked piece of a few
 * hundred blocks is still found. Ciphertext holds such a block by chance once in 2^100 tries or less. Own choice.
 */
export class PlaintextIndex {
  readonly #blocks: Buffer;
  readonly #view: DataView;
  /** Numbers of blocks, from 1, by hash; a power of two of slots, half of them free. */
  readonly #table: Int32Array;
  readonly #filter: WordFilter;
  #count = 0;

  private constructor(capacity: number) {
    this.#blocks = Buffer.alloc(capacity * BLOCK_BYTES);
    this.#view = viewOf(this.#blocks);
    this.#table = new Int32Array(powerOfTwo(capacity * 2));
    this.#filter = new WordFilter(powerOfTwo(capacity * FILTER_BITS_PER_BLOCK));
  }

  /** Indexes a file's whole content. */
  static async ofFile(path: string): Promise<PlaintextIndex> {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      return await PlaintextIndex.#read(file, size);
    } finally {
      await file.close();
    }
  }

  /** Indexes bytes. */
  static of(plaintext: Uint8Array): PlaintextIndex {
    const { index, stride } = PlaintextIndex.#sized(plaintext.length);
    index.#add(viewOf(plaintext), 0, stride);
    return index;
  }

  static #sized(bytes: number): { readonly index: PlaintextIndex; readonly stride: number } {
    const blocks = Math.floor(bytes / BLOCK_BYTES);
    const stride = Math.max(1, Math.ceil(blocks / BLOCK_LIMIT));
    return { index: new PlaintextIndex(Math.ceil(blocks / stride)), stride };
  }

  static async #read(file: FileHandle, size: number): Promise<PlaintextIndex> {
    const { index, stride } = PlaintextIndex.#sized(size);
    const buffer = Buffer.alloc(READ_BYTES);
    let position = 0;
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, position);
      if (bytesRead === 0) return index;
      index.#add(viewOf(buffer.subarray(0, bytesRead)), position / BLOCK_BYTES, stride);
      position += bytesRead - (bytesRead % BLOCK_BYTES);
      if (bytesRead < BLOCK_BYTES) return index;
    }
  }

  /** Telling blocks kept. */
  get blocks(): number {
    return this.#count;
  }

  /** A scan of one stream of bytes for the blocks. */
  scan(): PlaintextScan {
    return new PlaintextScan(this.#filter, this.#count, (view, offset) => this.#numberOf(view, offset));
  }

  #add(view: DataView, firstBlock: number, stride: number): void {
    const skip = (stride - (firstBlock % stride)) % stride;
    for (let at = skip * BLOCK_BYTES; at + BLOCK_BYTES <= view.byteLength; at += stride * BLOCK_BYTES) {
      if (isTelling(view, at)) this.#insert(view, at);
    }
  }

  #insert(view: DataView, offset: number): void {
    const slot = this.#slotOf(view, offset);
    if (this.#table[slot] !== 0) return;
    const start = this.#count * BLOCK_BYTES;
    for (let word = 0; word < BLOCK_BYTES; word += 4) {
      this.#view.setInt32(start + word, view.getInt32(offset + word, true), true);
    }
    this.#count += 1;
    this.#table[slot] = this.#count;
    this.#filter.add(view.getInt32(offset, true), view.getInt32(offset + 4, true));
  }

  /** Number of the block, from 1; 0 if it is none of the plaintext. */
  #numberOf(view: DataView, offset: number): number {
    return this.#table[this.#slotOf(view, offset)] ?? 0;
  }

  /** The slot that holds the block, or the free one where it would go. */
  #slotOf(view: DataView, offset: number): number {
    const mask = this.#table.length - 1;
    let slot = hashOf(view, offset) & mask;
    for (;;) {
      const entry = this.#table[slot] ?? 0;
      if (entry === 0 || this.#equals(view, offset, (entry - 1) * BLOCK_BYTES)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #equals(view: DataView, offset: number, start: number): boolean {
    for (let word = 0; word < BLOCK_BYTES; word += 4) {
      if (view.getInt32(offset + word) !== this.#view.getInt32(start + word)) return false;
    }
    return true;
  }
}

/** The first two words of all blocks, a bit each: nearly everything else is told apart by it, in the cache. */
class WordFilter {
  readonly #bits: Uint8Array;
  readonly #shift: number;

  /** @param size number of bits, a power of two */
  constructor(size: number) {
    this.#bits = new Uint8Array(size / 8);
    this.#shift = 32 - Math.log2(size);
  }

  add(first: number, second: number): void {
    this.#set(Math.imul(first, HASH_MULTIPLIER) >>> this.#shift);
    this.#set(Math.imul(second, SECOND_MULTIPLIER) >>> this.#shift);
  }

  /** The first offset from `from` to `last` where a block may begin; one past `last` if there is none. */
  next(view: DataView, from: number, last: number): number {
    const bits = this.#bits;
    const shift = this.#shift;
    for (let at = from; at <= last; at += 1) {
      const bit = Math.imul(view.getInt32(at, true), HASH_MULTIPLIER) >>> shift;
      if ((((bits[bit >>> 3] ?? 0) >>> (bit & 7)) & 1) === 0) continue;
      const second = Math.imul(view.getInt32(at + 4, true), SECOND_MULTIPLIER) >>> shift;
      if ((((bits[second >>> 3] ?? 0) >>> (second & 7)) & 1) !== 0) return at;
    }
    return Math.max(from, last + 1);
  }

  #set(bit: number): void {
    this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }
}

/** Looks for the blocks of a {@link PlaintextIndex} in a stream, at every byte, whatever way it is cut. */
export class PlaintextScan {
  readonly #filter: WordFilter;
  readonly #numberOf: (view: DataView, offset: number) => number;
  readonly #seen: Uint8Array;
  #carry: Buffer = Buffer.alloc(0);
  #scannedBytes = 0;
  #found = 0;
  #firstOffset: number | undefined;

  /**
   * @param filter the first words of all blocks
   * @param blocks how many blocks there are
   * @param numberOf number of the block at an offset, from 1; 0 for none
   */
  constructor(filter: WordFilter, blocks: number, numberOf: (view: DataView, offset: number) => number) {
    this.#filter = filter;
    this.#numberOf = numberOf;
    this.#seen = new Uint8Array(blocks + 1);
  }

  /** Scans the next bytes of the stream. */
  update(chunk: Uint8Array): void {
    const carried = this.#carry.length;
    const seam = Buffer.concat([this.#carry, chunk.subarray(0, BLOCK_BYTES - 1)]);
    this.#look(seam, this.#scannedBytes - carried, Math.min(carried - 1, seam.length - BLOCK_BYTES));
    this.#look(chunk, this.#scannedBytes, chunk.length - BLOCK_BYTES);
    this.#scannedBytes += chunk.length;
    const end = chunk.length < BLOCK_BYTES ? Buffer.concat([this.#carry, chunk]) : chunk;
    this.#carry = Buffer.from(end.subarray(Math.max(0, end.length - BLOCK_BYTES + 1)));
  }

  /** What was found so far. */
  get result(): ScanResult {
    return { scannedBytes: this.#scannedBytes, found: this.#found, firstOffset: this.#firstOffset };
  }

  /** Looks at every offset up to `last` of bytes that stand at `base` in the stream. */
  #look(data: Uint8Array, base: number, last: number): void {
    const view = viewOf(data);
    const filter = this.#filter;
    for (let at = filter.next(view, 0, last); at <= last; at = filter.next(view, at + 1, last)) {
      const block = this.#numberOf(view, at);
      if (block !== 0) this.#hit(block, base + at);
    }
  }

  #hit(block: number, offset: number): void {
    this.#firstOffset ??= offset;
    if (this.#seen[block] !== 0) return;
    this.#seen[block] = 1;
    this.#found += 1;
  }
}

/** Scans a whole file, a piece at a time. */
export async function scanFile(index: PlaintextIndex, path: string): Promise<ScanResult> {
  const scan = index.scan();
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES, null);
      if (bytesRead === 0) return scan.result;
      scan.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

function isTelling(view: DataView, offset: number): boolean {
  let seen = 0;
  for (let byte = 0; byte < BLOCK_BYTES; byte += 1) seen |= 1 << (view.getUint8(offset + byte) & 31);
  let values = 0;
  for (; seen !== 0; seen &= seen - 1) values += 1;
  return values >= TELLING_VALUES;
}

function hashOf(view: DataView, offset: number): number {
  let hash = 0;
  for (let word = 0; word < BLOCK_BYTES; word += 4) {
    hash = Math.imul(hash ^ view.getInt32(offset + word, true), HASH_MULTIPLIER);
    hash ^= hash >>> 15;
  }
  return hash >>> 0;
}

/** The least power of two that is no smaller, and no smaller than 8. */
function powerOfTwo(least: number): number {
  return 2 ** Math.max(3, Math.ceil(Math.log2(Math.max(1, least))));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
