import { execFileSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { HASHES, digestOf } from '../../../kms/cryptography/hash.js';
import type { HashName } from '../../../kms/cryptography/hash.js';
import { beginMac, macEquals, macWith } from '../../../kms/cryptography/mac.js';
import { RandomSource } from '../../../kms/cryptography/random.js';
import type { NameIn } from '../../../wire/kmip/index.js';
import { fc } from '../../property.js';

const hex = (text: string) => Buffer.from(text, 'hex');

describe('HMAC', () => {
  test.each<readonly [NameIn<'CryptographicAlgorithm'>, string]>([
    ['HMAC_SHA224', '896fb1128abbdf196832107cd49df33f47b4b1169912ba4f53684b22'],
    ['HMAC_SHA256', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      'HMAC_SHA384',
      'afd03944d84895626b0825f4ab46907f15f9dadbe4101ec682aa034c7cebc59cfaea9ea9076ede7f4af152e8b2fa9cb6',
    ],
    [
      'HMAC_SHA512',
      '87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cdedaa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854',
    ],
  ])('%s of RFC 4231 §4.2', (algorithm, code) => {
    const key = Buffer.alloc(20, 0x0b);
    expect(macWith(key, algorithm, {}, Buffer.from('Hi There')).toString('hex')).toBe(code);
  });

  test('the parts of a message make no difference', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 50 })), (parts) => {
        const key = randomBytes(32);
        const mac = beginMac(key, 'HMAC_SHA3_256', {});
        for (const part of parts) mac.update(Buffer.from(part));
        const expected = createHmac('sha3-256', key).update(Buffer.concat(parts)).digest();
        expect(mac.final()).toEqual(expected);
      }),
      { numRuns: 30 },
    );
  });
});

describe('CMAC', () => {
  const KEY_128 = hex('2b7e151628aed2a6abf7158809cf4f3c');
  const MESSAGE = hex(
    '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710',
  );

  test.each([
    [0, 'bb1d6929e95937287fa37d129b756746'],
    [16, '070a16b46b4d4144f79bdd9dd04a287c'],
    [40, 'dfa66747de9ae63030ca32611497c827'],
    [64, '51f0bebf7e3b9d92fc49741779363cfe'],
  ])('of AES-128 over %i bytes, RFC 4493 §4', (length, code) => {
    const message = MESSAGE.subarray(0, length);
    expect(macWith(KEY_128, 'AES', { blockCipherMode: 'CMAC' }, message).toString('hex')).toBe(code);
  });

  test.each([
    ['AES', 16, 'AES-128-CBC'],
    ['AES', 32, 'AES-256-CBC'],
    ['DES3', 24, 'DES-EDE3-CBC'],
  ] as const)('of %s with %i bytes is that of openssl', (algorithm, keyBytes, cipher) => {
    const key = randomBytes(keyBytes);
    for (const length of [1, 8, 15, 17, 100]) {
      const message = randomBytes(length);
      const theirs = execFileSync(
        'openssl',
        ['mac', '-binary', '-cipher', cipher, '-macopt', `hexkey:${key.toString('hex')}`, 'CMAC'],
        { input: message },
      );
      expect(macWith(key, algorithm, {}, message)).toEqual(theirs);
    }
  });

  test('the parts of a message make no difference', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 }), (parts) => {
        const mac = beginMac(KEY_128, 'AES', {});
        for (const part of parts) mac.update(Buffer.from(part));
        expect(mac.final()).toEqual(macWith(KEY_128, 'AES', {}, Buffer.concat(parts)));
      }),
      { numRuns: 50 },
    );
  });
});

test('a code is compared as a whole', () => {
  expect(macEquals(hex('0102'), hex('0102'))).toBe(true);
  expect(macEquals(hex('0102'), hex('01'))).toBe(false);
  expect(macEquals(hex('0102'), hex('0103'))).toBe(false);
});

test.each([
  ['AES', { blockCipherMode: 'CBC_MAC' }, 16, 'UnsupportedCryptographicParameters'],
  ['Poly1305', {}, 32, 'UnsupportedCryptographicParameters'],
  ['AES', {}, 15, 'BadCryptographicParameters'],
] as const)('no MAC is made with %s %o and %i bytes', (algorithm, parameters, bytes, reason) => {
  expect(() => beginMac(Buffer.alloc(bytes), algorithm, parameters)).toThrow(
    expect.objectContaining({ reason }),
  );
});

describe('hash functions', () => {
  test.each<readonly [HashName, string]>([
    ['MD5', '900150983cd24fb0d6963f7d28e17f72'],
    ['SHA_1', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['SHA_224', '23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7'],
    ['SHA_256', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    ['RIPEMD_160', '8eb208f7e05d987a9b044a8e98c6b087f15a0bfc'],
    ['SHA_512_224', '4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa'],
    ['SHA_512_256', '53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23'],
    ['SHA_3_224', 'e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf'],
    ['SHA_3_256', '3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532'],
  ])('%s of "abc"', (name, digest) => {
    expect(digestOf(name, Buffer.from('abc')).toString('hex')).toBe(digest);
  });

  test('digests are as long as the table says', () => {
    for (const [name, row] of Object.entries(HASHES)) {
      expect(digestOf(name as HashName, Buffer.alloc(0))).toHaveLength(row.digestBytes);
    }
  });

  test.each([
    ['Tiger', 'UnsupportedCryptographicParameters'],
    [undefined, 'BadCryptographicParameters'],
  ] as const)('%s is refused', (name, reason) => {
    expect(() => digestOf(name, Buffer.alloc(0))).toThrow(expect.objectContaining({ reason }));
  });
});

test('a seed does not make the random source repeat itself', () => {
  const outputs = [1, 2].flatMap(() => {
    const source = new RandomSource();
    source.seed(Buffer.from('the same'));
    return [source.retrieve(32).toString('hex'), source.retrieve(32).toString('hex')];
  });
  expect(new Set(outputs).size).toBe(4);
  expect(new RandomSource().retrieve(0)).toHaveLength(0);
});
