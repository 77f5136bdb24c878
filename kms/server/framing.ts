import { HEADER_BYTES, ITEM_TYPES, KmipError, tagText } from '../../wire/kmip/index.js';

/** A chunk below this size takes less memory for its bytes than for being a chunk. */
const SMALL_BYTES = 256;
/** So many small chunks in a row are joined. */
const SMALL_CHUNKS = 64;

/**
 * Cuts a byte stream into TTLV messages, by their outermost header.
 *
 * Chunks are kept as they come and joined once, when a message is complete, so a slow sender costs no copying; small
 * ones are joined sooner, so that a message sent byte by byte does not take a hundred times its size.
 */
export class MessageFramer {
  readonly #tag: number;
  readonly #limitBytes: number;
  #chunks: Buffer[] = [];
  #buffered = 0;
  /** Small chunks at the end of {@link #chunks}. */
  #small = 0;

  /**
   * @param tag the tag that every message must have
   * @param limitBytes largest message with its header
   */
  constructor(tag: number, limitBytes: number) {
    this.#tag = tag;
    this.#limitBytes = limitBytes;
  }

  /** Bytes that wait for the rest of their message. */
  get bufferedBytes(): number {
    return this.#buffered;
  }

  /** Adds what was received. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#buffered += chunk.length;
    this.#small = chunk.length < SMALL_BYTES ? this.#small + 1 : 0;
    if (this.#small < SMALL_CHUNKS) return;
    this.#chunks.push(Buffer.concat(this.#chunks.splice(-SMALL_CHUNKS)));
    this.#small = 0;
  }

  /**
   * The next complete message; undefined if more bytes are needed.
   *
   * @throws KmipError `InvalidMessage` if the stream cannot be cut any further; it must be closed then
   */
  next(): Buffer | undefined {
    if (this.#buffered < HEADER_BYTES) return undefined;
    const total = HEADER_BYTES + this.#checkedLength(this.#head());
    if (this.#buffered < total) return undefined;
    const all = this.#chunks.length === 1 && this.#chunks[0] ? this.#chunks[0] : Buffer.concat(this.#chunks);
    this.#buffered -= total;
    this.#small = 0;
    if (this.#buffered === 0) {
      this.#chunks.length = 0;
      return all;
    }
    this.#chunks = [all.subarray(total)];
    return all.subarray(0, total);
  }

  #head(): Buffer {
    const [first] = this.#chunks;
    if (first && first.length >= HEADER_BYTES) return first;
    const joined = Buffer.concat(this.#chunks);
    this.#chunks = [joined];
    this.#small = 0;
    return joined;
  }

  #checkedLength(head: Buffer): number {
    const tag = head.readUIntBE(0, 3);
    const length = head.readUInt32BE(4);
    if (tag !== this.#tag || head.readUInt8(3) !== ITEM_TYPES.Structure) {
      throw new KmipError(
        'InvalidMessage',
        `Expected a ${tagText(this.#tag)}, found ${tagText(tag)}. Speak TTLV here.`,
      );
    }
    if (length % 8 !== 0)
      throw new KmipError('InvalidMessage', 'The length of a message must be a multiple of 8.');
    if (HEADER_BYTES + length > this.#limitBytes) {
      throw new KmipError(
        'InvalidMessage',
        `The message has ${HEADER_BYTES + length} bytes; at most ${this.#limitBytes} are taken.`,
      );
    }
    return length;
  }
}
