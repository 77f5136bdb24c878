import { execFileSync } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { createECDH, createPrivateKey, generateKeyPairSync, sign, verify } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { CURVES } from '../../../kms/keys/curves.js';
import {
  bigIntOf,
  derBitStringOf,
  derIntegerOf,
  derOctetStringOf,
  derSequenceElements,
} from '../../../kms/keys/der.js';
import { privateKeyOf, publicKeyOf, secretBytesOf } from '../../../kms/keys/key-object.js';
import { rsaPrivateNumbers } from '../../../kms/keys/rsa.js';
import type { KeyMaterial, ManagedObjectValue, NameIn } from '../../../wire/kmip/index.js';
import { KmipError } from '../../../wire/kmip/index.js';
import { fc } from '../../property.js';

type Format = NameIn<'KeyFormatType'>;

function privateKey(keyFormatType: Format, keyMaterial: KeyMaterial, rest = {}): ManagedObjectValue {
  return { objectType: 'PrivateKey', keyBlock: { keyFormatType, keyValue: { keyMaterial }, ...rest } };
}

function publicKey(keyFormatType: Format, keyMaterial: KeyMaterial, rest = {}): ManagedObjectValue {
  return { objectType: 'PublicKey', keyBlock: { keyFormatType, keyValue: { keyMaterial }, ...rest } };
}

function der(key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1' | 'spki'): Buffer {
  return key.export({ format: 'der', type } as never) as unknown as Buffer;
}

/** Runs openssl on bytes. */
function openssl(args: string[], input?: Buffer): Buffer {
  return execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'ignore'] });
}

function refusalOf(work: () => unknown): KmipError {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(KmipError);
    return error as KmipError;
  }
  throw new Error('nothing was refused');
}

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const numbers = rsaPrivateNumbers(der(rsa.privateKey, 'pkcs1'));

describe('RSA keys', () => {
  test.each([
    ['PKCS_1', der(rsa.privateKey, 'pkcs1')],
    ['PKCS_8', der(rsa.privateKey, 'pkcs8')],
    ['TransparentRSAPrivateKey', { ...numbers }],
    ['TransparentRSAPrivateKey', { modulus: numbers.modulus, privateExponent: numbers.privateExponent }],
    ['TransparentRSAPrivateKey', { modulus: numbers.modulus, p: numbers.p, q: numbers.q }],
    ['TransparentRSAPrivateKey', { modulus: numbers.modulus, q: numbers.q }],
    [
      'TransparentRSAPrivateKey',
      {
        modulus: numbers.modulus,
        publicExponent: numbers.publicExponent,
        primeExponentP: numbers.primeExponentP,
        primeExponentQ: numbers.primeExponentQ,
      },
    ],
  ] as const)('are read from %s', (format, material) => {
    const value = privateKey(format, material);
    const signature = sign('sha256', Buffer.from('message'), privateKeyOf(value));
    expect(verify('sha256', Buffer.from('message'), rsa.publicKey, signature)).toBe(true);
    expect(publicKeyOf(value).equals(rsa.publicKey)).toBe(true);
  });

  test.each([
    ['PKCS_1', der(rsa.publicKey, 'pkcs1')],
    ['X_509', der(rsa.publicKey, 'spki')],
    ['TransparentRSAPublicKey', { modulus: numbers.modulus, publicExponent: numbers.publicExponent }],
  ] as const)('have public halves in %s', (format, material) => {
    expect(publicKeyOf(publicKey(format, material)).equals(rsa.publicKey)).toBe(true);
  });

  test('as openssl makes them are read', () => {
    const pem = openssl(['genrsa', '-traditional', '1024']);
    const pkcs1 = openssl(['rsa', '-outform', 'DER', '-traditional'], pem);
    const spki = openssl(['rsa', '-pubout', '-outform', 'DER'], pem);
    expect(der(publicKeyOf(privateKey('PKCS_1', pkcs1)), 'spki')).toEqual(spki);
    const { modulus, privateExponent } = rsaPrivateNumbers(pkcs1);
    const rebuilt = privateKeyOf(privateKey('TransparentRSAPrivateKey', { modulus, privateExponent }));
    expect(
      openssl(['rsa', '-inform', 'DER', '-check', '-noout'], der(rebuilt, 'pkcs1')).toString(),
    ).toContain('ok');
    expect(der(rebuilt, 'pkcs1')).toEqual(pkcs1);
  });

  test.each([
    'modulus',
    'privateExponent',
    'publicExponent',
    'p',
    'q',
    'primeExponentP',
    'primeExponentQ',
    'crtCoefficient',
  ] as const)('with a wrong %s are refused', (field) => {
    const wrong = { ...numbers, [field]: numbers[field] + 2n };
    expect(refusalOf(() => privateKeyOf(privateKey('TransparentRSAPrivateKey', wrong))).reason).toBe(
      'InvalidField',
    );
  });

  test('that say too little, or are too long, are refused', () => {
    const { modulus } = numbers;
    for (const key of [{ modulus }, { modulus: -5n, privateExponent: 3n }, { modulus: 1n << 9000n, p: 2n }]) {
      expect(refusalOf(() => privateKeyOf(privateKey('TransparentRSAPrivateKey', key))).reason).toBe(
        'InvalidField',
      );
    }
  });
});

