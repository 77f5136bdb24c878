import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { zeroise } from '../../core/secret.js';
import { SECTOR_BYTES } from '../../wire/vmx/index.js';
import { VmError } from './errors.js';
import { CHUNK_BYTES, createFile, isZero, readFully, writeFully } from './file-system.js';
import type { FileSystem } from './file-system.js';
import { XtsCipher } from './xts.js';

/** A disk as its guest sees it: plaintext, in whole sectors of 512 bytes. */
export interface VirtualDisk {
  readonly capacityBytes: number;

  /** The bytes as they lie in the datastore. */
  readonly atRest: FlatDisk;

  /** Fills `into` from `offsetBytes` on. @throws {VmError} `invalid_argument` unless sector aligned and inside */
  read(offsetBytes: number, into: Buffer): Promise<void>;

  /** Writes `data` at `offsetBytes`; `data` is left as it is. Durable after {@link sync}. */
  write(offsetBytes: number, data: Buffer): Promise<void>;

  /** As {@link write}, but may change `data` while it works: for bulk data in buffers of one's own. */
  consume(offsetBytes: number, data: Buffer): Promise<void>;

  /** Makes all writes durable. */
  sync(): Promise<void>;

  /** Closes the file; further calls fail. */
  close(): Promise<void>;
}

/** A flat file, sector n at byte 512 n. */
export class FlatDisk implements VirtualDisk {
  readonly capacityBytes: number;
  readonly #file: FileHandle;

  private constructor(file: FileHandle, capacityBytes: number) {
    this.#file = file;
    this.capacityBytes = capacityBytes;
  }

  /**
   * Opens an existing flat file.
   * @throws {VmError} `file_invalid` if it is shorter than the disk
   */
  static async open(
    files: FileSystem,
    path: string,
    capacityBytes: number,
    flags: 'r' | 'r+',
  ): Promise<FlatDisk> {
    const file = await files.open(path, flags);
    const { size } = await file.stat();
    if (size >= capacityBytes) return new FlatDisk(file, capacityBytes);
    await file.close();
    throw new VmError(
      'file_invalid',
      `a disk's data file has ${size} bytes, its descriptor says ${capacityBytes}`,
    );
  }

  /** Makes a new flat file full of zeros (a hole until written). */
  static async create(files: FileSystem, path: string, capacityBytes: number): Promise<FlatDisk> {
    const file = await createFile(files, path);
    try {
      await file.truncate(capacityBytes);
    } catch (error) {
      await file.close();
      throw error;
    }
    return new FlatDisk(file, capacityBytes);
  }

  get atRest(): this {
    return this;
  }

  async read(offsetBytes: number, into: Buffer): Promise<void> {
    requireSectors(offsetBytes, into.length, this.capacityBytes);
    await readFully(this.#file, into, offsetBytes);
  }

  async write(offsetBytes: number, data: Buffer): Promise<void> {
    requireSectors(offsetBytes, data.length, this.capacityBytes);
    await writeFully(this.#file, data, offsetBytes);
  }

  consume(offsetBytes: number, data: Buffer): Promise<void> {
    return this.write(offsetBytes, data);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** A flat file of XTS-AES-256 ciphertext; the tweak is the sector's number. */
export class EncryptedDisk implements VirtualDisk {
  readonly atRest: FlatDisk;
  readonly #cipher: XtsCipher;

  /** @param dek 64 bytes, read only here; the caller zeroises it */
  constructor(atRest: FlatDisk, dek: Buffer) {
    this.atRest = atRest;
    this.#cipher = new XtsCipher(dek);
  }

  get capacityBytes(): number {
    return this.atRest.capacityBytes;
  }

  async read(offsetBytes: number, into: Buffer): Promise<void> {
    await this.atRest.read(offsetBytes, into);
    this.#cipher.decryptSectors(into, offsetBytes / SECTOR_BYTES);
  }

  write(offsetBytes: number, data: Buffer): Promise<void> {
    return this.consume(offsetBytes, Buffer.from(data));
  }

  async consume(offsetBytes: number, data: Buffer): Promise<void> {
    requireSectors(offsetBytes, data.length, this.capacityBytes);
    this.#cipher.encryptSectors(data, offsetBytes / SECTOR_BYTES);
    await this.atRest.write(offsetBytes, data);
  }

  sync(): Promise<void> {
    return this.atRest.sync();
  }

  close(): Promise<void> {
    return this.atRest.close();
  }
}

/**
 * Copies all of `source` to `target` and makes it durable. One chunk is read while the one before is written; two
 * buffers serve the whole disk.
 * @param skipZeros leave chunks of zeros unwritten: for a target that is new and holds plaintext
 */
export async function copyDisk(source: VirtualDisk, target: VirtualDisk, skipZeros: boolean): Promise<void> {
  const buffers = [
    Buffer.from(new ArrayBuffer(CHUNK_BYTES)),
    Buffer.from(new ArrayBuffer(CHUNK_BYTES)),
  ] as const;
  let current = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for (let start = 0; start < source.capacityBytes; start += CHUNK_BYTES) {
      const part = buffers[current === 0 ? 0 : 1].subarray(
        0,
        Math.min(CHUNK_BYTES, source.capacityBytes - start),
      );
      current = 1 - current;
      await Promise.all([source.read(start, part), writing]);
      writing = skipZeros && isZero(part) ? Promise.resolve() : target.consume(start, part);
    }
    await writing;
    await target.sync();
  } finally {
    await writing.catch(() => undefined);
    zeroise(...buffers);
  }
}

/** SHA-256 of a disk's plaintext, as lower-case hex. */
export async function diskDigestHex(disk: VirtualDisk): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.from(new ArrayBuffer(CHUNK_BYTES));
  for (let start = 0; start < disk.capacityBytes; start += CHUNK_BYTES) {
    const part = buffer.subarray(0, Math.min(CHUNK_BYTES, disk.capacityBytes - start));
    await disk.read(start, part);
    hash.update(part);
  }
  zeroise(buffer);
  return hash.digest('hex');
}

function requireSectors(offsetBytes: number, lengthBytes: number, capacityBytes: number): void {
  const aligned = offsetBytes % SECTOR_BYTES === 0 && lengthBytes % SECTOR_BYTES === 0;
  if (!aligned || !(offsetBytes >= 0) || lengthBytes === 0 || offsetBytes + lengthBytes > capacityBytes) {
    throw new VmError(
      'invalid_argument',
      `disks are read and written in whole sectors of ${SECTOR_BYTES} bytes inside their ${capacityBytes} bytes`,
    );
  }
}
