import { isUtf8 } from 'node:buffer';

import { KmipError } from '../errors.js';
import { tagText } from '../tables/tag-names.js';
import type { VersionRange } from '../versions.js';
import { NEWEST_RANK, existsIn } from '../versions.js';
import {
  HEADER_BYTES,
  ITEM_TYPES,
  LARGEST_DATE_TIME,
  MAX_BIG_INTEGER_BYTES,
  MAX_DEPTH,
  itemTypeName,
} from './types.js';

const LARGEST_SECONDS = 2n ** 63n - 1n;

/** Choices of a {@link TtlvReader}. */
export interface ReaderOptions {
  /** Skip fields that the schema does not know, as a message of a newer minor version needs (KMIP 1.4 §11.1). */
  readonly ignoreUnknownFields?: boolean;
  /** Keep an error inside a batch item's payload for that item instead of failing the message. */
  readonly deferPayloadErrors?: boolean;
  /** Know attributes and values of enumerations that versions other than the message's have, too. */
  readonly knowOtherVersions?: boolean;
}

/**
 * Walks over TTLV bytes item by item, without building a tree and without copying.
 *
 * `next()` reads an item's header; then exactly one of the value methods takes the value and moves on. Every value
 * is checked strictly: length, padding, range, UTF-8. Byte strings are views on the input.
 *
 * @throws KmipError `InvalidMessage` from every method that finds the bytes malformed
 */
export class TtlvReader {
  /** Tag of the item whose header was read last, 24 bits. */
  tag = 0;
  /** Its type code, see {@link ITEM_TYPES}. */
  type = 0;
  /** Its length in bytes without padding. */
  length = 0;
  /** Rank of the protocol version whose fields are expected; set when a message header is read. */
  rank = NEWEST_RANK;
  ignoreUnknownFields: boolean;
  readonly deferPayloadErrors: boolean;
  readonly knowOtherVersions: boolean;
  readonly #bytes: Buffer;
  #offset = 0;
  #end: number;
  #depth = 0;

  constructor(bytes: Buffer, options: ReaderOptions = {}) {
    this.#bytes = bytes;
    this.#end = bytes.length;
    this.ignoreUnknownFields = options.ignoreUnknownFields ?? false;
    this.deferPayloadErrors = options.deferPayloadErrors ?? false;
    this.knowOtherVersions = options.knowOtherVersions ?? false;
  }

  /** Whether what is read may have an attribute or a value that these versions have. */
  knows(range: Partial<VersionRange>): boolean {
    return this.knowOtherVersions || existsIn(range, this.rank);
  }

  /** Reads the next header of the current structure; false at its end. */
  next(): boolean {
    const left = this.#end - this.#offset;
    if (left === 0) return false;
    if (left < HEADER_BYTES) this.#fail(`${left} bytes are left over after the last item`);
    const tagAndType = this.#bytes.readUInt32BE(this.#offset);
    this.tag = tagAndType >>> 8;
    this.type = tagAndType & 0xff;
    this.length = this.#bytes.readUInt32BE(this.#offset + 4);
    this.#offset += HEADER_BYTES;
    if (this.paddedLength > left - HEADER_BYTES) {
      this.#fail(`the length of ${tagText(this.tag)} (${this.length}) runs past the end of what encloses it`);
    }
    return true;
  }

  /** Length of the current item's value with its padding. */
  get paddedLength(): number {
    return this.length + (-this.length & 7);
  }

