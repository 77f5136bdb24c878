import { execFileSync } from 'node:child_process';
import { constants, createHash, generateKeyPairSync, randomBytes, sign, verify } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, test } from 'vitest';

import type { SignatureKey } from '../../../kms/cryptography/signature.js';
import {
  beginSignature,
  beginVerification,
  recoverData,
  signDigest,
  verifyDigest,
} from '../../../kms/cryptography/signature.js';
import type { CryptographicParameters, NameIn } from '../../../wire/kmip/index.js';
import { fc } from '../../property.js';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
/** A modulus whose bits are one more than whole bytes: PSS encodes into a byte less. */
const oddRsa = generateKeyPairSync('rsa', { modulusLength: 1025 });
const dsa = generateKeyPairSync('dsa', { modulusLength: 2048, divisorLength: 256 });
const ed25519 = generateKeyPairSync('ed25519');
const ed448 = generateKeyPairSync('ed448');
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1', 'secp224r1', 'secp256k1', 'brainpoolP256r1'] as const;
const ec = Object.fromEntries(
  CURVES.map((namedCurve) => [namedCurve, generateKeyPairSync('ec', { namedCurve })]),
);
const message = randomBytes(100);
const digest = (hash: string) => createHash(hash).update(message).digest();

type Pair = Pick<SignatureKey, 'algorithm' | 'parameters'> & {
  readonly keys: { readonly publicKey: SignatureKey['key']; readonly privateKey: SignatureKey['key'] };
};
const toSign = ({ keys, ...rest }: Pair): SignatureKey => ({ ...rest, key: keys.privateKey });
const toVerify = ({ keys, ...rest }: Pair): SignatureKey => ({ ...rest, key: keys.publicKey });

function signed(pair: Pair, ...parts: readonly Buffer[]): Buffer {
  const computation = beginSignature(toSign(pair));
  for (const part of parts) computation.update(part);
  return computation.final();
}

function verified(pair: Pair, signature: Buffer, ...parts: readonly Buffer[]): boolean {
  const computation = beginVerification(toVerify(pair));
  for (const part of parts) computation.update(part);
  return computation.final(signature);
}

const PAIRS: readonly (readonly [string, Pair])[] = [
  ['RSA PKCS #1 v1.5', { keys: rsa, algorithm: 'RSA', parameters: { hashingAlgorithm: 'SHA_256' } }],
  ['RSA without a hash function', { keys: rsa, algorithm: 'RSA', parameters: {} }],
  [
    'RSA PSS',
    { keys: rsa, algorithm: 'RSA', parameters: { hashingAlgorithm: 'SHA_384', paddingMethod: 'PSS' } },
  ],
  [
    'RSA PSS with two hash functions and no salt',
    {
      keys: oddRsa,
      algorithm: 'RSA',
      parameters: {
        digitalSignatureAlgorithm: 'RSASSAPSS',
        hashingAlgorithm: 'SHA_256',
        maskGeneratorHashingAlgorithm: 'SHA_1',
        saltLength: 0,
      },
    },
  ],
  ['Ed25519', { keys: ed25519, algorithm: 'Ed25519', parameters: {} }],
  ['Ed448', { keys: ed448, algorithm: 'EC', parameters: {} }],
  ['DSA', { keys: dsa, algorithm: 'DSA', parameters: { digitalSignatureAlgorithm: 'DSAWithSHA256' } }],
  ...CURVES.map(
    (curve) =>
      [
        `ECDSA on ${curve}`,
        { keys: ec[curve]!, algorithm: 'EC', parameters: { hashingAlgorithm: 'SHA_256' } },
      ] as const,
  ),
];

describe('what is signed here is verified here, and nothing else', () => {
  test.each(PAIRS)('%s', (_name, pair) => {
    const signature = signed(pair, message.subarray(0, 7), message.subarray(7));
    expect(verified(pair, signature, message)).toBe(true);
    expect(verified(pair, signature, message.subarray(0, 50), message.subarray(50))).toBe(true);
    expect(verified(pair, signature, message.subarray(1))).toBe(false);
    const changed = Buffer.from(signature);
    changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
    expect(verified(pair, changed, message)).toBe(false);
    expect(verified(pair, Buffer.alloc(0), message)).toBe(false);
  });
});

