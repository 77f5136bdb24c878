import { EventLogError } from '../errors.js';

/** Reads little-endian event log structures from bytes that may be hostile. */
export class LogReader {
  readonly #bytes: Buffer;
  readonly #about: string;
  #offset = 0;

  /** @param about what is read, for error messages */
  constructor(bytes: Buffer, about: string) {
    this.#bytes = bytes;
    this.#about = about;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** @throws EventLogError if fewer than `length` bytes are left */
  bytes(length: number, what: string): Buffer {
    if (length > this.remaining) {
      throw new EventLogError(
        `${this.#about}: ${what} needs ${length} bytes at offset ${this.#offset}, but only ${this.remaining} are left`,
      );
    }
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  /** @throws EventLogError */
  u8(what: string): number {
    return this.bytes(1, what).readUInt8(0);
  }

  /** @throws EventLogError */
  u16(what: string): number {
    return this.bytes(2, what).readUInt16LE(0);
  }

  /** @throws EventLogError */
  u32(what: string): number {
    return this.bytes(4, what).readUInt32LE(0);
  }

  /** A UINT64 that is a length. @throws EventLogError if it exceeds the bytes left */
  length64(what: string, unitBytes = 1): number {
    const value = this.bytes(8, what).readBigUInt64LE(0);
    if (value * BigInt(unitBytes) > BigInt(this.remaining)) {
      throw new EventLogError(`${this.#about}: ${what} of ${value} exceeds the ${this.remaining} bytes left`);
    }
    return Number(value);
  }

  /** @throws EventLogError if bytes are left over */
  end(): void {
    if (this.remaining !== 0) {
      throw new EventLogError(
        `${this.#about}: ${this.remaining} bytes follow its end at offset ${this.#offset}`,
      );
    }
  }
}
