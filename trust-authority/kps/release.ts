import { createCipheriv, createECDH, createPublicKey, hash } from 'node:crypto';

import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type { HostKeyJwk } from '../../wire/attestation/index.js';

const KEY_ENCRYPTION = 'ECDH-ES+A256KW';
const CONTENT_ENCRYPTION = 'A256GCM';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const COORDINATE_BYTES = 32;
/** Default initial value of AES key wrap (RFC 3394 §2.2.3.1). */
const KEY_WRAP_IV = Buffer.alloc(8, 0xa6);

/** What the key that wraps is derived with, after the shared secret (RFC 7518 §4.6.2): algorithm, no parties, 256 bits. */
const OTHER_INFO = Buffer.concat([
  lengthPrefixed(Buffer.from(KEY_ENCRYPTION, 'latin1')),
  lengthPrefixed(Buffer.alloc(0)),
  lengthPrefixed(Buffer.alloc(0)),
  u32(KEY_BYTES * 8),
]);

/** The host key that released keys are encrypted to: an uncompressed point on P-256, 65 bytes. */
export type Recipient = Buffer;

/** The recipient in a token's `cnf.jwk`. @throws Error if it is not a point on P-256 */
export function recipientOf(jwk: HostKeyJwk): Recipient {
  createPublicKey({ format: 'jwk', key: { ...jwk } });
  const [x, y] = [Buffer.from(jwk.x, 'base64url'), Buffer.from(jwk.y, 'base64url')];
  return Buffer.concat([Buffer.from([0x04]), x, y]);
}

/**
 * A key as a compact JWE (RFC 7516) that only the recipient can open: ECDH-ES+A256KW, A256GCM (RFC 7518 §4.6, §5.3).
 *
 * Made with Node's synchronous calls: each of its steps takes microseconds, and a storm of hosts must not queue for
 * the thread pool three times a key.
 */
export function releasedKey(key: Uint8Array, recipient: Recipient): string {
  const ephemeral = createECDH('prime256v1');
  const point = ephemeral.generateKeys();
  const header = base64url(
    JSON.stringify({
      alg: KEY_ENCRYPTION,
      enc: CONTENT_ENCRYPTION,
      epk: {
        kty: 'EC',
        crv: 'P-256',
        x: point.toString('base64url', 1, 1 + COORDINATE_BYTES),
        y: point.toString('base64url', 1 + COORDINATE_BYTES),
      },
    }),
  );
  const shared = ephemeral.computeSecret(recipient);
  const keyed = Buffer.concat([u32(1), shared, OTHER_INFO]);
  const wrappingKey = hash('sha256', keyed, 'buffer');
  const contentKey = randomKeyBytes(KEY_BYTES);
  const nonce = randomKeyBytes(NONCE_BYTES);
  const wrap = createCipheriv('id-aes256-wrap', wrappingKey, KEY_WRAP_IV);
  const wrapped = Buffer.concat([wrap.update(contentKey), wrap.final()]);
  const cipher = createCipheriv('aes-256-gcm', contentKey, nonce).setAAD(Buffer.from(header, 'latin1'));
  const sealed = Buffer.concat([cipher.update(key), cipher.final()]);
  zeroise(shared, keyed, wrappingKey, contentKey);
  return [header, ...[wrapped, nonce, sealed, cipher.getAuthTag()].map(base64url)].join('.');
}

function base64url(bytes: Buffer | string): string {
  return Buffer.from(bytes).toString('base64url');
}

function lengthPrefixed(bytes: Buffer): Buffer {
  return Buffer.concat([u32(bytes.length), bytes]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
