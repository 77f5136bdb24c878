import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { x509 } from '../../core/pki/x509.js';
import type { KmipClient } from '../../kms/client.js';
import { KmipError } from '../../kms/client.js';
import { keyBlockOf } from '../../kms/keys/key-block.js';
import type { Attribute, KeyBlock, ManagedObjectValue, NameIn } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const rsa = generateKeyPairSync('rsa', { modulusLength: 1024 });
const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const USE = attributeOf('CryptographicUsageMask', 3);

type Algorithm = NameIn<'CryptographicAlgorithm'>;

/** A Key Block that says of its key what it is told to say, or nothing. */
function block(key: KeyBlock, said: { algorithm?: Algorithm; lengthBits?: number } = {}): KeyBlock {
  return { ...key, cryptographicAlgorithm: said.algorithm, cryptographicLength: said.lengthBits };
}

function privateKey(keyBlock: KeyBlock): ManagedObjectValue {
  return { objectType: 'PrivateKey', keyBlock };
}

async function outcomeOf(
  client: KmipClient,
  value: ManagedObjectValue,
  ...attributes: Attribute[]
): Promise<string> {
  try {
    await client.register(value, { attributes: [USE, ...attributes] });
    return 'registered';
  } catch (error) {
    expect(error).toBeInstanceOf(KmipError);
    return (error as KmipError).reason;
  }
}

async function valuesOf(client: KmipClient, id: string, ...names: string[]): Promise<unknown[]> {
  return (await client.getAttributes(id, names)).map(({ value }) => value);
}

describe('a registered key pair', () => {
  test.each([
    ['1.0', 'RSA', rsa.privateKey, 'PKCS_1', 1024],
    ['2.1', 'RSA', rsa.publicKey, 'X_509', 1024],
    ['1.1', 'ECDSA', p384.privateKey, 'ECPrivateKey', 384],
    ['1.2', 'EC', p384.privateKey, 'PKCS_8', 384],
    ['2.1', 'EC', p384.publicKey, 'TransparentECPublicKey', 384],
  ] as const)(
    'in KMIP %s gets %s and length from the key itself',
    async (protocolVersion, algorithm, key, format, lengthBits) => {
      const client = kms.client({ protocolVersion });
      const value = {
        objectType: key.type === 'private' ? 'PrivateKey' : 'PublicKey',
        keyBlock: block(keyBlockOf(key, format)),
      } as const;
      const id = await client.register(value, { attributes: [USE] });
      expect(await valuesOf(client, id, 'CryptographicAlgorithm', 'CryptographicLength')).toEqual([
        algorithm,
        lengthBits,
      ]);
      expect(await client.getObject(id)).toMatchObject({ keyBlock: { keyFormatType: format } });
    },
  );

  test('tells its curve', async () => {
    const client = kms.client();
    const id = await client.register(privateKey(block(keyBlockOf(p384.privateKey, 'PKCS_8'))), {
      attributes: [USE],
    });
    expect(await valuesOf(client, id, 'CryptographicDomainParameters')).toEqual([
      { recommendedCurve: 'P_384' },
    ]);
  });

  test.each([
    ['the algorithm in the Key Block', { algorithm: 'EC' }, []],
    ['the length in the Key Block', { lengthBits: 2048 }, []],
    ['the algorithm given', {}, [attributeOf('CryptographicAlgorithm', 'DSA')]],
    ['the length given', {}, [attributeOf('CryptographicLength', 4096)]],
  ] as const)('is refused if %s is not that of the key', async (_what, said, attributes) => {
    for (const protocolVersion of ['1.4', '2.1'] as const) {
      const reason = protocolVersion === '2.1' ? 'InvalidAttributeValue' : 'InvalidField';
      const value = privateKey(block(keyBlockOf(rsa.privateKey, 'PKCS_1'), said));
      expect(await outcomeOf(kms.client({ protocolVersion }), value, ...attributes)).toBe(reason);
    }
  });

  test('may be named after what it is for, and its curve must be its own', async () => {
    const client = kms.client();
    const value = (algorithm: Algorithm) =>
      privateKey(block(keyBlockOf(p384.privateKey, 'PKCS_8'), { algorithm, lengthBits: 384 }));
    for (const algorithm of ['EC', 'ECDSA', 'ECDH', 'ECMQV'] as const) {
      expect(await outcomeOf(client, value(algorithm))).toBe('registered');
    }
    expect(await outcomeOf(client, value('RSA'))).toBe('InvalidField');
    const curve = (recommendedCurve: 'P_384' | 'P_256') =>
      attributeOf('CryptographicDomainParameters', { recommendedCurve });
    expect(await outcomeOf(client, value('EC'), curve('P_384'))).toBe('registered');
    expect(await outcomeOf(client, value('EC'), curve('P_256'))).toBe('InvalidField');
  });

  test('must be readable, unless it is of an algorithm that is not used here, or encrypted', async () => {
    const client = kms.client();
    const bytes = (material: Buffer, said: Parameters<typeof block>[1]) =>
      privateKey(block({ keyFormatType: 'PKCS_8', keyValue: { keyMaterial: material } }, said));
    expect(await outcomeOf(client, bytes(Buffer.from('none'), { algorithm: 'RSA', lengthBits: 1024 }))).toBe(
      'InvalidField',
    );
    expect(await outcomeOf(client, bytes(Buffer.from('none'), {}))).toBe('InvalidField');
    expect(await outcomeOf(client, bytes(Buffer.from('some'), { algorithm: 'ECMQV', lengthBits: 256 }))).toBe(
      'InvalidField',
    );
    const encrypted = rsa.privateKey.export({
      format: 'der',
      type: 'pkcs8',
      cipher: 'aes-256-cbc',
      passphrase: 'x',
    });
    expect(await outcomeOf(client, bytes(encrypted, { algorithm: 'RSA', lengthBits: 1024 }))).toBe(
      'registered',
    );
    const newer = kms.client({ protocolVersion: '2.1' });
    expect(
      await outcomeOf(newer, bytes(Buffer.from('some'), { algorithm: 'McEliece', lengthBits: 256 })),
    ).toBe('registered');
  });
});

