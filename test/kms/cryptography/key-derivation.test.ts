import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import {
  agreedSecret,
  awsSigningKey,
  counterModeKey,
  doublePipelineKey,
  feedbackModeKey,
  hkdfKey,
  hmacFunction,
  pbkdf2Key,
} from '../../../kms/cryptography/key-derivation.js';
import { fc } from '../../property.js';

const hex = (text: string): Buffer => Buffer.from(text, 'hex');
const text = (bytes: string): Buffer => Buffer.from(bytes, 'latin1');

describe('PBKDF2', () => {
  test.each([
    // RFC 6070
    ['sha1', 'password', 'salt', 1, '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
    ['sha1', 'password', 'salt', 2, 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
    ['sha1', 'password', 'salt', 4096, '4b007901b765489abead49d926f721d065a429c1'],
    ['sha1', 'pass\0word', 'sa\0lt', 4096, '56fa6aa75548099dcc37d7f03425e0c3'],
    // RFC 7914 §11
    [
      'sha256',
      'passwd',
      'salt',
      1,
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc' +
        '49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    ],
  ])('%s of %j and %j, %i times', async (hash, password, salt, iterations, expected) => {
    const key = await pbkdf2Key(text(password), text(salt), iterations, hash, expected.length / 2);
    expect(key.toString('hex')).toBe(expected);
  });
});

describe('HKDF', () => {
  test.each([
    // RFC 5869 appendix A.1 and A.3
    [
      '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
      '000102030405060708090a0b0c',
      'f0f1f2f3f4f5f6f7f8f9',
      '3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865',
    ],
    [
      '0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b',
      '',
      '',
      '8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8',
    ],
  ])('key %s, salt %s, info %s', (inputKey, salt, info, expected) => {
    const key = hkdfKey(hex(inputKey), hex(salt), hex(info), 'sha256', expected.length / 2);
    expect(key.toString('hex')).toBe(expected);
  });
});

/** OpenSSL's KBKDF: its fixed input data are label, a zero byte, context, and the length of the output in bits. */
function openssl(key: Buffer, label: Buffer, context: Buffer, lengthBytes: number, seed?: Buffer): string {
  const options = [
    'mac:HMAC',
    'digest:SHA256',
    `mode:${seed ? 'FEEDBACK' : 'COUNTER'}`,
    `hexkey:${key.toString('hex')}`,
    `hexsalt:${label.toString('hex')}`,
    `hexinfo:${context.toString('hex')}`,
    ...(seed ? [`hexseed:${seed.toString('hex')}`] : []),
  ];
  const args = ['kdf', '-keylen', String(lengthBytes), ...options.flatMap((it) => ['-kdfopt', it]), 'KBKDF'];
  return execFileSync('openssl', args, { encoding: 'utf8' }).trim().replaceAll(':', '').toLowerCase();
}

function fixedInput(label: Buffer, context: Buffer, lengthBytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(lengthBytes * 8);
  return Buffer.concat([label, Buffer.alloc(1), context, length]);
}

describe('NIST SP 800-108', () => {
  const key = hex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
  const label = text('label');
  const context = text('context');

  test.each([16, 32, 45, 96])('counter mode makes what OpenSSL makes, %i bytes', (lengthBytes) => {
    const made = counterModeKey(
      hmacFunction('sha256', key),
      fixedInput(label, context, lengthBytes),
      lengthBytes,
    );
    expect(made.toString('hex')).toBe(openssl(key, label, context, lengthBytes));
  });

  test.each([16, 45, 96])('feedback mode makes what OpenSSL makes, %i bytes', (lengthBytes) => {
    const seed = Buffer.alloc(32, 7);
    const fixed = fixedInput(label, context, lengthBytes);
    const made = feedbackModeKey(hmacFunction('sha256', key), seed, fixed, lengthBytes);
    expect(made.toString('hex')).toBe(openssl(key, label, context, lengthBytes, seed));
  });

  test('double-pipeline mode is counter mode over a chain of its own', () => {
    const prf = hmacFunction('sha256', key);
    const fixed = fixedInput(label, context, 64);
    const first = prf(fixed);
    const second = prf(first);
    const expected = [first, second].map((chain, index) =>
      prf(Buffer.concat([chain, Buffer.from([0, 0, 0, index + 1]), fixed])),
    );
    expect(doublePipelineKey(prf, fixed, 64)).toEqual(Buffer.concat(expected));
  });

  test('a shorter key is the beginning of a longer one, whatever the mode', () => {
    const prf = hmacFunction('sha256', key);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.integer({ min: 1, max: 99 }), (bytes, length) => {
        const fixed = Buffer.from(bytes);
        for (const mode of [
          (size: number) => counterModeKey(prf, fixed, size),
          (size: number) => feedbackModeKey(prf, Buffer.alloc(0), fixed, size),
          (size: number) => doublePipelineKey(prf, fixed, size),
        ]) {
          expect(mode(length)).toEqual(mode(100).subarray(0, length));
        }
      }),
      { numRuns: 20 },
    );
  });
});

test('the signing key of AWS Signature Version 4 is that of Amazon’s example', () => {
  const key = awsSigningKey(
    text('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
    text('20150830'),
    text('us-east-1'),
    text('iam'),
  );
  expect(key.toString('hex')).toBe('c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9');
});

test('both sides of an agreement have the same secret, that of OpenSSL', () => {
  const [left, right] = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }));
  const secret = agreedSecret(left!.privateKey, right!.publicKey);
  expect(agreedSecret(right!.privateKey, left!.publicKey)).toEqual(secret);
  expect(secret).toHaveLength(32);
  expect(() => agreedSecret(left!.privateKey, generateKeyPairSync('x25519').publicKey)).toThrow();
});
