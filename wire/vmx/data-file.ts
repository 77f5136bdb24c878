import { createCipheriv, createDecipheriv, createHmac, randomFillSync, timingSafeEqual } from 'node:crypto';
import { VmFormatError } from './errors.js';

/** First four bytes of an encrypted data file, as a little-endian number. */
export const DATA_FILE_MAGIC = 0x8943dd9e;

/** Plaintext bytes of a page. */
export const DATA_FILE_PAGE_BYTES = 4064;

/** Bytes of the header, and of a page with its IV and MAC. */
export const DATA_FILE_BLOCK_BYTES = 4096;

const VERSION = 1;
const IV_BYTES = 16;
const MAC_BYTES = 16;
const KEY_BYTES = 32;

/** Offsets of the little-endian header fields. */
const HEADER = {
  magic: 0x00,
  version: 0x04,
  pageBytes: 0x08,
  ivBytes: 0x0c,
  macBytes: 0x10,
  sizeBytes: 0x18,
} as const;

/** Pages that a plaintext of that size takes; an empty file has one too, so that its header is under a MAC. */
export function dataFilePages(sizeBytes: number): number {
  return Math.max(1, Math.ceil(sizeBytes / DATA_FILE_PAGE_BYTES));
}

/** Bytes at rest of a plaintext of that size. */
export function dataFileBytes(sizeBytes: number): number {
  return (1 + dataFilePages(sizeBytes)) * DATA_FILE_BLOCK_BYTES;
}

/** The 4096-byte header of a data file with that many plaintext bytes. */
export function dataFileHeader(sizeBytes: number): Buffer {
  const header = Buffer.alloc(DATA_FILE_BLOCK_BYTES);
  header.writeUInt32LE(DATA_FILE_MAGIC, HEADER.magic);
  header.writeUInt32LE(VERSION, HEADER.version);
  header.writeUInt32LE(DATA_FILE_PAGE_BYTES, HEADER.pageBytes);
  header.writeUInt32LE(IV_BYTES, HEADER.ivBytes);
  header.writeUInt32LE(MAC_BYTES, HEADER.macBytes);
  header.writeBigUInt64LE(BigInt(sizeBytes), HEADER.sizeBytes);
  return header;
}

/** Whether bytes start as an encrypted data file does. */
export function isDataFile(start: Buffer): boolean {
  return start.length >= 4 && start.readUInt32LE(HEADER.magic) === DATA_FILE_MAGIC;
}

/**
 * Size of the plaintext, from a header.
 * @throws {VmFormatError} `data_file_invalid`
 */
export function parseDataFileHeader(header: Buffer): number {
  if (header.length < DATA_FILE_BLOCK_BYTES || !isDataFile(header)) {
    throw invalid('this is not an encrypted data file: it has no header');
  }
  const layout = [HEADER.version, HEADER.pageBytes, HEADER.ivBytes, HEADER.macBytes].map((at) =>
    header.readUInt32LE(at),
  );
  const expected = [VERSION, DATA_FILE_PAGE_BYTES, IV_BYTES, MAC_BYTES];
  if (layout.some((value, index) => value !== expected[index])) {
    throw invalid('version or page layout of the data file is not known');
  }
  const sizeBytes = header.readBigUInt64LE(HEADER.sizeBytes);
  if (sizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) throw invalid('the size in the header is out of range');
  return Number(sizeBytes);
}

/**
 * Seals and opens the pages of one data file (`.nvram`, `.vmem`, `.vmss`). A page at rest is
 * ciphertext (AES-256-CBC) ‖ IV ‖ MAC. The MAC is HMAC-SHA-1-128 under the same key over
 * file size ‖ page number ‖ ciphertext ‖ IV, so that no page can be changed, moved or cut off (own choice).
 */
export class DataFilePages {
  readonly #key: Buffer;
  readonly #sizeBytes: number;
  readonly #place = Buffer.alloc(16);

  /**
   * @param key 32 bytes, borrowed until the last call
   * @param sizeBytes plaintext bytes of the whole file
   */
  constructor(key: Buffer, sizeBytes: number) {
    if (key.length !== KEY_BYTES) throw invalid(`a data file key has ${KEY_BYTES} bytes`);
    this.#key = key;
    this.#sizeBytes = sizeBytes;
  }

