import { createDecipheriv, generateKeyPairSync, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';

import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import { SqliteKmsStore } from '../../kms/sqlite-store.js';
import type {
  Attribute,
  CryptographicParameters,
  CryptographicUsageName,
  KeyBlock,
  KeyWrappingSpecification,
  ManagedObjectValue,
  NameIn,
} from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask, decodeKeyValue } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { fc } from '../property.js';

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
  client = kms.client();
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const DATA_KEY = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const NIST: CryptographicParameters = { blockCipherMode: 'NISTKeyWrap' };

function aesKey(keyMaterial: Buffer): ManagedObjectValue {
  return {
    objectType: 'SymmetricKey',
    keyBlock: {
      keyFormatType: 'Raw',
      keyValue: { keyMaterial },
      cryptographicAlgorithm: 'AES',
      cryptographicLength: keyMaterial.length * 8,
    },
  };
}

function active(...attributes: readonly Attribute[]): Attribute[] {
  return [attributeOf('ActivationDate', Math.floor(kms.clock.now() / 1000) - 10), ...attributes];
}

function usage(...usages: readonly CryptographicUsageName[]): Attribute {
  return attributeOf('CryptographicUsageMask', cryptographicUsageMask(...usages));
}

/** Registers a key encryption key with its Cryptographic Parameters. */
function registerKek(
  keyMaterial: Buffer,
  ...parameters: readonly CryptographicParameters[]
): Promise<string> {
  const own = parameters.map((it) => attributeOf('CryptographicParameters', it));
  return client.register(aesKey(keyMaterial), {
    attributes: active(usage('WrapKey', 'UnwrapKey'), ...own),
  });
}

function registerDataKey(...attributes: readonly Attribute[]): Promise<string> {
  return client.register(aesKey(DATA_KEY), { attributes: [usage('Encrypt', 'Decrypt'), ...attributes] });
}

function encrypt(kek: string, rest: Partial<KeyWrappingSpecification> = {}): KeyWrappingSpecification {
  return {
    wrappingMethod: 'Encrypt',
    encryptionKeyInformation: { uniqueIdentifier: kek },
    encodingOption: 'NoEncoding',
    ...rest,
  };
}

async function getWrapped(id: string, keyWrappingSpecification: KeyWrappingSpecification): Promise<KeyBlock> {
  const { object } = await client.perform('Get', { uniqueIdentifier: id, keyWrappingSpecification });
  return (object as Extract<ManagedObjectValue, { keyBlock: KeyBlock }>).keyBlock;
}

/** Registers a key block as it was wrapped, and gets it unwrapped. */
async function thereAndBack(keyBlock: KeyBlock): Promise<ManagedObjectValue> {
  const id = await client.register(
    { objectType: 'SymmetricKey', keyBlock },
    { attributes: [usage('Encrypt', 'Decrypt')] },
  );
  return (await client.perform('Get', { uniqueIdentifier: id, keyWrapType: 'NotWrapped' })).object;
}

