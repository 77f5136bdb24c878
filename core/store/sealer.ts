import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { writeFileDurable } from '../data-dir.js';
import { KpsimError } from '../errors.js';
import { randomKeyBytes, zeroise } from '../secret.js';

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
   * Loads the key file `at-rest.key` of a data directory, making it (32 random bytes, mode 0600) if absent.
   *
   * @throws KpsimError `store_key_invalid` if the file is not 32 bytes
   */
  static async load(dataDir: string): Promise<Sealer> {
    const path = join(dataDir, 'at-rest.key');
    const found = await readFile(path).catch((error: unknown) => {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (found) {
      if (found.length === KEY_BYTES) return new Sealer(found);
      throw new KpsimError(
        'store_key_invalid',
        `${path} is not a key of ${KEY_BYTES} bytes. Restore it from a backup; without it the stored keys cannot be read.`,
      );
    }
    const key = randomKeyBytes(KEY_BYTES);
    await writeFileDurable(path, key);
    return new Sealer(key);
  }

  /** Seals `plain`; `place` names where the value belongs, for example a table and a row id. */
  seal(plain: Uint8Array, place: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce).setAAD(Buffer.from(place));
    return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
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
