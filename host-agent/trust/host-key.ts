import { createECDH, createPrivateKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { compactDecrypt } from 'jose';

import { KpsimError } from '../../core/errors.js';
import type { HostKeyJwk } from '../../wire/attestation/index.js';

/** Longest released key that is read, in characters of its compact form (own choice). */
const JWE_LIMIT = 16_384;

/**
 * The P-256 key pair to which key provider services encrypt what they release. It lives in memory from one boot to
 * the next; each attestation binds the public half into the quote. Own choice.
 */
export class HostKey {
  /** The public half, as it goes into `cnf.jwk` of a token. */
  readonly publicJwk: HostKeyJwk;
  readonly #privateKey: KeyObject;

  private constructor(publicJwk: HostKeyJwk, privateKey: KeyObject) {
    this.publicJwk = publicJwk;
    this.#privateKey = privateKey;
  }

  /** Makes a key pair. */
  static generate(): HostKey {
    const pair = createECDH('prime256v1');
    const point = pair.generateKeys();
    const publicJwk: HostKeyJwk = {
      kty: 'EC',
      crv: 'P-256',
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33, 65).toString('base64url'),
    };
    const secret = pair.getPrivateKey();
    const d = Buffer.concat([Buffer.alloc(32 - secret.length), secret]).toString('base64url');
    secret.fill(0);
    const privateKey = createPrivateKey({ key: { ...publicJwk, d }, format: 'jwk' });
    return new HostKey(publicJwk, privateKey);
  }

  /**
   * Opens a compact JWE (ECDH-ES+A256KW, A256GCM) that was made for this key.
   *
   * @returns the plaintext; the caller zeroises it
   * @throws KpsimError `released_key_invalid`
   */
  async open(jwe: string): Promise<Buffer> {
    try {
      if (jwe.length > JWE_LIMIT) throw new Error('too long');
      const { plaintext } = await compactDecrypt(jwe, this.#privateKey, {
        keyManagementAlgorithms: ['ECDH-ES+A256KW'],
        contentEncryptionAlgorithms: ['A256GCM'],
      });
      const own = Buffer.alloc(plaintext.length);
      own.set(plaintext);
      plaintext.fill(0);
      return own;
    } catch (cause) {
      throw new KpsimError(
        'released_key_invalid',
        'The key that was released is not encrypted to this host as it should be: attest again and ask once more.',
        { cause },
      );
    }
  }
}