describe('Get with a Key Wrapping Specification', () => {
  test.each([
    // RFC 3394 §4.1, §4.3 (AES-256 KEK), RFC 5649 has its own below.
    ['000102030405060708090a0b0c0d0e0f', '1fa68b0a8112b447aef34bd8fb5a7b829d3e862371d2cfe5'],
    [
      '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f',
      '64e8c3f9ce0f5ba263e9777905818a2a93c8191e7d6e8ae7',
    ],
  ])('wraps as RFC 3394 does, under %s', async (kek, expected) => {
    const id = await registerDataKey();
    const { keyValue, keyWrappingData } = await getWrapped(
      id,
      encrypt(await registerKek(Buffer.from(kek, 'hex'), NIST)),
    );
    expect((keyValue as Buffer).toString('hex')).toBe(expected);
    expect(keyWrappingData).toMatchObject({
      wrappingMethod: 'Encrypt',
      encryptionKeyInformation: { cryptographicParameters: NIST },
      encodingOption: 'NoEncoding',
    });
  });

  test('wraps as RFC 5649 does, any number of bytes', async () => {
    const kek = await registerKek(Buffer.from('5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8', 'hex'), {
      blockCipherMode: 'AESKeyWrapPadding',
    });
    const id = await client.register({
      objectType: 'SecretData',
      secretDataType: 'Password',
      keyBlock: {
        keyFormatType: 'Raw',
        keyValue: { keyMaterial: Buffer.from('c37b7e6492584340bed12207808941155068f738', 'hex') },
      },
    });
    const { keyValue } = await getWrapped(id, encrypt(kek));
    expect((keyValue as Buffer).toString('hex')).toBe(
      '138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a',
    );
  });

  test('wraps what OpenSSL unwraps', async () => {
    const kek = randomBytes(32);
    const { keyValue } = await getWrapped(await registerDataKey(), encrypt(await registerKek(kek, NIST)));
    const opened = execFileSync(
      'openssl',
      ['enc', '-d', '-id-aes256-wrap', '-K', kek.toString('hex'), '-iv', 'a6a6a6a6a6a6a6a6'],
      { input: keyValue as Buffer },
    );
    expect(opened).toEqual(DATA_KEY);
  });

  test('without an Encoding Option wraps the TTLV of the Key Value, with the attributes named', async () => {
    const kek = randomBytes(16);
    const specification = encrypt(await registerKek(kek, NIST), {
      encodingOption: undefined,
      attributeNames: ['CryptographicUsageMask', 'x-absent'],
    });
    const { keyValue } = await getWrapped(await registerDataKey(), specification);
    const decipher = createDecipheriv('id-aes128-wrap', kek, Buffer.alloc(8, 0xa6));
    const plain = Buffer.concat([decipher.update(keyValue as Buffer), decipher.final()]);
    expect(decodeKeyValue('Raw', plain)).toEqual({
      keyMaterial: DATA_KEY,
      attributes: [{ name: 'CryptographicUsageMask', value: 12 }],
    });
  });

  test('in KMIP 2.1 takes the attributes by reference, or by name', async () => {
    const kek = randomBytes(16);
    const uniqueIdentifier = await registerDataKey();
    const form = encrypt(await registerKek(kek, NIST), { encodingOption: undefined });
    for (const names of [{ attributeReferences: ['State'] }, { attributeNames: ['State'] }]) {
      const { object } = await kms
        .client({ protocolVersion: '2.1' })
        .perform('Get', { uniqueIdentifier, keyWrappingSpecification: { ...form, ...names } });
      const decipher = createDecipheriv('id-aes128-wrap', kek, Buffer.alloc(8, 0xa6));
      const { keyValue } = (object as { keyBlock: KeyBlock }).keyBlock;
      const plain = Buffer.concat([decipher.update(keyValue as Buffer), decipher.final()]);
      expect(decodeKeyValue('Raw', plain)).toEqual({
        keyMaterial: DATA_KEY,
        attributesStructure: [{ name: 'State', value: 'PreActive' }],
      });
    }
  });

  test.each<[string, CryptographicParameters]>([
    ['CBC', { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' }],
    ['CTR', { blockCipherMode: 'CTR' }],
    ['GCM', { blockCipherMode: 'GCM', tagLength: 16 }],
    ['ECB', { blockCipherMode: 'ECB', paddingMethod: 'PKCS5' }],
    ['NIST key wrap', NIST],
    ['RFC 5649', { blockCipherMode: 'AESKeyWrapPadding' }],
  ])('of mode %s is undone by Register and Get Not Wrapped', async (_name, parameters) => {
    const id = await registerDataKey();
    const kek = await registerKek(randomBytes(32), parameters);
    for (const encodingOption of ['NoEncoding', 'TTLVEncoding'] as const) {
      const keyBlock = await getWrapped(id, encrypt(kek, { encodingOption }));
      expect((keyBlock.keyValue as Buffer).includes(DATA_KEY)).toBe(false);
      const opened = await thereAndBack(keyBlock);
      expect(opened).toEqual(aesKey(DATA_KEY));
    }
  });

  test('any key comes back as it was', async () => {
    const kek = await registerKek(randomBytes(16), { blockCipherMode: 'AESKeyWrapPadding' });
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 70 }), async (bytes) => {
        const keyMaterial = Buffer.from(bytes);
        const id = await client.register(aesKey(keyMaterial), { attributes: [usage('Encrypt')] });
        const opened = await thereAndBack(await getWrapped(id, encrypt(kek)));
        expect(opened).toEqual(aesKey(keyMaterial));
      }),
      { numRuns: 15 },
    );
  });

  test('under an RSA public key is undone with the private one that it links to', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const parameters = attributeOf('CryptographicParameters', {
      paddingMethod: 'OAEP',
      hashingAlgorithm: 'SHA_256',
    });
    const block = (keyMaterial: Buffer): KeyBlock => ({
      keyFormatType: 'PKCS_1',
      keyValue: { keyMaterial },
      cryptographicAlgorithm: 'RSA',
      cryptographicLength: 2048,
    });
    const der = { format: 'der', type: 'pkcs1' } as const;
    const privateId = await client.register(
      { objectType: 'PrivateKey', keyBlock: block(privateKey.export(der)) },
      { attributes: active(usage('UnwrapKey')) },
    );
    const link = attributeOf('Link', { type: 'PrivateKeyLink', linkedObjectIdentifier: privateId });
    const publicId = await client.register(
      { objectType: 'PublicKey', keyBlock: block(publicKey.export(der)) },
      { attributes: active(usage('WrapKey'), parameters, link) },
    );
    const keyBlock = await getWrapped(await registerDataKey(), encrypt(publicId));
    expect(keyBlock.keyValue).toHaveLength(256);
    expect(await thereAndBack(keyBlock)).toEqual(aesKey(DATA_KEY));
  });
});

