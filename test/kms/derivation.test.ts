import { createCipheriv, createHash, createHmac, pbkdf2Sync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import type {
  Attribute,
  CryptographicUsageName,
  DerivationParameters,
  ManagedObjectValue,
  NameIn,
} from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
  client = kms.client({ protocolVersion: '2.1' });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const SECRET = Buffer.from('a secret that is data');

function active(...usages: readonly CryptographicUsageName[]): Attribute[] {
  return [
    attributeOf('ActivationDate', Math.floor(kms.clock.now() / 1000) - 10),
    attributeOf('CryptographicUsageMask', cryptographicUsageMask(...usages)),
  ];
}

function registerKey(
  algorithm: NameIn<'CryptographicAlgorithm'> = 'AES',
  attributes: readonly Attribute[] = active('DeriveKey'),
): Promise<string> {
  const keyBlock = {
    keyFormatType: 'Raw',
    keyValue: { keyMaterial: KEY },
    cryptographicAlgorithm: algorithm,
    cryptographicLength: KEY.length * 8,
  } as const;
  return client.register({ objectType: 'SymmetricKey', keyBlock }, { attributes });
}

function registerSecret(keyMaterial: Buffer = SECRET): Promise<string> {
  const keyBlock = { keyFormatType: 'Opaque', keyValue: { keyMaterial } } as const;
  return client.register(
    { objectType: 'SecretData', secretDataType: 'Seed', keyBlock },
    { attributes: active('DeriveKey') },
  );
}

interface Wanted {
  readonly objectType?: NameIn<'ObjectType'>;
  readonly attributes?: readonly Attribute[];
  readonly speaker?: KmipClient;
}

async function derive(
  derivationMethod: NameIn<'DerivationMethod'>,
  uniqueIdentifiers: readonly string[],
  derivationParameters: DerivationParameters,
  lengthBytes = 32,
  { objectType = 'SecretData', attributes = [], speaker = client }: Wanted = {},
): Promise<string> {
  const all = [attributeOf('CryptographicLength', lengthBytes * 8), ...attributes];
  const payload = { objectType, uniqueIdentifiers, derivationMethod, derivationParameters };
  const answer = await speaker.perform('DeriveKey', {
    ...payload,
    attributes: all,
    templateAttribute: { attributes: all },
  });
  return answer.uniqueIdentifier;
}

async function bytesOf(id: string): Promise<Buffer> {
  const { object } = await client.perform('Get', { uniqueIdentifier: id });
  const { keyBlock } = object as Extract<ManagedObjectValue, { objectType: 'SecretData' }>;
  return (keyBlock.keyValue as { keyMaterial: Buffer }).keyMaterial;
}

const SHA_256 = { hashingAlgorithm: 'SHA_256' } as const;
const DATA = Buffer.from('derivation data');
const hmac = (key: Buffer, data: Buffer): Buffer => createHmac('sha256', key).update(data).digest();

describe('Derive Key', () => {
  test('by HASH hashes the one object, or several one after another', async () => {
    const [key, secret] = [await registerKey(), await registerSecret()];
    const one = await derive('HASH', [key], { cryptographicParameters: SHA_256 });
    expect(await bytesOf(one)).toEqual(createHash('sha256').update(KEY).digest());
    const both = await derive('HASH', [key, secret], { cryptographicParameters: SHA_256 });
    expect(await bytesOf(both)).toEqual(createHash('sha256').update(KEY).update(SECRET).digest());
  });

  test('by HMAC takes the hash of the key, and its data from the request or from Secret Data', async () => {
    const [key, secret] = [await registerKey('HMAC_SHA256'), await registerSecret()];
    // Cryptographic Parameters are ignored where the key itself tells the function (KMIP 1.4 §4.6).
    const ignored = { cryptographicParameters: { hashingAlgorithm: 'SHA_512' } as const };
    const given = await derive('HMAC', [key], { ...ignored, derivationData: [DATA] }, 20);
    expect(await bytesOf(given)).toEqual(hmac(KEY, DATA).subarray(0, 20));
    const stored = await derive('HMAC', [key, secret], {});
    expect(await bytesOf(stored)).toEqual(hmac(KEY, SECRET));
  });

  test('by ENCRYPT encrypts the data', async () => {
    const initializationVector = Buffer.alloc(16, 9);
    const cryptographicParameters = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const;
    const id = await derive(
      'ENCRYPT',
      [await registerKey()],
      { cryptographicParameters, initializationVector, derivationData: [DATA] },
      16,
    );
    const cipher = createCipheriv('aes-128-cbc', KEY, initializationVector);
    expect(await bytesOf(id)).toEqual(Buffer.concat([cipher.update(DATA), cipher.final()]));
  });

  test('by PBKDF2 takes the password from the object', async () => {
    const salt = Buffer.from('salt');
    const parameters = { cryptographicParameters: SHA_256, salt, iterationCount: 1000 };
    const id = await derive('PBKDF2', [await registerSecret()], parameters, 40);
    expect(await bytesOf(id)).toEqual(pbkdf2Sync(SECRET, salt, 1000, 40, 'sha256'));
  });

  test('by NIST 800-108 counts, with HMAC and with CMAC', async () => {
    const counter = Buffer.from([0, 0, 0, 1]);
    const key = await registerKey('HMAC_SHA256');
    const first = await derive('NIST800_108C', [key], { derivationData: [DATA] });
    expect(await bytesOf(first)).toEqual(hmac(KEY, Buffer.concat([counter, DATA])));
    const cmac = { cryptographicParameters: { blockCipherMode: 'CMAC' } as const, derivationData: [DATA] };
    const second = await derive('NIST800_108C', [await registerKey()], cmac, 48);
    expect(await bytesOf(second)).toHaveLength(48);
    const longer = await derive('NIST800_108F', [key], { derivationData: [DATA] }, 64);
    const block = hmac(KEY, Buffer.concat([counter, DATA]));
    counter[3] = 2;
    expect(await bytesOf(longer)).toEqual(
      Buffer.concat([block, hmac(KEY, Buffer.concat([block, counter, DATA]))]),
    );
  });

  test('links the derived object and its bases, and puts it into the ID Placeholder', async () => {
    const [key, secret] = [await registerKey('HMAC_SHA256'), await registerSecret()];
    const derived = await derive('HMAC', [key, secret], {});
    const links = (id: string) => client.getAttributes(id, ['Link']);
    expect(await links(derived)).toEqual(
      [key, secret].map((linkedObjectIdentifier) =>
        attributeOf('Link', { type: 'DerivationBaseObjectLink', linkedObjectIdentifier }),
      ),
    );
    for (const base of [key, secret]) {
      expect(await links(base)).toEqual([
        attributeOf('Link', { type: 'DerivedKeyLink', linkedObjectIdentifier: derived }),
      ]);
    }
  });

  test('gives the uses that all bases have, where the request names none', async () => {
    const bases = [
      await registerKey('AES', active('DeriveKey', 'Encrypt', 'MACGenerate')),
      await registerKey('AES', active('DeriveKey', 'MACGenerate', 'Decrypt')),
    ];
    const key = {
      objectType: 'SymmetricKey',
      attributes: [attributeOf('CryptographicAlgorithm', 'AES')],
    } as const;
    for (const wanted of [{}, key]) {
      const derived = await derive('HASH', bases, { cryptographicParameters: SHA_256 }, 32, wanted);
      expect(await client.getAttributes(derived, ['CryptographicUsageMask'])).toEqual([
        attributeOf('CryptographicUsageMask', cryptographicUsageMask('DeriveKey', 'MACGenerate')),
      ]);
    }
  });

  test('makes a Symmetric Key with the attributes given', async () => {
    const attributes = [
      attributeOf('CryptographicAlgorithm', 'AES'),
      attributeOf('CryptographicUsageMask', cryptographicUsageMask('Encrypt')),
    ];
    const id = await derive('HASH', [await registerKey()], { cryptographicParameters: SHA_256 }, 16, {
      objectType: 'SymmetricKey',
      attributes,
    });
    const { keyBytes, algorithm, lengthBits } = await client.get(id);
    expect({ algorithm, lengthBits }).toEqual({ algorithm: 'AES', lengthBits: 128 });
    expect(keyBytes).toEqual(createHash('sha256').update(KEY).digest().subarray(0, 16));
  });
});

describe('Derive Key is refused', () => {
  const refused = async (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      () => 'none',
      (error: unknown) => (error as { reason?: unknown }).reason,
    );
  const v14 = (): Wanted => ({ speaker: kms.client({ protocolVersion: '1.4' }) });

  test.each<[string, () => Promise<Promise<unknown>[]>, readonly string[]]>([
    [
      'for a key without Derive Key in its mask',
      async () => {
        const key = await registerKey('AES', active('Encrypt'));
        const parameters = { cryptographicParameters: SHA_256 };
        return [derive('HASH', [key], parameters, 16, v14()), derive('HASH', [key], parameters)];
      },
      ['PermissionDenied', 'IncompatibleCryptographicUsageMask'],
    ],
    [
      'if the length exceeds what the method yields',
      async () => {
        const key = await registerKey();
        const parameters = { cryptographicParameters: SHA_256 };
        return [derive('HASH', [key], parameters, 33, v14()), derive('HASH', [key], parameters, 33)];
      },
      ['InvalidField', 'BadCryptographicParameters'],
    ],
    [
      'if the data are given twice',
      async () => {
        const ids = [await registerKey('HMAC_SHA256'), await registerSecret()];
        return [derive('HMAC', ids, { derivationData: [DATA] })];
      },
      ['InvalidMessage'],
    ],
    [
      'if PBKDF2 has no salt, or more iterations than anyone waits for',
      async () => {
        const ids = [await registerSecret()];
        const salt = Buffer.from('salt');
        return [
          derive('PBKDF2', ids, { iterationCount: 1 }),
          derive('PBKDF2', ids, { salt, iterationCount: 0 }),
          derive('PBKDF2', ids, { salt, iterationCount: 2 ** 31 - 1 }),
        ];
      },
      ['BadCryptographicParameters', 'BadCryptographicParameters', 'BadCryptographicParameters'],
    ],
    [
      'for a base that does not exist, and for a type that is not derived',
      async () => {
        const key = await registerKey();
        const parameters = { cryptographicParameters: SHA_256 };
        return [
          derive('HASH', ['nothing'], parameters, 16, v14()),
          derive('HASH', ['nothing'], parameters),
          derive('HASH', [key], parameters, 16, { objectType: 'PublicKey' }),
        ];
      },
      ['ItemNotFound', 'ObjectNotFound', 'InvalidObjectType'],
    ],
    [
      'for an agreement of symmetric keys, and for more HKDF than there is',
      async () => {
        const key = await registerKey();
        return [derive('AsymmetricKey', [key, key], {}), derive('HKDF', [key], {}, 255 * 32 + 1)];
      },
      ['InvalidObjectType', 'BadCryptographicParameters'],
    ],
  ])('%s', async (_name, attempts, reasons) => {
    expect(await Promise.all((await attempts()).map(refused))).toEqual(reasons);
  });
});