describe('EC keys', () => {
  test.each(Object.entries(CURVES))(
    'on %s are read in all formats',
    (recommendedCurve, { openssl: namedCurve }) => {
      const pair = generateKeyPairSync('ec', { namedCurve });
      const sec1 = der(pair.privateKey, 'sec1');
      const d = bigIntOf(derOctetStringOf(derSequenceElements(sec1)[1]));
      const qString = derBitStringOf(derSequenceElements(der(pair.publicKey, 'spki'))[1]);
      const compressed = createECDH(namedCurve);
      compressed.setPrivateKey(d.toString(16).padStart(144, '0'), 'hex');
      const privates = [
        privateKey('ECPrivateKey', sec1),
        privateKey('PKCS_8', der(pair.privateKey, 'pkcs8')),
        privateKey('TransparentECPrivateKey', { recommendedCurve, d }),
        privateKey('TransparentECDSAPrivateKey', { recommendedCurve, d }),
      ];
      for (const value of privates) {
        expect(der(privateKeyOf(value), 'pkcs8').equals(der(pair.privateKey, 'pkcs8'))).toBe(true);
      }
      const publics = [
        publicKey('X_509', der(pair.publicKey, 'spki')),
        publicKey('TransparentECPublicKey', { recommendedCurve, qString }),
        publicKey('TransparentECDHPublicKey', {
          recommendedCurve,
          qString: compressed.getPublicKey(null, 'compressed'),
        }),
        publicKey('TransparentECMQVPublicKey', {
          recommendedCurve,
          qString: compressed.getPublicKey(null, 'hybrid'),
        }),
      ];
      for (const value of publics) expect(publicKeyOf(value).equals(pair.publicKey)).toBe(true);
    },
  );

  test('outside the order, off the curve or on an unnamed curve are refused', () => {
    const recommendedCurve = 'P_256';
    for (const d of [0n, 1n << 256n, -1n]) {
      const value = privateKey('TransparentECPrivateKey', { recommendedCurve, d });
      expect(refusalOf(() => privateKeyOf(value)).reason).toBe('InvalidField');
    }
    const qString = Buffer.alloc(65, 4);
    expect(
      refusalOf(() => publicKeyOf(publicKey('TransparentECPublicKey', { recommendedCurve, qString }))).reason,
    ).toBe('InvalidField');
    const explicit = openssl([
      'genpkey',
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-pkeyopt',
      'ec_param_enc:explicit',
      '-outform',
      'DER',
    ]);
    expect(refusalOf(() => privateKeyOf(privateKey('PKCS_8', explicit))).reason).toBe('InvalidField');
  });

  test.each(['ed25519', 'ed448', 'x25519', 'x448'] as const)('%s keys are read as raw bytes', (type) => {
    const pair = generateKeyPairSync(type as 'ed25519');
    const bytes = (half: KeyObject, part: 'd' | 'x'): Buffer =>
      Buffer.from(String(half.export({ format: 'jwk' })[part]), 'base64url');
    const algorithm = type.startsWith('ed')
      ? { cryptographicAlgorithm: type === 'ed448' ? 'Ed448' : 'Ed25519' }
      : {};
    expect(
      privateKeyOf(privateKey('Raw', bytes(pair.privateKey, 'd'), algorithm)).equals(pair.privateKey),
    ).toBe(true);
    expect(publicKeyOf(publicKey('Raw', bytes(pair.publicKey, 'x'), algorithm)).equals(pair.publicKey)).toBe(
      true,
    );
  });
});