describe('wrapping with a MAC or a signature', () => {
  const hmac = (): Promise<string> =>
    client.register(
      {
        objectType: 'SymmetricKey',
        keyBlock: {
          keyFormatType: 'Raw',
          keyValue: { keyMaterial: randomBytes(32) },
          cryptographicAlgorithm: 'HMAC_SHA256',
          cryptographicLength: 256,
        },
      },
      {
        attributes: active(
          usage('MACGenerate', 'MACVerify'),
          attributeOf('CryptographicParameters', { hashingAlgorithm: 'SHA_256' }),
        ),
      },
    );

  test.each<NameIn<'WrappingMethod'>>(['MACSign', 'EncryptThenMACSign', 'MACSignThenEncrypt'])(
    '%s is verified when it is undone, and refused when it is not right',
    async (wrappingMethod) => {
      const kek = wrappingMethod === 'MACSign' ? undefined : await registerKek(randomBytes(16), NIST);
      const keyBlock = await getWrapped(await registerDataKey(), {
        wrappingMethod,
        encryptionKeyInformation: kek === undefined ? undefined : { uniqueIdentifier: kek },
        macSignatureKeyInformation: { uniqueIdentifier: await hmac() },
      });
      const { keyWrappingData } = keyBlock;
      expect(keyWrappingData?.macSignature).toHaveLength(32);
      expect(await thereAndBack(keyBlock)).toEqual(aesKey(DATA_KEY));
      const macSignature = Buffer.alloc(32, 1);
      const forged = { ...keyBlock, keyWrappingData: { ...keyWrappingData!, macSignature } };
      await expect(thereAndBack(forged)).rejects.toMatchObject({ reason: 'CryptographicFailure' });
    },
  );

  test('a Sensitive key does not leave with a MAC alone', async () => {
    const id = await registerDataKey(attributeOf('Sensitive', true));
    const specification: KeyWrappingSpecification = {
      wrappingMethod: 'MACSign',
      macSignatureKeyInformation: { uniqueIdentifier: await hmac() },
    };
    await expect(getWrapped(id, specification)).rejects.toMatchObject({ reason: 'Sensitive' });
  });
});