describe('OpenSSL agrees', () => {
  test('on RSA PKCS #1 v1.5 with every hash function', () => {
    const hashes: readonly (readonly [NameIn<'HashingAlgorithm'>, string])[] = [
      ['MD5', 'md5'],
      ['SHA_1', 'sha1'],
      ['SHA_224', 'sha224'],
      ['SHA_256', 'sha256'],
      ['SHA_384', 'sha384'],
      ['SHA_512', 'sha512'],
      ['SHA_512_224', 'sha512-224'],
      ['SHA_512_256', 'sha512-256'],
      ['SHA_3_224', 'sha3-224'],
      ['SHA_3_256', 'sha3-256'],
      ['SHA_3_384', 'sha3-384'],
      ['SHA_3_512', 'sha3-512'],
    ];
    for (const [hashingAlgorithm, name] of hashes) {
      const pair: Pair = { keys: rsa, algorithm: 'RSA', parameters: { hashingAlgorithm } };
      expect(signed(pair, message)).toEqual(sign(name, message, rsa.privateKey));
      expect(signDigest(toSign(pair), digest(name))).toEqual(sign(name, message, rsa.privateKey));
    }
  });

  test.each([
    ['a modulus of whole bytes', rsa],
    ['a modulus of one bit more', oddRsa],
  ])('on PSS with any salt, under %s', (_name, keys) => {
    const pss = (saltLength?: number) => ({ padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 60 }), (saltLength) => {
        const parameters: CryptographicParameters = {
          paddingMethod: 'PSS',
          hashingAlgorithm: 'SHA_256',
          saltLength,
        };
        const pair: Pair = { keys, algorithm: 'RSA', parameters };
        expect(
          verify('sha256', message, { key: keys.publicKey, ...pss(saltLength) }, signed(pair, message)),
        ).toBe(true);
        const theirs = sign('sha256', message, { key: keys.privateKey, ...pss(saltLength) });
        expect(verified(pair, theirs, message)).toBe(true);
        expect(verified({ ...pair, parameters: { ...parameters, saltLength: 61 } }, theirs, message)).toBe(
          false,
        );
        const anySalt = { ...pair, parameters: { ...parameters, saltLength: undefined } };
        expect(verified(anySalt, theirs, message)).toBe(true);
      }),
      { numRuns: 15 },
    );
  });

  test.each(CURVES)('on ECDSA of a digest on %s', (curve) => {
    const keys = ec[curve]!;
    const pair: Pair = { keys, algorithm: 'ECDSA', parameters: {} };
    // Digests shorter and longer than the order of the curve.
    for (const hash of ['sha1', 'sha256', 'sha512']) {
      const mine = signDigest(toSign(pair), digest(hash));
      expect(verify(hash, message, keys.publicKey, mine)).toBe(true);
      const theirs = sign(hash, message, keys.privateKey);
      expect(verifyDigest(toVerify(pair), digest(hash), theirs)).toBe(true);
      expect(verifyDigest(toVerify(pair), digest('md5'), theirs)).toBe(false);
    }
  });

  test('on ECDSA of a digest, signature after signature', () => {
    const pair: Pair = { keys: ec.prime256v1!, algorithm: 'ECDSA', parameters: {} };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const data = Buffer.from(bytes);
        const hashed = createHash('sha256').update(data).digest();
        const theirs = sign('sha256', data, pair.keys.privateKey);
        expect(verifyDigest(toVerify(pair), hashed, theirs)).toBe(true);
        expect(verify('sha256', data, pair.keys.publicKey, signDigest(toSign(pair), hashed))).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test('as a program on PSS whose mask has another hash function', () => {
    const directory = mkdtempSync(join(tmpdir(), 'kpsim-pss-'));
    afterAll(() => rmSync(directory, { recursive: true }));
    const at = (name: string, content: string | Buffer) => {
      writeFileSync(join(directory, name), content, { mode: 0o600 });
      return join(directory, name);
    };
    const parameters: CryptographicParameters = {
      paddingMethod: 'PSS',
      hashingAlgorithm: 'SHA_512',
      maskGeneratorHashingAlgorithm: 'SHA_1',
      saltLength: 20,
    };
    const pair: Pair = { keys: rsa, algorithm: 'RSA', parameters };
    const options = ['rsa_padding_mode:pss', 'rsa_mgf1_md:sha1', 'rsa_pss_saltlen:20'].flatMap((option) => [
      '-sigopt',
      option,
    ]);
    const data = at('data', message);
    const publicPem = at('public.pem', rsa.publicKey.export({ format: 'pem', type: 'spki' }));
    const privatePem = at('private.pem', rsa.privateKey.export({ format: 'pem', type: 'pkcs8' }));
    const mine = at('signature', signed(pair, message));
    const verdict = execFileSync(
      'openssl',
      ['dgst', '-sha512', ...options, '-verify', publicPem, '-signature', mine, data],
      { encoding: 'utf8' },
    );
    expect(verdict).toContain('Verified OK');
    const theirs = execFileSync('openssl', ['dgst', '-sha512', ...options, '-sign', privatePem, data]);
    expect(verified(pair, theirs, message)).toBe(true);
    expect(verifyDigest(toVerify(pair), digest('sha512'), theirs)).toBe(true);
  });
});

