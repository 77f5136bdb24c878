import { execFileSync } from 'node:child_process';
import { createCipheriv, generateKeyPairSync, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import type { CipherKey } from '../../../kms/cryptography/cipher.js';
import {
  beginDecryption,
  beginEncryption,
  decryptWith,
  encryptWith,
} from '../../../kms/cryptography/cipher.js';
import type { CryptographicParameters, EnumerationName, NameIn } from '../../../wire/kmip/index.js';
import { KmipError, enumerationRows } from '../../../wire/kmip/index.js';
import { fc } from '../../property.js';

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/gu, ''), 'hex');

interface Vector {
  readonly source: string;
  readonly algorithm: NameIn<'CryptographicAlgorithm'>;
  readonly parameters: CryptographicParameters;
  readonly key: string;
  readonly iv?: string;
  readonly aad?: string;
  readonly plain: string;
  readonly data: string;
  readonly tag?: string;
}

/** NIST SP 800-38A, Appendix F: the key of AES-128 and the four blocks. */
const KEY_38A = '2b7e151628aed2a6abf7158809cf4f3c';
const PLAIN_38A =
  '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411e5fbc1191a0a52eff69f2445df4f9b17ad2b417be66c3710';
const IV_38A = '000102030405060708090a0b0c0d0e0f';
const COUNTER_38A = 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff';
const KEK_256 = '000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F';

