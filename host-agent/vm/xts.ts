import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Cipher, Decipher } from 'node:crypto';
import { equalSecrets } from '../../core/secret.js';
import { VmError } from './errors.js';
import { DATA_UNIT_BYTES, XtsTweaks } from './xts-tweaks.js';

/** Bytes of an XTS-AES-256 key: data key ‖ tweak key. */
export const XTS_KEY_BYTES = 64;

/** Sectors of one pass: 128 KiB, so that data, tweaks and result stay in the processor's cache. */
const PASS_SECTORS = 256;
const PASS_BYTES = PASS_SECTORS * DATA_UNIT_BYTES;
const WORD_BYTES = 8;

/**
 * XTS-AES-256 (IEEE 1619-2018) over runs of 512-byte sectors, in place. Two ECB ciphers serve all sectors, since
 * one `aes-256-xts` cipher object per sector costs many times the encryption itself.
 */
export class XtsCipher {
  readonly #encryption: Cipher;
  readonly #decryption: Decipher;
  readonly #tweaks: XtsTweaks;
  readonly #aligned = Buffer.from(new ArrayBuffer(PASS_BYTES));

  /**
   * @param key64 64 bytes, data key ‖ tweak key; read only here, the caller zeroises it
   * @throws {VmError} `wrong_key` for another length or two equal halves (IEEE 1619 §5.1, FIPS 140 IG A.9)
   */
  constructor(key64: Buffer) {
    if (key64.length !== XTS_KEY_BYTES) {
      throw new VmError('wrong_key', `an XTS-AES-256 key has ${XTS_KEY_BYTES} bytes`);
    }
    const [dataKey, tweakKey] = [key64.subarray(0, 32), key64.subarray(32)];
    if (equalSecrets(dataKey, tweakKey)) {
      throw new VmError('wrong_key', 'the two halves of an XTS-AES-256 key must differ');
    }
    this.#encryption = createCipheriv('aes-256-ecb', dataKey, null).setAutoPadding(false);
    this.#decryption = createDecipheriv('aes-256-ecb', dataKey, null).setAutoPadding(false);
    this.#tweaks = new XtsTweaks(tweakKey, PASS_SECTORS);
  }

  /**
   * Encrypts whole sectors in place.
   * @param sectors a multiple of 512 bytes
   * @param firstSector number of the first one on its disk
   */
  encryptSectors(sectors: Buffer, firstSector: number): void {
    this.#run(this.#encryption, sectors, firstSector);
  }

  /** Decrypts whole sectors in place; see {@link encryptSectors}. */
  decryptSectors(sectors: Buffer, firstSector: number): void {
    this.#run(this.#decryption, sectors, firstSector);
  }

  #run(cipher: Cipher | Decipher, sectors: Buffer, firstSector: number): void {
    if (sectors.length % DATA_UNIT_BYTES !== 0 || !Number.isSafeInteger(firstSector) || firstSector < 0) {
      throw new VmError('invalid_argument', 'XTS works on whole sectors with a sector number from 0 on');
    }
    for (let start = 0; start < sectors.length; start += PASS_BYTES) {
      const part = sectors.subarray(start, start + PASS_BYTES);
      this.#tweaks.fill(firstSector + start / DATA_UNIT_BYTES, part.length / DATA_UNIT_BYTES);
      if (part.byteOffset % WORD_BYTES === 0) {
        this.#pass(cipher, part);
      } else {
        const aligned = this.#aligned.subarray(0, part.length);
        part.copy(aligned);
        this.#pass(cipher, aligned);
        aligned.copy(part);
      }
    }
  }

  #pass(cipher: Cipher | Decipher, part: Buffer): void {
    const tweaks = words(this.#tweaks.bytes, part.length);
    const data = words(part, part.length);
    xorWords(data, data, tweaks);
    xorWords(data, words(cipher.update(part), part.length), tweaks);
  }
}

function words(bytes: Buffer, length: number): BigUint64Array {
  return new BigUint64Array(bytes.buffer, bytes.byteOffset, length / WORD_BYTES);
}

/**
 * `target = left ^ right`. Compiled to 64-bit machine words; four a turn, as a sector always has a multiple of four.
 */
function xorWords(target: BigUint64Array, left: BigUint64Array, right: BigUint64Array): void {
  for (let at = 0; at < target.length; at += 4) {
    target[at] = (left[at] ?? 0n) ^ (right[at] ?? 0n);
    target[at + 1] = (left[at + 1] ?? 0n) ^ (right[at + 1] ?? 0n);
    target[at + 2] = (left[at + 2] ?? 0n) ^ (right[at + 2] ?? 0n);
    target[at + 3] = (left[at + 3] ?? 0n) ^ (right[at + 3] ?? 0n);
  }
}
