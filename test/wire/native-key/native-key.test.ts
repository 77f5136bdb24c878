import { createHmac, hkdfSync } from 'node:crypto';

import { describe, expect, it } from 'vitest';

import { KpsimError } from '../../../core/errors.js';
import {
  deriveKek,
  formatKeyId,
  kdkFingerprint,
  newKeyId,
  parseKeyId,
} from '../../../wire/native-key/index.js';
import { fc } from '../../property.js';

const KDK_ID = '0b6e2f1a-5c3d-4e7f-8a9b-0c1d2e3f4a5b';
const KDK = Buffer.alloc(32, 0x0b);
const FIXED = formatKeyId({ kdkId: KDK_ID, algorithm: 'AES-256', salt: Buffer.alloc(32, 7) });

/** HKDF written out from RFC 5869 §2 with HMAC alone, as the judge of how the library's HKDF is called. */
function hkdfByTheBook(ikm: Buffer, salt: Buffer, info: Buffer, length: number): Buffer {
  const prk = createHmac('sha256', salt).update(ikm).digest();
  let block = Buffer.alloc(0);
  let okm = Buffer.alloc(0);
  for (let counter = 1; okm.length < length; counter += 1) {
    block = createHmac('sha256', prk).update(block).update(info).update(Buffer.of(counter)).digest();
    okm = Buffer.concat([okm, block]);
  }
  return okm.subarray(0, length);
}

/** RFC 5869 appendix A, test cases 1 to 3 (SHA-256). */
const RFC_5869 = [
  {
    ikm: '0b'.repeat(22),
    salt: '000102030405060708090a0b0c',
    info: 'f0f1f2f3f4f5f6f7f8f9',
    okm: '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
  },
  {
    ikm: Buffer.from(Array.from({ length: 80 }, (_, index) => index)).toString('hex'),
    salt: Buffer.from(Array.from({ length: 80 }, (_, index) => 0x60 + index)).toString('hex'),
    info: Buffer.from(Array.from({ length: 80 }, (_, index) => 0xb0 + index)).toString('hex'),
    okm: 'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
  },
  {
    ikm: '0b'.repeat(22),
    salt: '',
    info: '',
    okm: '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
  },
] as const;

describe('the derivation of keys from the KDK', () => {
  it.each(RFC_5869)('stands on an HKDF that gives the vectors of RFC 5869 ($info)', (vector) => {
    const [ikm, salt, info, okm] = [vector.ikm, vector.salt, vector.info, vector.okm].map((hex) =>
      Buffer.from(hex, 'hex'),
    ) as [Buffer, Buffer, Buffer, Buffer];
    expect(hkdfByTheBook(ikm, salt, info, okm.length)).toEqual(okm);
    expect(Buffer.from(hkdfSync('sha256', ikm, salt, info, okm.length))).toEqual(okm);
  });

  it('is HKDF-SHA-256 with the salt of the key id, its info bound to the KDK id', () => {
    const info = Buffer.concat([
      Buffer.from('kpsim native key provider'),
      Buffer.from(KDK_ID.replaceAll('-', ''), 'hex'),
    ]);
    expect(deriveKek(KDK, FIXED)).toEqual(hkdfByTheBook(KDK, Buffer.alloc(32, 7), info, 32));
  });

  /* The expected values were made with `openssl kdf … HKDF` and `openssl dgst -mac HMAC`. */
  it('keeps giving the key that it gave in the first release', () => {
    expect(FIXED).toBe('AQtuLxpcPU5/ipsMHS4/SlsBBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=');
    expect(deriveKek(KDK, FIXED).toString('hex')).toBe(
      '8f19a9efb85223dc97c56368053da226e809e0a4f46c4818f7c8808c90b9c78b',
    );
    expect(kdkFingerprint(KDK)).toBe('IJ3UUdUqwNsPNfZSZHIB4Jt3pThYrxW5lXGm2f6bTCM');
  });

  it('gives the same key for the same id, and another for another id or another KDK', () => {
    const [one, other] = [newKeyId(KDK_ID), newKeyId(KDK_ID)];
    expect(deriveKek(KDK, one)).toEqual(deriveKek(KDK, one));
    expect(deriveKek(KDK, one)).not.toEqual(deriveKek(KDK, other));
    expect(deriveKek(KDK, one)).not.toEqual(deriveKek(Buffer.alloc(32, 1), one));
  });

  it.each([0, 16, 31, 33, 64])('refuses a KDK of %i bytes', (length) => {
    expect(() => deriveKek(Buffer.alloc(length), FIXED)).toThrow('A key derivation key has 32 bytes');
    expect(() => kdkFingerprint(Buffer.alloc(length))).toThrow(KpsimError);
  });

  it('has a fingerprint that differs with the KDK', () => {
    expect(kdkFingerprint(KDK)).toBe(kdkFingerprint(Buffer.from(KDK)));
    expect(kdkFingerprint(KDK)).not.toBe(kdkFingerprint(Buffer.alloc(32, 1)));
  });
});

describe('a key id', () => {
  it('says what it was made of', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (kdkId, salt) => {
        const id = { kdkId, algorithm: 'AES-256' as const, salt: Buffer.from(salt) };
        expect(parseKeyId(formatKeyId(id))).toEqual(id);
      }),
    );
  });

  it('differs every time', () => {
    expect(new Set(Array.from({ length: 100 }, () => newKeyId(KDK_ID))).size).toBe(100);
  });

  it('is refused, and never crashes the reader, whatever a client sends', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.base64String({ minLength: 60, maxLength: 72 })), (text) => {
        try {
          expect(formatKeyId(parseKeyId(text))).toBe(text);
        } catch (error) {
          expect(error).toMatchObject({ code: 'native_key_id_invalid' });
        }
      }),
    );
  });

  it.each([
    ['empty', ''],
    ['a bare UUID', KDK_ID],
    ['too long', `${FIXED}AAAA`],
    ['huge', 'A'.repeat(10_000_000)],
    ['in another spelling of base64', FIXED.replaceAll('/', '_')],
    ['with stray bits behind its end', `${FIXED.slice(0, -2)}d=`],
    ['of another version', `Ag${FIXED.slice(2)}`],
    ['of another algorithm', Buffer.from(FIXED, 'base64').fill(9, 17, 18).toString('base64')],
  ])('is refused when it is %s', (_what, keyId) => {
    expect(() => parseKeyId(keyId)).toThrow('This is no key id of a native key provider');
    expect(() => deriveKek(KDK, keyId)).toThrow(KpsimError);
  });

  it.each(['', 'kdk-1', KDK_ID.toUpperCase(), `${KDK_ID}0`])('cannot be made of the KDK id %j', (kdkId) => {
    expect(() => newKeyId(kdkId)).toThrow('must be a UUID');
  });

  it('cannot be made of a salt of another length', () => {
    expect(() => formatKeyId({ kdkId: KDK_ID, algorithm: 'AES-256', salt: Buffer.alloc(31) })).toThrow('31');
  });
});
