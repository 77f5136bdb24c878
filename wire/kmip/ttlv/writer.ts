import { NEWEST_RANK } from '../versions.js';
import { KmipError } from '../errors.js';
import { recycleMessage, takeBuffer } from './buffers.js';
import { HEADER_BYTES, ITEM_TYPES, LARGEST_DATE_TIME } from './types.js';

/** Texts up to this length are written character by character, which is faster for them than Node's own way. */
const SHORT_TEXT = 64;
const TWO_TO_32 = 0x1_0000_0000;

/**
 * Writes TTLV items one after another into one buffer that grows as needed; structure lengths are filled in when
 * a structure is closed.
 *
 * @throws RangeError if a value does not fit its type, which is a defect of the caller
 */
export class TtlvWriter {
  /** Rank of the protocol version written for; fields and values it does not have are left out. */
  readonly rank: number;
  readonly #limitBytes: number;
  #bytes = takeBuffer();
  #offset = 0;

  /** @param limitBytes what does not fit is refused with Response Too Large before memory is taken for it */
  constructor(rank = NEWEST_RANK, limitBytes = Infinity) {
    this.rank = rank;
    this.#limitBytes = limitBytes;
  }

  /** What was written so far; the writer must not be used afterwards. */
  finish(): Buffer {
    return this.#bytes.subarray(0, this.#offset);
  }

  /** Opens a structure; hand what is returned to {@link close}. */
  open(tag: number): number {
    this.#header(tag, ITEM_TYPES.Structure, 0, 0);
    return this.#offset;
  }

  /** Closes a structure. */
  close(start: number): void {
    this.#bytes.writeUInt32BE(this.#offset - start, start - 4);
  }

  /** 32-bit signed. */
  integer(tag: number, value: number): void {
    this.#header(tag, ITEM_TYPES.Integer, 4, 8);
    this.#bytes.writeInt32BE(value, this.#offset);
    this.#offset += 8;
  }

  /** 64-bit signed. */
  longInteger(tag: number, value: bigint): void {
    this.#header(tag, ITEM_TYPES.LongInteger, 8, 8);
    this.#offset = this.#bytes.writeBigInt64BE(value, this.#offset);
  }

  /** Two's complement, padded to a multiple of eight bytes. */
  bigInteger(tag: number, value: bigint): void {
    const length = bigIntegerLength(value);
    this.#header(tag, ITEM_TYPES.BigInteger, length, length);
    const hex = BigInt.asUintN(length * 8, value).toString(16);
    this.#offset += this.#bytes.write(hex.padStart(length * 2, '0'), this.#offset, 'hex');
  }

  /** 32-bit unsigned. */
  enumeration(tag: number, value: number): void {
    this.#header(tag, ITEM_TYPES.Enumeration, 4, 8);
    this.#bytes.writeUInt32BE(value, this.#offset);
    this.#offset += 8;
  }

  boolean(tag: number, value: boolean): void {
    this.#header(tag, ITEM_TYPES.Boolean, 8, 8);
    this.#bytes[this.#offset + 7] = value ? 1 : 0;
    this.#offset += 8;
  }

  textString(tag: number, value: string): void {
    if (value.length <= SHORT_TEXT && this.#asciiString(tag, value)) return;
    const length = Buffer.byteLength(value, 'utf8');
    this.#header(tag, ITEM_TYPES.TextString, length, length + (-length & 7));
    this.#bytes.write(value, this.#offset, 'utf8');
    this.#offset += length + (-length & 7);
  }

  byteString(tag: number, value: Uint8Array): void {
    const length = value.length;
    this.#header(tag, ITEM_TYPES.ByteString, length, length + (-length & 7));
    this.#bytes.set(value, this.#offset);
    this.#offset += length + (-length & 7);
  }

  /** Seconds since 1970. */
  dateTime(tag: number, seconds: number): void {
    this.#header(tag, ITEM_TYPES.DateTime, 8, 8);
    const largest = seconds === LARGEST_DATE_TIME;
    this.#bytes.writeInt32BE(largest ? 0x7fff_ffff : Math.floor(seconds / TWO_TO_32), this.#offset);
    this.#bytes.writeUInt32BE(largest ? 0xffff_ffff : seconds >>> 0, this.#offset + 4);
    this.#offset += 8;
  }

  /** Seconds, 32-bit unsigned. */
  interval(tag: number, seconds: number): void {
    this.#header(tag, ITEM_TYPES.Interval, 4, 8);
    this.#bytes.writeUInt32BE(seconds, this.#offset);
    this.#offset += 8;
  }

  /** Microseconds since 1970. */
  dateTimeExtended(tag: number, microseconds: bigint): void {
    this.#header(tag, ITEM_TYPES.DateTimeExtended, 8, 8);
    this.#offset = this.#bytes.writeBigInt64BE(microseconds, this.#offset);
  }

  /** Writes a text of ASCII characters; false if it is none, and nothing is written then. */
  #asciiString(tag: number, value: string): boolean {
    const { length } = value;
    const padded = length + (-length & 7);
    this.#ensure(HEADER_BYTES + padded);
    const bytes = this.#bytes;
    const start = this.#offset + HEADER_BYTES;
    for (let index = 0; index < length; index += 1) {
      const code = value.charCodeAt(index);
      if (code > 0x7f) {
        bytes.fill(0, start, start + index);
        return false;
      }
      bytes[start + index] = code;
    }
    this.#header(tag, ITEM_TYPES.TextString, length, padded);
    this.#offset += padded;
    return true;
  }

  #header(tag: number, type: number, length: number, room: number): void {
    this.#ensure(HEADER_BYTES + room);
    this.#bytes.writeUInt32BE(tag * 0x100 + type, this.#offset);
    this.#bytes.writeUInt32BE(length, this.#offset + 4);
    this.#offset += HEADER_BYTES;
  }

  /** Grown buffers are zero beyond what was written, so padding needs no writing; the old one is cleared of keys. */
  #ensure(room: number): void {
    if (this.#offset + room <= this.#bytes.length) return;
    if (this.#offset + room > this.#limitBytes) {
      recycleMessage(this.#bytes);
      throw new KmipError(
        'ResponseTooLarge',
        `The response would have more than ${this.#limitBytes} bytes. Ask for less at once.`,
      );
    }
    const grown = Buffer.alloc(Math.max(this.#bytes.length * 2, this.#offset + room));
    this.#bytes.copy(grown, 0, 0, this.#offset);
    this.#bytes.fill(0);
    this.#bytes = grown;
  }
}

function bigIntegerLength(value: bigint): number {
  const magnitude = value < 0n ? -value - 1n : value;
  const bits = magnitude === 0n ? 1 : magnitude.toString(2).length + 1;
  return Math.ceil(bits / 64) * 8;
}
