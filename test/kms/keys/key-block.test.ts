import { execFileSync } from 'node:child_process';
import type { KeyObject } from 'node:crypto';
import { generateKeyPairSync } from 'node:crypto';

import { describe, expect, test } from 'vitest';

import { CURVES } from '../../../kms/keys/curves.js';
import { inFormat, keyBlockOf } from '../../../kms/keys/key-block.js';
import { defaultFormatOf, keyFacts } from '../../../kms/keys/key-facts.js';
import { privateKeyOf, publicKeyOf } from '../../../kms/keys/key-object.js';
import type { KeyBlock, ManagedObjectValue, NameIn } from '../../../wire/kmip/index.js';
import { KmipError, enumerationRows, keyMaterialBytes } from '../../../wire/kmip/index.js';
import { decodeObject, encodeObject } from '../../../kms/objects/record.js';

const FORMATS = Object.keys(enumerationRows('KeyFormatType')) as NameIn<'KeyFormatType'>[];

const PAIRS = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 1024 }),
  dsa: generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }),
  dh: generateKeyPairSync('dh' as 'x448', { group: 'modp5' } as object),
  'P-256': generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  'B-163': generateKeyPairSync('ec', { namedCurve: 'sect163r2' }),
  ed25519: generateKeyPairSync('ed25519'),
  x448: generateKeyPairSync('x448'),
} as const;

/** Formats in which each kind of pair has both halves, private and public. */
const EXPECTED: Readonly<Record<keyof typeof PAIRS, readonly string[]>> = {
  rsa: ['PKCS_1', 'PKCS_8', 'TransparentRSAPrivateKey', 'PKCS_1', 'X_509', 'TransparentRSAPublicKey'],
  dsa: ['PKCS_8', 'TransparentDSAPrivateKey', 'X_509', 'TransparentDSAPublicKey'],
  dh: ['PKCS_8', 'TransparentDHPrivateKey', 'X_509', 'TransparentDHPublicKey'],
  'P-256': ecFormats(),
  'B-163': ecFormats(),
  ed25519: ['Raw', 'PKCS_8', 'Raw', 'X_509'],
  x448: ['Raw', 'PKCS_8', 'Raw', 'X_509'],
};

function ecFormats(): string[] {
  const transparent = (half: string): string[] =>
    ['ECDSA', 'ECDH', 'ECMQV', 'EC'].map((kind) => `Transparent${kind}${half}Key`);
  return ['PKCS_8', 'ECPrivateKey', ...transparent('Private'), 'X_509', ...transparent('Public')];
}

function objectOf(key: KeyObject, keyBlock: KeyBlock): ManagedObjectValue {
  const value = { objectType: key.type === 'private' ? 'PrivateKey' : 'PublicKey', keyBlock } as const;
  return decodeObject(encodeObject(value));
}

function read(value: ManagedObjectValue): KeyObject {
  return value.objectType === 'PrivateKey' ? privateKeyOf(value) : publicKeyOf(value);
}

function reasonOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    expect(error).toBeInstanceOf(KmipError);
    return (error as KmipError).reason;
  }
  return 'none';
}

describe.each(Object.entries(PAIRS))('%s keys', (name, pair) => {
  test('go from every format to every other and stay the same key', () => {
    const found: string[] = [];
    for (const key of [pair.privateKey, pair.publicKey] as const) {
      const possible = FORMATS.filter((format) => reasonOf(() => keyBlockOf(key, format)) === 'none');
      found.push(...possible);
      for (const from of possible) {
        const stored = objectOf(key, keyBlockOf(key, from));
        expect(read(stored).equals(key)).toBe(true);
        for (const to of possible) {
          const other = inFormat(stored, to);
          expect(other).toMatchObject({ keyBlock: { keyFormatType: to } });
          expect(read(other).equals(key)).toBe(true);
        }
      }
    }
    expect(found).toEqual(EXPECTED[name as keyof typeof PAIRS]);
  });

  test('are made in a format of their own, and refuse those of others', () => {
    for (const key of [pair.privateKey, pair.publicKey]) {
      const stored = objectOf(key, keyBlockOf(key, defaultFormatOf(key)));
      expect(stored).toMatchObject({ keyBlock: { cryptographicLength: keyFacts(key).lengthBits } });
      expect(reasonOf(() => inFormat(stored, 'TransparentSymmetricKey'))).toBe('KeyFormatTypeNotSupported');
      expect(reasonOf(() => inFormat(stored, 'Opaque'))).toBe('KeyFormatTypeNotSupported');
      expect(reasonOf(() => inFormat(stored, 0x80000001))).toBe('KeyFormatTypeNotSupported');
    }
  });
});