test('an RSA signature without a hash function gives its data back', () => {
  const pair: Pair = { keys: rsa, algorithm: 'RSA', parameters: {} };
  const short = message.subarray(0, 20);
  expect(recoverData(toVerify(pair), signed(pair, short))).toEqual(short);
  expect(recoverData(toVerify(pair), randomBytes(256))).toBeUndefined();
});

test('signatures of a key of another kind are invalid', () => {
  const parameters = { paddingMethod: 'PSS', hashingAlgorithm: 'SHA_1' } as const;
  const pair: Pair = { keys: ec.secp256k1!, algorithm: 'RSA', parameters };
  expect(verified(pair, sign('sha1', message, pair.keys.privateKey), message)).toBe(false);
});

describe('hostile signatures of a digest', () => {
  const pair: Pair = { keys: ec.prime256v1!, algorithm: 'ECDSA', parameters: {} };
  test.each([
    ['r and s of 0', '3006020100020100'],
    ['r and s of 1', '3006020101020101'],
    [
      'r equal to the order',
      '3026022100ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551020101',
    ],
    ['no DER', 'ffffffff'],
    ['an integer too many', '3009020101020101020101'],
  ])('%s', (_name, signature) => {
    expect(verifyDigest(toVerify(pair), digest('sha256'), Buffer.from(signature, 'hex'))).toBe(false);
  });
});

describe('refusals', () => {
  const signing =
    (key: SignatureKey['key'], parameters: CryptographicParameters, algorithm: SignatureKey['algorithm']) =>
    () =>
      beginSignature({ key, parameters, algorithm }).final();
  const SHA_256 = { hashingAlgorithm: 'SHA_256' } as const;

  test.each([
    [
      'ECDSA without hash function',
      signing(ec.prime256v1!.privateKey, {}, 'EC'),
      'BadCryptographicParameters',
    ],
    [
      'PSS without hash function',
      signing(rsa.privateKey, { paddingMethod: 'PSS' }, 'RSA'),
      'BadCryptographicParameters',
    ],
    ['a key of another kind', signing(rsa.privateKey, SHA_256, 'EC'), 'BadCryptographicParameters'],
    [
      'a hash function not served',
      signing(rsa.privateKey, { hashingAlgorithm: 'Tiger' }, 'RSA'),
      'UnsupportedCryptographicParameters',
    ],
    [
      'an algorithm not served',
      signing(rsa.privateKey, { digitalSignatureAlgorithm: 'MD2WithRSAEncryption' }, 'RSA'),
      'UnsupportedCryptographicParameters',
    ],
    [
      'an algorithm that does not sign',
      signing(rsa.privateKey, SHA_256, 'AES'),
      'UnsupportedCryptographicParameters',
    ],
    [
      'a padding of encryption',
      signing(rsa.privateKey, { ...SHA_256, paddingMethod: 'OAEP' }, 'RSA'),
      'UnsupportedCryptographicParameters',
    ],
    [
      'a salt that does not fit',
      signing(rsa.privateKey, { ...SHA_256, paddingMethod: 'PSS', saltLength: 300 }, 'RSA'),
      'CryptographicFailure',
    ],
    [
      'a digest for Ed25519',
      () => signDigest({ key: ed25519.privateKey, algorithm: 'Ed25519', parameters: {} }, digest('sha512')),
      'UnsupportedCryptographicParameters',
    ],
    [
      'a digest of another length',
      () => signDigest({ key: rsa.privateKey, algorithm: 'RSA', parameters: SHA_256 }, digest('sha1')),
      'CryptographicFailure',
    ],
    [
      'too much without a hash function',
      () => {
        const computation = beginSignature({
          key: ed25519.privateKey,
          algorithm: 'Ed25519',
          parameters: {},
          heldBytesLimit: 10,
        });
        computation.update(message);
      },
      'ServerLimitExceeded',
    ],
    [
      'data from a signature that holds none',
      () => recoverData({ key: rsa.publicKey, algorithm: 'RSA', parameters: SHA_256 }, message),
      'BadCryptographicParameters',
    ],
  ])('%s', (_name, work, reason) => {
    expect(work).toThrow(expect.objectContaining({ reason }));
  });
});