const VECTORS: readonly Vector[] = [
  {
    source: 'SP 800-38A F.1.1',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'ECB' },
    key: KEY_38A,
    plain: PLAIN_38A,
    data: '3ad77bb40d7a3660a89ecaf32466ef97f5d3d58503b9699de785895a96fdbaaf43b1cd7f598ece23881b00e3ed0306887b0c785e27e8ad3f8223207104725dd4',
  },
  {
    source: 'SP 800-38A F.2.1',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'CBC' },
    key: KEY_38A,
    iv: IV_38A,
    plain: PLAIN_38A,
    data: '7649abac8119b246cee98e9b12e9197d5086cb9b507219ee95db113a917678b273bed6b8e3c1743b7116e69e222295163ff1caa1681fac09120eca307586e1a7',
  },
  {
    source: 'SP 800-38A F.3.13',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'CFB' },
    key: KEY_38A,
    iv: IV_38A,
    plain: PLAIN_38A,
    data: '3b3fd92eb72dad20333449f8e83cfb4ac8a64537a0b3a93fcde3cdad9f1ce58b26751f67a3cbb140b1808cf187a4f4dfc04b05357c5d1c0eeac4c66f9ff7f2e6',
  },
  {
    source: 'SP 800-38A F.4.1',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'OFB' },
    key: KEY_38A,
    iv: IV_38A,
    plain: PLAIN_38A,
    data: '3b3fd92eb72dad20333449f8e83cfb4a7789508d16918f03f53c52dac54ed8259740051e9c5fecf64344f7a82260edcc304c6528f659c77866a510d9c1d6ae5e',
  },
  {
    source: 'SP 800-38A F.5.1',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'CTR' },
    key: KEY_38A,
    iv: COUNTER_38A,
    plain: PLAIN_38A,
    data: '874d6191b620e3261bef6864990db6ce9806f66b7970fdff8617187bb9fffdff5ae4df3edbd5d35e5b4f09020db03eab1e031dda2fbe03d1792170a0f3009cee',
  },
  {
    source: 'RFC 3686 §6, vector 1: nonce and IV of 12 bytes, counter from 1',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'CTR', initialCounterValue: 1 },
    key: 'AE6852F8121067CC4BF7A5765577F39E',
    iv: '000000300000000000000000',
    plain: '53696E676C6520626C6F636B206D7367',
    data: 'E4095D4FB7A7B3792D6175A3261311B8',
  },
  {
    source: 'The Galois/Counter Mode of Operation, test case 4',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'GCM', tagLength: 16 },
    key: 'feffe9928665731c6d6a8f9467308308',
    iv: 'cafebabefacedbaddecaf888',
    aad: 'feedfacedeadbeeffeedfacedeadbeefabaddad2',
    plain:
      'd9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39',
    data: '42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091',
    tag: '5bc94fbc3221a5db94fae95ae7121a47',
  },
  {
    source: 'SP 800-38C, example 1',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'CCM', tagLength: 4 },
    key: '404142434445464748494a4b4c4d4e4f',
    iv: '10111213141516',
    aad: '0001020304050607',
    plain: '20212223',
    data: '7162015b',
    tag: '4dac255d',
  },
  {
    source: 'IEEE 1619, vector 2',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'XTS' },
    key: '1111111111111111111111111111111122222222222222222222222222222222',
    iv: '33333333330000000000000000000000',
    plain: '4444444444444444444444444444444444444444444444444444444444444444',
    data: 'c454185e6a16936e39334038acef838bfb186fff7480adc4289382ecd6d394f0',
  },
  {
    source: 'RFC 3394 §4.6',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'NISTKeyWrap' },
    key: KEK_256,
    plain: '00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F',
    data: '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21',
  },
  {
    source: 'RFC 5649 §6, 20 bytes',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'AESKeyWrapPadding' },
    key: '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    plain: 'c37b7e6492584340bed12207808941155068f738',
    data: '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
  },
  {
    source: 'RFC 5649 §6, 7 bytes',
    algorithm: 'AES',
    parameters: { blockCipherMode: 'AESKeyWrapPadding' },
    key: '5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8',
    plain: '466f7250617369',
    data: 'afbeb0f07dfbf5419200f2ccb50bb24f',
  },
  {
    source: 'TC-STREAM-ENC-2-14',
    algorithm: 'DES3',
    parameters: { blockCipherMode: 'ECB' },
    key: '010101010101010101010101010101010101010101010101',
    plain: '0102030405060708',
    data: 'cead373db80eabf8',
  },
  {
    source: 'RFC 3713, Appendix A',
    algorithm: 'Camellia',
    parameters: { blockCipherMode: 'ECB' },
    key: '0123456789abcdeffedcba9876543210',
    plain: '0123456789abcdeffedcba9876543210',
    data: '67673138549669730857065648eabe43',
  },
  {
    source: 'RFC 5794, Appendix A.1',
    algorithm: 'ARIA',
    parameters: { blockCipherMode: 'ECB' },
    key: '000102030405060708090a0b0c0d0e0f',
    plain: '00112233445566778899aabbccddeeff',
    data: 'd718fbd6ab644c739da95f3be6451778',
  },
  {
    source: 'RFC 8439 §2.4.2, counter 1',
    algorithm: 'ChaCha20',
    parameters: { initialCounterValue: 1 },
    key: '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
    iv: '000000000000004a00000000',
    plain: Buffer.from('Ladies and Gentlemen of the class of').toString('hex'),
    data: '6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5',
  },
  {
    source: 'CS-BC-M-CHACHA20-2-21',
    algorithm: 'ChaCha20',
    parameters: {},
    key: '0000000000000000000000000000000000000000000000000000000000000001',
    iv: '0000000000000000',
    plain: '00'.repeat(64),
    data: '4540f05a9f1fb296d7736e7b208e3c96eb4fe1834688d2604f450952ed432d41bbe2a0b6ea7566d2a5d1e7e20d42af2c53d792b1c43fea817e9ad275ae546963',
  },
  {
    source: 'RFC 8439 §2.8.2',
    algorithm: 'ChaCha20Poly1305',
    parameters: { blockCipherMode: 'AEAD', tagLength: 16 },
    key: '808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f',
    iv: '070000004041424344454647',
    aad: '50515253c0c1c2c3c4c5c6c7',
    plain: Buffer.from(
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.",
    ).toString('hex'),
    data: 'd31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116',
    tag: '1ae10b594f09e26a7e902ecbd0600691',
  },
];

