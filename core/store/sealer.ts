import { createCipheriv, createDecipheriv } from 'node:crypto';
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileDurable } from '../data-dir.js';
import { KpsimError } from '../errors.js';
import { randomKeyBytes, zeroise } from '../secret.js';

const KEY_FILE = 'at-rest.key';
/** Beside the key: a value sealed under it, by which a key that is lost or another one shows. */
const CHECK_FILE = 'at-rest.check';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * Encrypts key material at rest: AES-256-GCM under a key file beside the store.
 *
 * Sealed form: nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes). The additional data binds a sealed value to
 * its place, so that rows cannot be swapped. Own choice.
 */
export class Sealer {
  readonly #key: Buffer;

  private constructor(key: Buffer) {
    this.#key = key;
  }

  /**
   * Loads the key file `at-rest.key` of a data directory. A new directory gets one (32 random bytes, mode 0600), and
   * `at-rest.check` beside it.
   *
   * @throws KpsimError `store_key_invalid` if the key that the directory was made with is lost or was replaced
   */
  static async load(dataDir: string): Promise<Sealer> {
    const path = join(dataDir, KEY_FILE);
    const checkPath = join(dataDir, CHECK_FILE);
    const [found, check] = await Promise.all([readIfThere(path), readIfThere(checkPath)]);
    if (!found && check) throw keyInvalid(path, 'is missing');
    if (found && found.length !== KEY_BYTES) throw keyInvalid(path, `is not a key of ${KEY_BYTES} bytes`);
    const key = found ?? randomKeyBytes(KEY_BYTES);
    if (!found) await writeFileDurable(path, key);
    const sealer = new Sealer(key);
    if (!check) await writeFileDurable(checkPath, sealer.check());
    else if (!sealer.recognises(check)) throw keyInvalid(path, 'is not the key that the store was made with');
    return sealer;
  }

  /** Whether a data directory has a key already, or had one. */
  static async isIn(dataDir: string): Promise<boolean> {
    const isThere = await Promise.allSettled(
      [KEY_FILE, CHECK_FILE].map((name) => access(join(dataDir, name))),
    );
    return isThere.some(({ status }) => status === 'fulfilled');
  }

  /** A sealer under a key of 32 bytes that is kept elsewhere; it takes the buffer over. */
  static withKey(key: Buffer): Sealer {
    if (key.length !== KEY_BYTES) throw new RangeError(`an at-rest key has ${KEY_BYTES} bytes`);
    return new Sealer(key);
  }

  /** A value to be kept beside the store, by which {@link recognises} tells this key from another. */
  check(): Buffer {
    return this.seal(Buffer.alloc(0), CHECK_FILE);
  }

  /** Whether `check` was made with the same key. */
  recognises(check: Uint8Array): boolean {
    try {
      this.open(check, CHECK_FILE);
      return true;
    } catch {
      return false;
    }
  }

  /** Seals `plain`; `place` names where the value belongs, for example a table and a row id. */
  seal(plain: Uint8Array, place: string): Buffer {
    const nonce = randomKeyBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(place));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  /** Bytes of plain text in so many sealed ones. */
  static plainByteCount(sealedByteCount: number): number {
    return sealedByteCount - NONCE_BYTES - TAG_BYTES;
  }

  /** Opens what {@link seal} made. @throws KpsimError `store_corrupt` if it was altered or belongs elsewhere */
  open(sealed: Uint8Array, place: string): Buffer {
    const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const end = bytes.length - TAG_BYTES;
    try {
      const decipher = createDecipheriv('aes-256-gcm', this.#key, bytes.subarray(0, NONCE_BYTES))
        .setAAD(Buffer.from(place))
        .setAuthTag(bytes.subarray(end));
      return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
    } catch (error) {
      throw new KpsimError(
        'store_corrupt',
        `A sealed value of ${place} cannot be opened: it was altered, or the key file is another one.`,
        { cause: error },
      );
    }
  }

  /** Clears the key from memory; the sealer is of no use afterwards. */
  close(): void {
    zeroise(this.#key);
  }
}

function keyInvalid(path: string, problem: string): KpsimError {
  return new KpsimError(
    'store_key_invalid',
    `${path} ${problem}. Restore it from a backup; without it the stored keys cannot be read. To begin anew, choose an empty data directory.`,
  );
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