test('an RSA key that comes Raw is refused with the formats that it may have', async () => {
  const raw = privateKey(
    block(
      { keyFormatType: 'Raw', keyValue: { keyMaterial: Buffer.alloc(99) } },
      { algorithm: 'RSA', lengthBits: 1024 },
    ),
  );
  await expect(kms.client().register(raw, { attributes: [USE] })).rejects.toMatchObject({
    reason: 'KeyFormatTypeNotSupported',
    message: expect.stringMatching(/^The Raw bytes of RSA .* Use PKCS_8/) as unknown,
  });
});

test('a symmetric key must be as long as it says, parity bits counted or not', async () => {
  const client = kms.client();
  const key = (algorithm: Algorithm, bytes: number, lengthBits: number): ManagedObjectValue => ({
    objectType: 'SymmetricKey',
    keyBlock: block(
      { keyFormatType: 'Raw', keyValue: { keyMaterial: Buffer.alloc(bytes, 1) } },
      { algorithm, lengthBits },
    ),
  });
  expect(await outcomeOf(client, key('AES', 32, 256))).toBe('registered');
  expect(await outcomeOf(client, key('AES', 16, 256))).toBe('InvalidField');
  expect(await outcomeOf(client, key('DES3', 24, 192))).toBe('registered');
  expect(await outcomeOf(client, key('DES3', 24, 168))).toBe('registered');
});

describe('a registered certificate', () => {
  test('tells the parts of its names, to clients of the versions that know them', async () => {
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      name: new x509.Name([
        { C: ['AU'] },
        { O: ['Kmip Test'] },
        { OU: ['one'] },
        { OU: ['two'] },
        { '2.5.4.5': ['4711'] },
        { '0.9.2342.19200300.100.1.1': ['uid-1'] },
        { CN: ['Ünïcode, with a comma'] },
      ]),
      keys: await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign', 'verify']),
      signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
      extensions: [
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'host.example' },
          { type: 'email', value: 'a@b.example' },
        ]),
      ],
    });
    const value = {
      objectType: 'Certificate',
      certificateType: 'X_509',
      certificateValue: Buffer.from(certificate.rawData),
    } as const;
    const id = await kms.client({ protocolVersion: '1.1' }).register(value);
    const newest = kms.client({ protocolVersion: '2.1' });
    const parts = ['C', 'O', 'OU', 'SerialNumber', 'UID', 'CN'].map((part) => `CertificateSubject${part}`);
    expect(await valuesOf(newest, id, ...parts)).toEqual([
      'AU',
      'Kmip Test',
      'one',
      'two',
      '4711',
      'uid-1',
      'Ünïcode, with a comma',
    ]);
    expect(
      await valuesOf(
        newest,
        id,
        'CertificateIssuerCN',
        'DigitalSignatureAlgorithm',
        'CryptographicAlgorithm',
        'CryptographicLength',
      ),
    ).toEqual(['Ünïcode, with a comma', 'ECDSAWithSHA256', 'ECDSA', 256]);
    const [subject] = await valuesOf(kms.client(), id, 'CertificateSubject');
    expect(subject).toMatchObject({ alternativeNames: ['host.example', 'a@b.example'] });
    expect(await newest.locate([attributeOf('CertificateSubjectOU', 'two')])).toEqual([id]);
  });

  test('is refused if it is none, or of another length than given', async () => {
    const client = kms.client();
    const value = (bytes: Buffer) =>
      ({ objectType: 'Certificate', certificateType: 'X_509', certificateValue: bytes }) as const;
    const der = pki.authority.certificate.raw;
    expect(await outcomeOf(client, value(der.subarray(0, -1)))).toBe('InvalidField');
    expect(await outcomeOf(client, value(Buffer.from('none')))).toBe('InvalidField');
    expect(await outcomeOf(client, value(der), attributeOf('CertificateLength', der.length))).toBe(
      'registered',
    );
    expect(await outcomeOf(client, value(der), attributeOf('CertificateLength', 1))).toBe('InvalidField');
  });
});

test('other objects are kept as they are', async () => {
  const client = kms.client({ protocolVersion: '1.4' });
  const bytes = Buffer.from('whatever it is');
  const plain: KeyBlock = { keyFormatType: 'Raw', keyValue: { keyMaterial: bytes } };
  const objects: readonly [ManagedObjectValue, readonly Attribute[]][] = [
    [{ objectType: 'OpaqueObject', opaqueDataType: 0x80000001, opaqueDataValue: bytes }, []],
    [{ objectType: 'SecretData', secretDataType: 'Seed', keyBlock: plain }, []],
    [{ objectType: 'PGPKey', pgpKeyVersion: 4, keyBlock: plain }, []],
    [
      {
        objectType: 'SplitKey',
        splitKeyParts: 3,
        keyPartIdentifier: 1,
        splitKeyThreshold: 2,
        splitKeyMethod: 'XOR',
        keyBlock: block(plain, { algorithm: 'AES', lengthBits: 112 }),
      },
      [USE],
    ],
    [{ objectType: 'Template', attributes: [USE] }, []],
  ];
  for (const [value, attributes] of objects) {
    const id = await client.register(value, { attributes });
    expect(await client.getObject(id)).toEqual(value);
  }
});