  /** Enters the current item, which must be a structure; hand what is returned to {@link leave}. */
  enter(): number {
    this.#expectType(ITEM_TYPES.Structure);
    if (this.length % 8 !== 0) this.#fail(`the length of ${tagText(this.tag)} is not a multiple of 8`);
    if (this.#depth === MAX_DEPTH) this.#fail(`structures are nested more than ${MAX_DEPTH} deep`);
    this.#depth += 1;
    const enclosingEnd = this.#end;
    this.#end = this.#offset + this.length;
    return enclosingEnd;
  }

  /** Leaves a structure that was read to its end. */
  leave(enclosingEnd: number): void {
    this.#offset = this.#end;
    this.#end = enclosingEnd;
    this.#depth -= 1;
  }

  /** Passes over the current item's value unread. */
  skip(): void {
    this.#offset += this.paddedLength;
  }

  /** Where the reader stands, for {@link restore} after an error inside the current item. */
  mark(): { readonly after: number; readonly end: number; readonly depth: number } {
    return { after: this.#offset + this.paddedLength, end: this.#end, depth: this.#depth };
  }

  /** Goes to just after the item that was current at {@link mark}. */
  restore(mark: { readonly after: number; readonly end: number; readonly depth: number }): void {
    this.#offset = mark.after;
    this.#end = mark.end;
    this.#depth = mark.depth;
  }

  /** 32-bit signed. */
  integer(): number {
    this.#expect(ITEM_TYPES.Integer, 4);
    return this.#takeWord().readInt32BE(this.#offset - 8);
  }

  /** 64-bit signed. */
  longInteger(): bigint {
    this.#expect(ITEM_TYPES.LongInteger, 8);
    this.#offset += 8;
    return this.#bytes.readBigInt64BE(this.#offset - 8);
  }

  /** Two's complement of any length; padding beyond the minimum is refused. */
  bigInteger(): bigint {
    this.#expectType(ITEM_TYPES.BigInteger);
    if (this.length === 0 || this.length % 8 !== 0 || this.length > MAX_BIG_INTEGER_BYTES) {
      this.#fail(`${tagText(this.tag)} is a Big Integer of ${this.length} bytes`);
    }
    const bytes = this.#take();
    const first = bytes.readBigInt64BE(0);
    if (
      bytes.length > 8 &&
      (first === 0n || first === -1n) &&
      first >> 63n === bytes.readBigInt64BE(8) >> 63n
    ) {
      this.#fail(`${tagText(this.tag)} is a Big Integer with more padding than needed`);
    }
    return BigInt.asIntN(bytes.length * 8, BigInt(`0x${bytes.toString('hex')}`));
  }

  /** 32-bit unsigned. */
  enumeration(): number {
    this.#expect(ITEM_TYPES.Enumeration, 4);
    return this.#takeWord().readUInt32BE(this.#offset - 8);
  }

  /** Exactly 0 or 1 in eight bytes. */
  boolean(): boolean {
    this.#expect(ITEM_TYPES.Boolean, 8);
    const high = this.#bytes.readUInt32BE(this.#offset);
    const low = this.#bytes.readUInt32BE(this.#offset + 4);
    if (high !== 0 || low > 1) this.#fail(`${tagText(this.tag)} is a Boolean that is neither 0 nor 1`);
    this.#offset += 8;
    return low === 1;
  }

  /** Valid UTF-8. */
  textString(): string {
    this.#expectType(ITEM_TYPES.TextString);
    const start = this.#offset;
    const end = this.#passValue();
    if (isAscii(this.#bytes, start, end)) return this.#bytes.toString('latin1', start, end);
    const bytes = this.#bytes.subarray(start, end);
    if (!isUtf8(bytes)) this.#fail(`${tagText(this.tag)} is a Text String that is not UTF-8`);
    return bytes.toString('utf8');
  }

  /** A view on the input; copy what is to outlive it. */
  byteString(): Buffer {
    this.#expectType(ITEM_TYPES.ByteString);
    return this.#take();
  }

  /** Seconds since 1970; values beyond 2^53 in size cannot be told apart by JavaScript and are refused. */
  dateTime(): number {
    this.#expect(ITEM_TYPES.DateTime, 8);
    const seconds = Number(this.#bytes.readBigInt64BE(this.#offset));
    if (!Number.isSafeInteger(seconds)) this.#fail(`${tagText(this.tag)} is a Date-Time beyond 2^53 seconds`);
    this.#offset += 8;
    return seconds;
  }

  /** As {@link dateTime}; the largest value there is is taken too, as {@link LARGEST_DATE_TIME}. */
  dateTimeOrLargest(): number {
    this.#expect(ITEM_TYPES.DateTime, 8);
    if (this.#bytes.readBigInt64BE(this.#offset) !== LARGEST_SECONDS) return this.dateTime();
    this.#offset += 8;
    return LARGEST_DATE_TIME;
  }

  /** Seconds, 32-bit unsigned. */
  interval(): number {
    this.#expect(ITEM_TYPES.Interval, 4);
    return this.#takeWord().readUInt32BE(this.#offset - 8);
  }

  /** Microseconds since 1970. */
  dateTimeExtended(): bigint {
    this.#expect(ITEM_TYPES.DateTimeExtended, 8);
    this.#offset += 8;
    return this.#bytes.readBigInt64BE(this.#offset - 8);
  }

  #expectType(type: number): void {
    if (this.type === type) return;
    const expected = itemTypeName(type) ?? '';
    const found = itemTypeName(this.type) ?? `of unknown type 0x${this.type.toString(16)}`;
    this.#fail(`${tagText(this.tag)} must be ${expected}, found ${found}`);
  }

  #expect(type: number, length: number): void {
    this.#expectType(type);
    if (this.length !== length)
      this.#fail(`${tagText(this.tag)} must have length ${length}, found ${this.length}`);
  }

  /** Moves over a four-byte value and its four bytes of padding, which must be zero. */
  #takeWord(): Buffer {
    if (this.#bytes.readUInt32BE(this.#offset + 4) !== 0) {
      this.#fail(`the padding of ${tagText(this.tag)} is not zero`);
    }
    this.#offset += 8;
    return this.#bytes;
  }

  #take(): Buffer {
    const start = this.#offset;
    return this.#bytes.subarray(start, this.#passValue());
  }

  /** Moves over a value and its padding, which must be zero. @returns where the value ends */
  #passValue(): number {
    const end = this.#offset + this.length;
    this.#offset += this.paddedLength;
    for (let index = end; index < this.#offset; index += 1) {
      if (this.#bytes[index] !== 0) this.#fail(`the padding of ${tagText(this.tag)} is not zero`);
    }
    return end;
  }

  #fail(what: string): never {
    throw new KmipError('InvalidMessage', `Malformed TTLV at byte ${this.#offset}: ${what}.`);
  }
}

/** Whether these bytes are ASCII: for the short texts of requests, asking here is faster than asking Node. */
function isAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index += 1) {
    if ((bytes[index] ?? 0) > 0x7f) return false;
  }
  return true;
}
