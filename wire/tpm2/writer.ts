import { TpmError } from './errors.js';
import { TPM_RC } from './response-codes.js';

/** Writes big-endian TPM structures into a buffer that grows as needed. */
export class TpmWriter {
  #bytes = Buffer.allocUnsafe(256);
  #length = 0;

  u8(value: number): this {
    this.#room(1).writeUInt8(value, this.#length);
    this.#length += 1;
    return this;
  }

  u16(value: number): this {
    this.#room(2).writeUInt16BE(value, this.#length);
    this.#length += 2;
    return this;
  }

  u32(value: number): this {
    this.#room(4).writeUInt32BE(value >>> 0, this.#length);
    this.#length += 4;
    return this;
  }

  u64(value: bigint): this {
    this.#room(8).writeBigUInt64BE(value, this.#length);
    this.#length += 8;
    return this;
  }

  bytes(value: Uint8Array): this {
    this.#room(value.length).set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A TPM2B: a 16-bit length and the bytes. @throws TpmError TPM_RC_SIZE above 65,535 bytes */
  sized(value: Uint8Array): this {
    if (value.length > 0xffff) throw new TpmError(TPM_RC.SIZE);
    return this.u16(value.length).bytes(value);
  }

  /** A TPM2B that holds what `write` writes. @throws TpmError TPM_RC_SIZE above 65,535 bytes */
  sizedStructure(write: (writer: TpmWriter) => unknown): this {
    const at = this.#length;
    this.u16(0);
    write(this);
    const length = this.#length - at - 2;
    if (length > 0xffff) throw new TpmError(TPM_RC.SIZE);
    this.#bytes.writeUInt16BE(length, at);
    return this;
  }

  /** What was written, in a buffer of its own. */
  toBuffer(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }

  #room(length: number): Buffer {
    const needed = this.#length + length;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = grown;
    }
    return this.#bytes;
  }
}

/** The bytes of one structure. */
export function encodeWhole(write: (writer: TpmWriter) => unknown): Buffer {
  const writer = new TpmWriter();
  write(writer);
  return writer.toBuffer();
}