describe('a wrapping is refused', () => {
  const v1 = (): KmipClient => kms.client({ protocolVersion: '1.4' });
  const v2 = (): KmipClient => kms.client({ protocolVersion: '2.1' });

  /** Reasons in 1.4 and in 2.1. */
  async function reasons(id: string, specification: KeyWrappingSpecification): Promise<string[]> {
    const found: string[] = [];
    for (const speaker of [v1(), v2()]) {
      const error: unknown = await speaker
        .perform('Get', { uniqueIdentifier: id, keyWrappingSpecification: specification })
        .then(() => undefined)
        .catch((reason: unknown) => reason);
      found.push((error as { reason?: string } | undefined)?.reason ?? 'none');
    }
    return found;
  }

  test('if there is no such key', async () => {
    expect(await reasons(await registerDataKey(), encrypt('nothing'))).toEqual([
      'ItemNotFound',
      'WrappingObjectNotFound',
    ]);
  });

  test('if the key is destroyed, or archived', async () => {
    const id = await registerDataKey();
    const kek = await registerKek(randomBytes(16), NIST);
    await client.perform('Archive', { uniqueIdentifier: kek });
    expect(await reasons(id, encrypt(kek))).toEqual(['ObjectArchived', 'WrappingObjectArchived']);
    await client.perform('Recover', { uniqueIdentifier: kek });
    await client.revoke(kek);
    await client.destroy(kek);
    expect(await reasons(id, encrypt(kek))).toEqual(['ItemNotFound', 'WrappingObjectDestroyed']);
  });

  test('if it is not active, or not for wrapping, or no key at all', async () => {
    const id = await registerDataKey();
    const parameters = attributeOf('CryptographicParameters', NIST);
    const early = await client.register(aesKey(randomBytes(16)), {
      attributes: [usage('WrapKey'), parameters],
    });
    expect(await reasons(id, encrypt(early))).toEqual(['PermissionDenied', 'WrongKeyLifecycleState']);
    const other = await client.register(aesKey(randomBytes(16)), {
      attributes: active(usage('Encrypt'), parameters),
    });
    expect(await reasons(id, encrypt(other))).toEqual([
      'PermissionDenied',
      'IncompatibleCryptographicUsageMask',
    ]);
    const opaque = await client.register({
      objectType: 'OpaqueObject',
      opaqueDataType: 0x80000001,
      opaqueDataValue: Buffer.from('x'),
    });
    expect(await reasons(id, encrypt(opaque))).toEqual(['IllegalOperation', 'InvalidObjectType']);
  });

  test('if the Cryptographic Parameters are not among those of the key', async () => {
    const id = await registerDataKey();
    const missing = ['ItemNotFound', 'BadCryptographicParameters'];
    expect(await reasons(id, encrypt(await registerKek(randomBytes(16))))).toEqual(missing);
    const kek = await registerKek(randomBytes(16), NIST);
    const given = { uniqueIdentifier: kek, cryptographicParameters: { blockCipherMode: 'CBC' } as const };
    expect(await reasons(id, encrypt(kek, { encryptionKeyInformation: given }))).toEqual(missing);
  });

  test('if the Encoding Option does not fit', async () => {
    const id = await registerDataKey();
    const kek = await registerKek(randomBytes(16), NIST);
    const both = ['EncodingOptionError', 'EncodingOptionError'];
    const attributeNames = ['CryptographicUsageMask'];
    const specification = encrypt(kek, { attributeNames, attributeReferences: attributeNames });
    expect(await reasons(id, specification)).toEqual(both);
    const transparent = {
      keyFormatType: 'TransparentSymmetricKey',
      keyWrappingSpecification: encrypt(kek),
    } as const;
    await expect(client.perform('Get', { uniqueIdentifier: id, ...transparent })).rejects.toMatchObject({
      reason: 'EncodingOptionError',
    });
  });

  test('if the method is not performed, or its keys are not named', async () => {
    const id = await registerDataKey();
    const kek = await registerKek(randomBytes(16), NIST);
    expect(await reasons(id, encrypt(kek, { wrappingMethod: 'TR_31' }))).toEqual([
      'FeatureNotSupported',
      'KeyWrapTypeNotSupported',
    ]);
    expect(await reasons(id, { wrappingMethod: 'Encrypt' })).toEqual(['InvalidField', 'InvalidField']);
    expect(await reasons(id, encrypt(kek, { wrappingMethod: 'MACSign' }))).toEqual([
      'InvalidField',
      'InvalidField',
    ]);
  });

  test('of what has no key, and of what is not extractable', async () => {
    const kek = await registerKek(randomBytes(16), NIST);
    const opaque = await client.register({
      objectType: 'OpaqueObject',
      opaqueDataType: 0x80000001,
      opaqueDataValue: Buffer.from('x'),
    });
    expect(await reasons(opaque, encrypt(kek))).toEqual(['IllegalOperation', 'InvalidObjectType']);
    const fixed = await registerDataKey(attributeOf('Extractable', false));
    expect(await reasons(fixed, encrypt(kek))).toEqual(['NotExtractable', 'NotExtractable']);
  });
});

