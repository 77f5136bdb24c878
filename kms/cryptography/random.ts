import { createCipheriv, createHmac } from 'node:crypto';

import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type { AttributeValueOf } from '../../wire/kmip/index.js';

/**
 * The generator of this server: that of OpenSSL 3, CTR_DRBG with AES-256 (NIST SP 800-90A §10.2.1), without prediction
 * resistance. KMIP 1.4 §2.1.18.
 */
export const SERVER_RNG: AttributeValueOf<'RandomNumberGenerator'> = {
  rngAlgorithm: 'DRBG',
  cryptographicAlgorithm: 'AES',
  cryptographicLength: 256,
  drbgAlgorithm: 'CTR',
  predictionResistance: false,
};

/**
 * What RNG Retrieve gives out: the output of the server's generator, combined with a key stream from all seeds that
 * clients gave. A seed that a client knows or chooses makes it no worse; keys are not made of it.
 */
export class RandomSource {
  #pool: Buffer | undefined;

  /** Takes seed material. */
  seed(material: Buffer): void {
    const previous = this.#pool;
    this.#pool = createHmac('sha256', previous ?? randomKeyBytes(32))
      .update(material)
      .digest();
    zeroise(previous);
  }

  /** `length` random bytes. */
  retrieve(length: number): Buffer {
    const bytes = randomKeyBytes(length);
    if (!this.#pool) return bytes;
    const stream = createCipheriv('aes-256-ctr', this.#pool, randomKeyBytes(16));
    const mixed = stream.update(bytes);
    zeroise(bytes);
    return mixed;
  }
}