describe('Key Compression Type', () => {
  const COMPRESSED = 'ECPublicKeyTypeX9_62CompressedPrime';

  test('compresses points, in SubjectPublicKeyInfo as openssl reads it', () => {
    const { publicKey } = PAIRS['P-256'];
    const stored = objectOf(publicKey, keyBlockOf(publicKey, 'X_509'));
    const compressed = inFormat(stored, 'X_509', COMPRESSED) as { readonly keyBlock: KeyBlock };
    const der = keyMaterialBytes(compressed.keyBlock);
    expect(compressed.keyBlock.keyCompressionType).toBe(COMPRESSED);
    expect(der.length).toBeLessThan(keyMaterialBytes((stored as typeof compressed).keyBlock).length);
    const judged = execFileSync(
      'openssl',
      ['pkey', '-pubin', '-inform', 'DER', '-outform', 'DER', '-ec_conv_form', 'uncompressed'],
      { input: der, stdio: ['pipe', 'pipe', 'ignore'] },
    );
    expect(judged).toEqual(publicKey.export({ format: 'der', type: 'spki' }));
    const again = objectOf(publicKey, compressed.keyBlock);
    expect(inFormat(again, 'TransparentECPublicKey')).toMatchObject({
      keyBlock: { keyCompressionType: undefined },
    });
    expect(read(inFormat(again, 'TransparentECPublicKey')).equals(publicKey)).toBe(true);
  });

  test.each(['P-256', 'B-163'] as const)('follows the field of %s', (name) => {
    const { publicKey } = PAIRS[name];
    const stored = objectOf(publicKey, keyBlockOf(publicKey, 'TransparentECPublicKey'));
    const results = ['CompressedPrime', 'CompressedChar2', 'Hybrid'].map((form) =>
      reasonOf(() => inFormat(stored, undefined, `ECPublicKeyTypeX9_62${form}` as typeof COMPRESSED)),
    );
    const other = 'KeyCompressionTypeNotSupported';
    expect(results).toEqual(name === 'P-256' ? ['none', other, 'none'] : [other, 'none', 'none']);
  });

  test('is refused for keys without points', () => {
    const { privateKey, publicKey } = PAIRS.rsa;
    for (const key of [privateKey, publicKey, PAIRS['P-256'].privateKey]) {
      const stored = objectOf(key, keyBlockOf(key, defaultFormatOf(key)));
      expect(reasonOf(() => inFormat(stored, undefined, COMPRESSED))).toBe('KeyCompressionTypeNotSupported');
    }
  });
});

test.each(Object.entries(CURVES))(
  '%s has keys of the length that the table says',
  (curve, { openssl, bits }) => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: openssl });
    const point = keyBlockOf(publicKey, 'TransparentECPublicKey').keyValue as {
      readonly keyMaterial: { readonly qString: Buffer; readonly recommendedCurve: string };
    };
    expect(point.keyMaterial.recommendedCurve).toBe(curve);
    expect(point.keyMaterial.qString.length).toBe(1 + 2 * Math.ceil(bits / 8));
  },
);

test('symmetric keys are raw or transparent, certificates X.509', () => {
  const value = {
    objectType: 'SymmetricKey',
    keyBlock: { keyFormatType: 'Raw', keyValue: { keyMaterial: Buffer.from('0123456789abcdef') } },
  } as const;
  const transparent = inFormat(value, 'TransparentSymmetricKey');
  expect(inFormat(transparent, 'Raw')).toEqual(value);
  const certificate = {
    objectType: 'Certificate',
    certificateType: 'X_509',
    certificateValue: Buffer.alloc(3),
  } as const;
  expect(inFormat(certificate, 'X_509')).toBe(certificate);
  expect(reasonOf(() => inFormat(certificate, 'Raw'))).toBe('KeyFormatTypeNotSupported');
});