describe('a key registered wrapped', () => {
  test('is given as registered, and by a wrong key not at all', async () => {
    const kek = await registerKek(randomBytes(16), NIST);
    const keyBlock = await getWrapped(await registerDataKey(), encrypt(kek));
    const id = await client.register(
      { objectType: 'SymmetricKey', keyBlock },
      { attributes: [usage('Encrypt'), attributeOf('Sensitive', true)] },
    );
    expect(await client.getObject(id)).toEqual({ objectType: 'SymmetricKey', keyBlock });
    await expect(
      client.perform('Get', { uniqueIdentifier: id, keyWrapType: 'NotWrapped' }),
    ).rejects.toMatchObject({
      reason: 'Sensitive',
    });
    const other = await registerKek(randomBytes(16), NIST);
    const { keyWrappingData } = keyBlock;
    const wrong = { ...keyWrappingData!, encryptionKeyInformation: { uniqueIdentifier: other } };
    await expect(thereAndBack({ ...keyBlock, keyWrappingData: wrong })).rejects.toMatchObject({
      reason: 'CryptographicFailure',
    });
  });

  test('by a key that is wrapped itself is unwrapped all the same', async () => {
    const outer = await registerKek(randomBytes(16), NIST);
    const plain = randomBytes(16);
    const middleBlock = await getWrapped(await registerKek(plain, NIST), encrypt(outer));
    const middle = await client.register(
      { objectType: 'SymmetricKey', keyBlock: middleBlock },
      { attributes: active(usage('WrapKey'), attributeOf('CryptographicParameters', NIST)) },
    );
    const keyBlock = await getWrapped(await registerDataKey(), encrypt(middle));
    expect(await thereAndBack(keyBlock)).toEqual(aesKey(DATA_KEY));
  });

  test('by itself, or in a ring, is refused', async () => {
    const kek = await registerKek(randomBytes(16), NIST);
    const keyBlock = await getWrapped(await registerDataKey(), encrypt(kek));
    const ring = await client.register(
      { objectType: 'SymmetricKey', keyBlock },
      { attributes: active(usage('WrapKey', 'UnwrapKey')) },
    );
    const { keyWrappingData } = keyBlock;
    const self: KeyBlock = {
      ...keyBlock,
      keyWrappingData: {
        ...keyWrappingData!,
        encryptionKeyInformation: { uniqueIdentifier: ring, cryptographicParameters: NIST },
      },
    };
    const attributes = active(usage('WrapKey', 'UnwrapKey'));
    await client.perform('Import', {
      ...{ uniqueIdentifier: ring, replaceExisting: true },
      ...{ attributes, attributesStructure: attributes },
      object: { objectType: 'SymmetricKey', keyBlock: self },
    });
    await expect(
      client.perform('Get', { uniqueIdentifier: ring, keyWrapType: 'NotWrapped' }),
    ).rejects.toMatchObject({ reason: 'CryptographicFailure' });
  });
});

describe('Fresh', () => {
  test('ends with the first Get, and a second one writes nothing', async () => {
    const id = await client.create();
    const commit = vi.spyOn(SqliteKmsStore.prototype, 'commit');
    expect(await client.getAttributes(id, ['Fresh'])).toEqual([{ name: 'Fresh', value: true }]);
    await client.get(id);
    expect(commit).toHaveBeenCalledTimes(1);
    await client.get(id);
    expect(commit).toHaveBeenCalledTimes(1);
    commit.mockRestore();
    expect(await client.getAttributes(id, ['Fresh'])).toEqual([{ name: 'Fresh', value: false }]);
  });

  test('does not keep a Get from being answered where nothing can be written', async () => {
    const id = await client.create();
    const full = vi.spyOn(SqliteKmsStore.prototype, 'commit').mockRejectedValue(new Error('disk full'));
    const results = await client.request(
      [
        { operation: 'Get', payload: { uniqueIdentifier: id } },
        { operation: 'Activate', payload: { uniqueIdentifier: id } },
      ],
      { batchErrorContinuationOption: 'Continue' },
    );
    const { keyBytes } = await client.get(id);
    full.mockRestore();
    expect(keyBytes).toHaveLength(32);
    expect(results.map(({ error }) => error?.reason)).toEqual([undefined, 'GeneralFailure']);
    expect(await client.getAttributes(id, ['Fresh', 'State'])).toEqual([
      { name: 'Fresh', value: true },
      { name: 'State', value: 'PreActive' },
    ]);
  });
});