describe('DSA and DH keys', () => {
  test('are read in transparent formats', () => {
    const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
    const [, , x] = derSequenceElements(der(dsa.privateKey, 'pkcs8'));
    const parameters = openssl(['dsa', '-inform', 'DER', '-outform', 'DER'], der(dsa.privateKey, 'pkcs8'));
    const [, p, q, g, y] = derSequenceElements(parameters).map((value) => derIntegerOf(value));
    const secret = derIntegerOf(
      derSequenceElements(Buffer.concat([Buffer.from([0x30, x!.content.length]), x!.content]))[0],
    );
    expect(
      privateKeyOf(privateKey('TransparentDSAPrivateKey', { p, q, g, x: secret })).equals(dsa.privateKey),
    ).toBe(true);
    expect(publicKeyOf(publicKey('TransparentDSAPublicKey', { p, q, g, y })).equals(dsa.publicKey)).toBe(
      true,
    );

    const dh = { p: p!, g: 2n, x: 12_345_678_901n };
    expect(privateKeyOf(privateKey('TransparentDHPrivateKey', dh)).asymmetricKeyType).toBe('dh');
    expect(publicKeyOf(publicKey('TransparentDHPublicKey', { p: p!, g: 2n, y: 4n })).asymmetricKeyType).toBe(
      'dh',
    );
  });
});

describe('what is no key', () => {
  test('is refused, whatever the bytes, without telling them', () => {
    const formats = ['PKCS_1', 'PKCS_8', 'ECPrivateKey', 'X_509', 'Raw'] as const;
    const whole = formats.map(
      (format) =>
        [format, format === 'X_509' ? der(rsa.publicKey, 'spki') : der(rsa.privateKey, 'pkcs8')] as const,
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...whole),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        ([format, bytes], at, change) => {
          const damaged = Buffer.from(bytes);
          damaged.writeUInt8(damaged.readUInt8(at % damaged.length) ^ change, at % damaged.length);
          for (const value of [privateKey(format, damaged), publicKey(format, damaged)]) {
            try {
              publicKeyOf(value);
            } catch (error) {
              expect(error).toBeInstanceOf(KmipError);
              expect((error as KmipError).message).not.toMatch(/error:|0x|[0-9a-f]{16}/);
            }
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  test('wrapped, absent and unsuitable keys are told apart', () => {
    const wrapped = {
      objectType: 'PrivateKey',
      keyBlock: { keyFormatType: 'PKCS_8', keyValue: Buffer.alloc(8) },
    } as const;
    expect(refusalOf(() => privateKeyOf(wrapped)).message).toMatch(/wrapped/);
    expect(
      refusalOf(() => privateKeyOf({ objectType: 'PrivateKey', keyBlock: { keyFormatType: 'PKCS_8' } }))
        .reason,
    ).toBe('KeyValueNotPresent');
    expect(refusalOf(() => privateKeyOf(privateKey('Opaque', Buffer.alloc(8)))).reason).toBe(
      'KeyFormatTypeNotSupported',
    );
    expect(refusalOf(() => secretBytesOf(privateKey('PKCS_8', Buffer.alloc(8)))).reason).toBe(
      'InvalidObjectType',
    );
    const encrypted = createPrivateKey(rsa.privateKey.export({ format: 'pem', type: 'pkcs8' })).export({
      format: 'der',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'secret',
    });
    expect(refusalOf(() => privateKeyOf(privateKey('PKCS_8', encrypted))).reason).toBe('InvalidField');
  });

  test('secret bytes come Raw or transparent', () => {
    const bytes = Buffer.from('secret');
    const keyBlock = {
      keyFormatType: 'TransparentSymmetricKey',
      keyValue: { keyMaterial: { key: bytes } },
    } as const;
    expect(secretBytesOf({ objectType: 'SymmetricKey', keyBlock })).toBe(bytes);
  });
});