describe('known answers', () => {
  test.each(VECTORS.map((vector) => [vector.source, vector] as const))('%s', (_source, vector) => {
    const { algorithm, parameters } = vector;
    const options = {
      ivCounterNonce: vector.iv === undefined ? undefined : hex(vector.iv),
      additionalData: vector.aad === undefined ? undefined : hex(vector.aad),
    };
    const encrypted = encryptWith(hex(vector.key), algorithm, parameters, hex(vector.plain), options);
    expect(encrypted.data.toString('hex')).toBe(vector.data.toLowerCase());
    expect(encrypted.tag?.toString('hex')).toBe(vector.tag);
    expect(encrypted.ivCounterNonce).toBeUndefined();
    const decrypted = decryptWith(hex(vector.key), algorithm, parameters, encrypted.data, {
      ...options,
      tag: encrypted.tag,
    });
    expect(decrypted.toString('hex')).toBe(vector.plain.toLowerCase());
  });
});

describe('decrypting undoes encrypting, in whatever parts', () => {
  const CASES: readonly (readonly [
    string,
    NameIn<'CryptographicAlgorithm'>,
    number,
    CryptographicParameters,
  ])[] = [
    ...(['PKCS5', 'ANSIX9_23', 'ISO10126', 'SSL3'] as const).map(
      (paddingMethod) =>
        [`AES-CBC ${paddingMethod}`, 'AES', 32, { blockCipherMode: 'CBC', paddingMethod }] as const,
    ),
    ['3DES-CBC', 'DES3', 24, { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' }],
    ['two-key 3DES-ECB', 'DES3', 16, { blockCipherMode: 'ECB', paddingMethod: 'ANSIX9_23' }],
    ['AES-CFB', 'AES', 24, { blockCipherMode: 'CFB' }],
    ['AES-OFB', 'AES', 16, { blockCipherMode: 'OFB' }],
    ['AES-CTR', 'AES', 32, { blockCipherMode: 'CTR' }],
    ['AES-GCM', 'AES', 32, { blockCipherMode: 'GCM', tagLength: 12 }],
    ['AES-CCM', 'AES', 16, { blockCipherMode: 'CCM', tagLength: 8 }],
    ['ARIA-GCM', 'ARIA', 32, { blockCipherMode: 'GCM' }],
    ['SM4-CTR', 'SM4', 16, { blockCipherMode: 'CTR' }],
    ['Camellia-CBC', 'Camellia', 24, { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' }],
    ['ChaCha20', 'ChaCha20', 32, {}],
    ['ChaCha20-Poly1305', 'ChaCha20Poly1305', 32, {}],
    ['One-Time Pad', 'OneTimePad', 1000, {}],
  ];

  test.each(CASES)('%s', (_name, algorithm, keyBytes, parameters) => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
        fc.boolean(),
        (chunks, trailing) => {
          const key = randomBytes(keyBytes);
          const parts = chunks.map((chunk) => Buffer.from(chunk));
          const encryption = beginEncryption(key, algorithm, { ...parameters, randomIv: true });
          const encrypted = [...parts.map((part) => encryption.update(part)), encryption.final()];
          const tag = encryption.tag?.();
          // The tag of an authenticated cipher stands beside the data or at its end.
          if (tag && trailing) encrypted.push(tag);
          const decryption = beginDecryption(key, algorithm, parameters, {
            ivCounterNonce: encryption.ivCounterNonce,
            tag: trailing ? undefined : tag,
          });
          const decrypted = [...encrypted.map((part) => decryption.update(part)), decryption.final()];
          expect(Buffer.concat(decrypted)).toEqual(Buffer.concat(parts));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('RSA with every padding', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const paddings: readonly CryptographicParameters[] = [
      { paddingMethod: 'PKCS1V1_5' },
      { paddingMethod: 'OAEP' },
      { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_256', pSource: Buffer.from('label') },
      { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_512', maskGeneratorHashingAlgorithm: 'SHA_1' },
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 126 }), fc.constantFrom(...paddings), (message, parameters) => {
        const { data } = encryptWith(publicKey, 'RSA', parameters, Buffer.from(message));
        expect(decryptWith(privateKey, 'RSA', parameters, data)).toEqual(Buffer.from(message));
      }),
      { numRuns: 40 },
    );
  });
});

describe('authenticated decryption', () => {
  const key = randomBytes(32);
  const iv = randomBytes(12);
  const parameters = { blockCipherMode: 'GCM', tagLength: 16 } as const;
  const { data, tag } = encryptWith(key, 'AES', parameters, Buffer.from('a secret of some length'), {
    ivCounterNonce: iv,
  });

  test('gives no byte out before the tag is checked', () => {
    const decryption = beginDecryption(key, 'AES', parameters, { ivCounterNonce: iv, tag });
    expect(decryption.update(data)).toHaveLength(0);
    expect(decryption.final().toString()).toBe('a secret of some length');
  });

  test.each([
    ['data', { flip: 'data' }],
    ['tag', { flip: 'tag' }],
    ['IV', { flip: 'iv' }],
    ['additional data', { flip: 'aad' }],
  ])('refuses a changed %s', (_name, { flip }) => {
    const flipped = (bytes: Buffer, which: string) => {
      const copy = Buffer.from(bytes);
      if (which === flip) copy[0] = (copy[0] ?? 0) ^ 1;
      return copy;
    };
    expect(() =>
      decryptWith(key, 'AES', parameters, flipped(data, 'data'), {
        ivCounterNonce: flipped(iv, 'iv'),
        tag: flipped(tag!, 'tag'),
        additionalData: flip === 'aad' ? Buffer.from('not there') : undefined,
      }),
    ).toThrow(expect.objectContaining({ reason: 'CryptographicFailure' }));
  });
});

describe('refusals', () => {
  const aes = Buffer.alloc(16, 7);
  const block = Buffer.alloc(16);
  const run =
    (
      algorithm: NameIn<'CryptographicAlgorithm'> | undefined,
      parameters: CryptographicParameters,
      options: Parameters<typeof encryptWith>[4] = {},
      key: CipherKey = aes,
      data: Buffer = block,
    ) =>
    () =>
      encryptWith(key, algorithm, parameters, data, options);
  const iv = { ivCounterNonce: Buffer.alloc(16) };

  test.each([
    ['no mode', run('AES', {}), 'BadCryptographicParameters'],
    ['no IV', run('AES', { blockCipherMode: 'CBC' }), 'InvalidMessage'],
    [
      'an IV that is too short',
      run('AES', { blockCipherMode: 'CBC' }, { ivCounterNonce: Buffer.alloc(8) }),
      'BadCryptographicParameters',
    ],
    ['an IV where none is used', run('AES', { blockCipherMode: 'ECB' }, iv), 'BadCryptographicParameters'],
    [
      'an odd IV Length',
      run('AES', { blockCipherMode: 'GCM', randomIv: true, ivLength: 99 }),
      'BadCryptographicParameters',
    ],
    ['a mode not served', run('AES', { blockCipherMode: 'PCBC' }, iv), 'UnsupportedCryptographicParameters'],
    [
      'a mode that 3DES lacks',
      run('DES3', { blockCipherMode: 'GCM' }, iv),
      'UnsupportedCryptographicParameters',
    ],
    [
      'an algorithm not served',
      run('IDEA', { blockCipherMode: 'CBC' }, iv),
      'UnsupportedCryptographicParameters',
    ],
    ['no algorithm', run(undefined, { blockCipherMode: 'CBC' }, iv), 'UnsupportedCryptographicParameters'],
    [
      'a key of another length',
      run('AES', { blockCipherMode: 'CBC' }, iv, Buffer.alloc(15)),
      'BadCryptographicParameters',
    ],
    [
      'an XTS key of two equal halves',
      run('AES', { blockCipherMode: 'XTS' }, iv, Buffer.alloc(32)),
      'CryptographicFailure',
    ],
    [
      'a padding of RSA',
      run('AES', { blockCipherMode: 'CBC', paddingMethod: 'OAEP' }, iv),
      'BadCryptographicParameters',
    ],
    [
      'padding in a mode without',
      run('AES', { blockCipherMode: 'CTR', paddingMethod: 'PKCS5' }, iv),
      'BadCryptographicParameters',
    ],
    [
      'additional data without authentication',
      run('AES', { blockCipherMode: 'CTR' }, { ...iv, additionalData: block }),
      'BadCryptographicParameters',
    ],
    ['a tag of 1 byte', run('AES', { blockCipherMode: 'GCM', tagLength: 1 }, iv), 'GeneralFailure'],
    ['a tag of 32 bytes', run('AES', { blockCipherMode: 'GCM', tagLength: 32 }, iv), 'GeneralFailure'],
    [
      'a partial block',
      run('AES', { blockCipherMode: 'ECB' }, {}, aes, Buffer.alloc(15)),
      'CryptographicFailure',
    ],
    ['a pad that is too short', run('OneTimePad', {}, {}, Buffer.alloc(15)), 'CryptographicFailure'],
    [
      'RSA without padding method',
      run('RSA', {}, {}, generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
      'BadCryptographicParameters',
    ],
    ['RSA with a symmetric key', run('RSA', { paddingMethod: 'OAEP' }), 'InvalidObjectType'],
    [
      'AES with half of a pair',
      run(
        'AES',
        { blockCipherMode: 'ECB' },
        {},
        generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey,
      ),
      'InvalidObjectType',
    ],
    [
      'more than is kept',
      run('AES', { blockCipherMode: 'CCM', randomIv: true }, { heldBytesLimit: 15 }),
      'ServerLimitExceeded',
    ],
  ])('%s', (_name, encrypt, reason) => {
    expect(encrypt).toThrow(expect.objectContaining({ reason }));
  });

  test.each(['PKCS5', 'ANSIX9_23', 'ISO10126', 'SSL3'] as const)('a wrong padding of %s', (paddingMethod) => {
    const data = createCipheriv('aes-128-ecb', aes, null)
      .setAutoPadding(false)
      .update(Buffer.alloc(32, 0xff));
    const parameters = { blockCipherMode: 'ECB', paddingMethod } as const;
    expect(() => decryptWith(aes, 'AES', parameters, data)).toThrow(
      expect.objectContaining({ reason: 'CryptographicFailure' }),
    );
    expect(() => decryptWith(aes, 'AES', parameters, Buffer.alloc(0))).toThrow(
      expect.objectContaining({ reason: 'CryptographicFailure' }),
    );
  });
});

test('whatever parameters are given, data come back or a reason is told', () => {
  const maybe = <T>(arbitrary: fc.Arbitrary<T>, freq = 1) => fc.option(arbitrary, { nil: undefined, freq });
  const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
  const namesOf = <E extends EnumerationName>(name: E) =>
    fc.constantFrom(...(Object.keys(enumerationRows(name)) as NameIn<E>[]));
  const parameters = fc.record({
    blockCipherMode: maybe(namesOf('BlockCipherMode'), 8),
    paddingMethod: maybe(namesOf('PaddingMethod')),
    randomIv: maybe(fc.boolean()),
    ivLength: maybe(fc.integer({ min: -8, max: 1100 }), 1),
    tagLength: maybe(fc.integer({ min: 10, max: 18 })),
    initialCounterValue: maybe(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  });
  const key = fc.oneof(fc.constantFrom(16, 24, 32, 64), fc.nat(70)).map((length) => randomBytes(length));
  const algorithms = fc.oneof(
    fc.constantFrom('AES', 'ARIA', 'DES3', 'ChaCha20', 'ChaCha20Poly1305', 'OneTimePad'),
    namesOf('CryptographicAlgorithm').filter((name) => name !== 'RSA'),
  );
  const iv = fc.oneof(
    bytes(20),
    fc.constantFrom(8, 12, 16).map((length) => randomBytes(length)),
  );
  const reasons = new Set<string>();
  let decrypted = 0;
  fc.assert(
    fc.property(
      algorithms,
      parameters,
      key,
      bytes(50),
      fc.record({ ivCounterNonce: maybe(iv), additionalData: maybe(bytes(20), 1) }),
      (algorithm, given, keyBytes, data, options) => {
        try {
          const {
            data: sealed,
            ivCounterNonce,
            tag,
          } = encryptWith(keyBytes, algorithm, given, data, options);
          const opened = decryptWith(keyBytes, algorithm, given, sealed, {
            ...options,
            ivCounterNonce: ivCounterNonce ?? options.ivCounterNonce,
            tag,
          });
          // Zeros as padding are indistinguishable from data, and stay.
          expect(opened.subarray(0, data.length)).toEqual(data);
          decrypted += 1;
        } catch (error) {
          if (!(error instanceof KmipError)) throw error;
          reasons.add(error.reason);
        }
      },
    ),
    { numRuns: 5000, seed: 7 },
  );
  expect(decrypted).toBeGreaterThan(100);
  const allowed = [
    'BadCryptographicParameters',
    'CryptographicFailure',
    'GeneralFailure',
    'InvalidMessage',
    'UnsupportedCryptographicParameters',
  ];
  expect(allowed).toEqual(expect.arrayContaining([...reasons]));
});

describe('RSA paddings made here are those of openssl', () => {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const directory = mkdtempSync(join(tmpdir(), 'kpsim-rsa-'));
  const publicPem = join(directory, 'public.pem');
  const privatePem = join(directory, 'private.pem');
  writeFileSync(publicPem, publicKey.export({ format: 'pem', type: 'spki' }));
  writeFileSync(privatePem, privateKey.export({ format: 'pem', type: 'pkcs8' }), { mode: 0o600 });
  afterAll(() => rmSync(directory, { recursive: true }));

  const openssl = (input: Buffer, ...options: readonly string[]) =>
    execFileSync('openssl', ['pkeyutl', ...options], { input });
  const oaep = (...more: readonly string[]) =>
    ['rsa_padding_mode:oaep', ...more].flatMap((option) => ['-pkeyopt', option]);
  const message = Buffer.from('wrapped by one, unwrapped by the other');

  test.each<readonly [string, CryptographicParameters, readonly string[]]>([
    ['PKCS #1 v1.5', { paddingMethod: 'PKCS1V1_5' }, ['-pkeyopt', 'rsa_padding_mode:pkcs1']],
    ['OAEP with SHA-1', { paddingMethod: 'OAEP' }, oaep()],
    [
      'OAEP with SHA-256 and a label',
      { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_256', pSource: Buffer.from('kpsim') },
      oaep('rsa_oaep_md:sha256', `rsa_oaep_label:${Buffer.from('kpsim').toString('hex')}`),
    ],
    [
      'OAEP with SHA-512 and MGF1 with SHA-1',
      { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_512', maskGeneratorHashingAlgorithm: 'SHA_1' },
      oaep('rsa_oaep_md:sha512', 'rsa_mgf1_md:sha1'),
    ],
  ])('%s', (_name, parameters, options) => {
    const mine = encryptWith(publicKey, 'RSA', parameters, message).data;
    expect(openssl(mine, '-decrypt', '-inkey', privatePem, ...options)).toEqual(message);
    const theirs = openssl(message, '-encrypt', '-pubin', '-inkey', publicPem, ...options);
    expect(decryptWith(privateKey, 'RSA', parameters, theirs)).toEqual(message);
  });

  test('a ciphertext under another label or key is refused', () => {
    const parameters = { paddingMethod: 'OAEP', hashingAlgorithm: 'SHA_256' } as const;
    const { data } = encryptWith(publicKey, 'RSA', { ...parameters, pSource: Buffer.from('a') }, message);
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    for (const [key, padding] of [
      [privateKey, parameters],
      [other.privateKey, parameters],
      [other.privateKey, { paddingMethod: 'PKCS1V1_5' }],
    ] as const) {
      expect(() => decryptWith(key, 'RSA', padding, data)).toThrow(
        expect.objectContaining({ reason: 'CryptographicFailure' }),
      );
    }
  });
});
