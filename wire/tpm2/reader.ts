import { TpmError } from './errors.js';
import { TPM_RC } from './response-codes.js';

/**
 * Reads big-endian TPM structures from bytes that may be hostile: no read goes beyond the end, no length is
 * believed before it is checked. Byte strings that are read are views of the input, not copies.
 */
export class TpmReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Bytes not read yet. */
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** Bytes read so far. */
  get offset(): number {
    return this.#offset;
  }

  /** @throws TpmError TPM_RC_INSUFFICIENT if fewer than `length` bytes are left */
  bytes(length: number): Buffer {
    const start = this.#advance(length);
    return this.#bytes.subarray(start, start + length);
  }

  /** @throws TpmError TPM_RC_INSUFFICIENT */
  u8(): number {
    return this.#bytes.readUInt8(this.#advance(1));
  }

  /** @throws TpmError TPM_RC_INSUFFICIENT */
  u16(): number {
    return this.#bytes.readUInt16BE(this.#advance(2));
  }

  /** @throws TpmError TPM_RC_INSUFFICIENT */
  u32(): number {
    return this.#bytes.readUInt32BE(this.#advance(4));
  }

  /** @throws TpmError TPM_RC_INSUFFICIENT */
  u64(): bigint {
    return this.#bytes.readBigUInt64BE(this.#advance(8));
  }

  /** A BYTE that must be 0 or 1 (TPMI_YES_NO). @throws TpmError TPM_RC_VALUE */
  yesNo(): boolean {
    const value = this.u8();
    if (value > 1) throw new TpmError(TPM_RC.VALUE, 'TPMI_YES_NO');
    return value === 1;
  }

  /**
   * A TPM2B: a 16-bit length and as many bytes (TPM 2.0 Part 2 §10.4).
   *
   * @throws TpmError TPM_RC_SIZE if it is longer than `maxBytes`, TPM_RC_INSUFFICIENT if the input ends before
   */
  sized(maxBytes: number): Buffer {
    const length = this.u16();
    if (length > maxBytes) throw new TpmError(TPM_RC.SIZE);
    return this.bytes(length);
  }

  /**
   * A TPM2B that holds one structure, which must fill it exactly.
   *
   * @throws TpmError TPM_RC_SIZE if bytes are left over or the length is above `maxBytes`
   */
  sizedStructure<T>(maxBytes: number, read: (reader: TpmReader) => T): T {
    const inner = new TpmReader(this.sized(maxBytes));
    const value = read(inner);
    if (inner.remaining !== 0) throw new TpmError(TPM_RC.SIZE);
    return value;
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.bytes(this.remaining);
  }

  /** Goes on by `length` bytes, and tells where they begin. */
  #advance(length: number): number {
    if (length > this.remaining) throw new TpmError(TPM_RC.INSUFFICIENT);
    const start = this.#offset;
    this.#offset += length;
    return start;
  }
}

/**
 * Reads one structure that must fill `bytes` exactly.
 *
 * @param about name of the structure, for error messages
 * @throws TpmError TPM_RC_SIZE if bytes are left over, or whatever `read` throws
 */
export function decodeWhole<T>(about: string, bytes: Buffer, read: (reader: TpmReader) => T): T {
  const reader = new TpmReader(bytes);
  try {
    const value = read(reader);
    if (reader.remaining !== 0) throw new TpmError(TPM_RC.SIZE);
    return value;
  } catch (error) {
    if (error instanceof TpmError) throw new TpmError(error.rc, about, { cause: error });
    throw error;
  }
}