  /** Seals one page of at most 4064 bytes, zero-padded, into 4096 bytes of `out`. */
  seal(page: number, plain: Buffer, out: Buffer): void {
    const iv = out.subarray(DATA_FILE_PAGE_BYTES, DATA_FILE_PAGE_BYTES + IV_BYTES);
    randomFillSync(iv);
    const cipher = createCipheriv('aes-256-cbc', this.#key, iv).setAutoPadding(false);
    const encrypted = cipher.update(plain).copy(out, 0);
    const padding = DATA_FILE_PAGE_BYTES - plain.length;
    if (padding > 0) cipher.update(Buffer.alloc(padding)).copy(out, encrypted);
    this.#mac(page, out).copy(out, DATA_FILE_PAGE_BYTES + IV_BYTES);
  }

  /**
   * Opens one page of 4096 bytes; the last one is cut to the file's size.
   * @throws {VmFormatError} `key_mismatch` if the page was changed or another key sealed it
   */
  open(page: number, sealed: Buffer): Buffer {
    const mac = sealed.subarray(DATA_FILE_PAGE_BYTES + IV_BYTES, DATA_FILE_BLOCK_BYTES);
    if (mac.length !== MAC_BYTES || !timingSafeEqual(this.#mac(page, sealed), mac)) {
      throw new VmFormatError(
        'key_mismatch',
        `page ${page} of the data file does not open: another key, or changed`,
      );
    }
    const iv = sealed.subarray(DATA_FILE_PAGE_BYTES, DATA_FILE_PAGE_BYTES + IV_BYTES);
    const decipher = createDecipheriv('aes-256-cbc', this.#key, iv).setAutoPadding(false);
    const plain = decipher.update(sealed.subarray(0, DATA_FILE_PAGE_BYTES));
    return plain.subarray(0, this.#sizeBytes - page * DATA_FILE_PAGE_BYTES);
  }

  #mac(page: number, sealed: Buffer): Buffer {
    this.#place.writeBigUInt64LE(BigInt(this.#sizeBytes), 0);
    this.#place.writeBigUInt64LE(BigInt(page), 8);
    const hmac = createHmac('sha1', this.#key).update(this.#place);
    return hmac
      .update(sealed.subarray(0, DATA_FILE_PAGE_BYTES + IV_BYTES))
      .digest()
      .subarray(0, MAC_BYTES);
  }
}

/** A whole small data file, sealed. @param key 32 bytes */
export function sealDataFile(key: Buffer, plain: Buffer): Buffer {
  const pages = new DataFilePages(key, plain.length);
  const file = Buffer.alloc(dataFileBytes(plain.length));
  dataFileHeader(plain.length).copy(file);
  for (let page = 0; page < dataFilePages(plain.length); page += 1) {
    const start = page * DATA_FILE_PAGE_BYTES;
    const at = (page + 1) * DATA_FILE_BLOCK_BYTES;
    pages.seal(
      page,
      plain.subarray(start, start + DATA_FILE_PAGE_BYTES),
      file.subarray(at, at + DATA_FILE_BLOCK_BYTES),
    );
  }
  return file;
}

/**
 * Opens a whole small data file.
 * @param key 32 bytes
 * @throws {VmFormatError} `data_file_invalid`, `key_mismatch`
 */
export function openDataFile(key: Buffer, file: Buffer): Buffer {
  const sizeBytes = parseDataFileHeader(file);
  if (file.length !== dataFileBytes(sizeBytes))
    throw invalid('the data file was cut or is longer than its header says');
  const pages = new DataFilePages(key, sizeBytes);
  const plain = Buffer.alloc(sizeBytes);
  for (let page = 0; page < dataFilePages(sizeBytes); page += 1) {
    const at = (page + 1) * DATA_FILE_BLOCK_BYTES;
    const opened = pages.open(page, file.subarray(at, at + DATA_FILE_BLOCK_BYTES));
    opened.copy(plain, page * DATA_FILE_PAGE_BYTES);
    opened.fill(0);
  }
  return plain;
}

function invalid(message: string): VmFormatError {
  return new VmFormatError('data_file_invalid', message);
}
