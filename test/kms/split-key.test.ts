import { generateKeyPairSync } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import type { Attribute, ManagedObjectValue, NameIn, RequestPayload } from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

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

type Method = NameIn<'SplitKeyMethod'>;

function split(
  key: string | undefined,
  splitKeyMethod: Method,
  counts: readonly [parts: number, threshold: number],
  rest: Partial<RequestPayload<'CreateSplitKey'>> = {},
  attributes: readonly Attribute[] = [],
): Promise<readonly string[]> {
  const [splitKeyParts, splitKeyThreshold] = counts;
  const fixed = { objectType: 'SplitKey', splitKeyParts, splitKeyThreshold, splitKeyMethod } as const;
  const given = { attributes, templateAttribute: { attributes } };
  return client
    .perform('CreateSplitKey', { ...fixed, uniqueIdentifier: key, ...given, ...rest })
    .then((answer) => answer.uniqueIdentifiers);
}

async function join(
  uniqueIdentifiers: readonly string[],
  objectType: NameIn<'ObjectType'> = 'SymmetricKey',
  attributes: readonly Attribute[] = [],
): Promise<string> {
  const given = { attributes, templateAttribute: { attributes } };
  return (await client.perform('JoinSplitKey', { objectType, uniqueIdentifiers, ...given })).uniqueIdentifier;
}

async function materialOf(id: string): Promise<Buffer> {
  const object = (await client.getObject(id)) as Extract<ManagedObjectValue, { objectType: 'SecretData' }>;
  return (object.keyBlock.keyValue as { keyMaterial: Buffer }).keyMaterial;
}

const METHODS: readonly (readonly [Method, readonly [number, number]])[] = [
  ['XOR', [3, 3]],
  ['PolynomialSharingGF2_8', [5, 3]],
  ['PolynomialSharingGF2_16', [5, 3]],
  ['PolynomialSharingPrimeField', [5, 3]],
];

describe.each(METHODS)('with %s', (method, counts) => {
  test('a symmetric key is split, and joined with what is known of it', async () => {
    const id = await client.create();
    const { keyBytes } = await client.get(id);
    const parts = await split(id, method, counts);
    expect(parts).toHaveLength(counts[0]);
    const joined = await client.get(await join(parts.slice(-counts[1]).reverse()));
    expect(joined).toEqual({ keyBytes, algorithm: 'AES', lengthBits: 256 });
    await expect(join(parts.slice(0, counts[1] - 1))).rejects.toMatchObject({
      reason: 'CryptographicFailure',
    });
  });

  test('secret data keep their leading zeros, and a private key its form', async () => {
    const secret = Buffer.concat([Buffer.alloc(2), Buffer.from('secret')]);
    const data = await client.register({
      objectType: 'SecretData',
      secretDataType: 'Password',
      keyBlock: { keyFormatType: 'Opaque', keyValue: { keyMaterial: secret } },
    });
    const parts = await split(data, method, counts);
    expect(await materialOf(await join(parts, 'SecretData'))).toEqual(secret);

    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const der = privateKey.export({ format: 'der', type: 'pkcs8' });
    const even = der.length % 2 === 0 || method !== 'PolynomialSharingGF2_16';
    const key = await client.register(
      {
        objectType: 'PrivateKey',
        keyBlock: {
          keyFormatType: 'PKCS_8',
          keyValue: { keyMaterial: der },
          cryptographicAlgorithm: 'EC',
          cryptographicLength: 256,
        },
      },
      { attributes: [attributeOf('CryptographicUsageMask', cryptographicUsageMask('Sign'))] },
    );
    if (!even) {
      await expect(split(key, method, counts)).rejects.toThrow(/odd number of bytes/);
      return;
    }
    const joined = await client.getObject(await join(await split(key, method, counts), 'PrivateKey'));
    expect(joined).toMatchObject({ keyBlock: { keyFormatType: 'PKCS_8', keyValue: { keyMaterial: der } } });
  });
});

test('a new key is split that is kept nowhere else; its parts are numbered, and the first one is named', async () => {
  const attributes = [
    attributeOf('CryptographicAlgorithm', 'AES'),
    attributeOf('CryptographicUsageMask', 12),
    attributeOf('Name', { value: 'in parts', type: 'UninterpretedTextString' }),
  ];
  const parts = await split(undefined, 'PolynomialSharingGF2_8', [3, 2], {}, attributes);
  const objects = await Promise.all(parts.map((id) => client.getObject(id)));
  expect(objects).toMatchObject(
    [1, 2, 3].map((keyPartIdentifier) => ({ keyPartIdentifier, splitKeyParts: 3, splitKeyThreshold: 2 })),
  );
  expect(await client.locate([attributes[2]!])).toEqual([parts[0]]);
  const [one, other] = [
    await client.get(await join(parts.slice(0, 2))),
    await client.get(await join(parts.slice(1))),
  ];
  expect(one).toEqual(other);
});

test('what must not be seen is not seen by way of its parts', async () => {
  const id = await client.create({ attributes: [attributeOf('Sensitive', true)] });
  const parts = await split(id, 'PolynomialSharingGF2_8', [3, 2], {}, [attributeOf('Sensitive', false)]);
  await expect(client.getObject(parts[0]!)).rejects.toMatchObject({ reason: 'Sensitive' });
  const joined = await join(parts, 'SymmetricKey', [attributeOf('Sensitive', false)]);
  await expect(client.get(joined)).rejects.toMatchObject({ reason: 'Sensitive' });
});

describe('is refused', () => {
  test.each<[string, Method, readonly [number, number], Partial<RequestPayload<'CreateSplitKey'>>]>([
    ['a threshold above the parts', 'PolynomialSharingGF2_8', [3, 4], {}],
    ['a threshold below two', 'PolynomialSharingGF2_8', [3, 1], {}],
    ['more parts than the field has places', 'PolynomialSharingGF2_8', [256, 2], {}],
    ['a threshold below the parts with XOR', 'XOR', [3, 2], {}],
    [
      'a prime field whose size is no prime',
      'PolynomialSharingPrimeField',
      [3, 2],
      { primeFieldSize: 1n << 300n },
    ],
    ['an object of another type', 'XOR', [2, 2], { objectType: 'SymmetricKey' }],
  ])('%s', async (_name, method, counts, rest) => {
    await expect(split(await client.create(), method, counts, rest)).rejects.toMatchObject({
      reason: 'InvalidField',
    });
  });

  test('a join of a part twice, of parts of different keys, and of what is no part', async () => {
    const [first, second] = [await client.create(), await client.create()];
    const parts = await split(first, 'PolynomialSharingGF2_8', [3, 2]);
    const others = await split(second, 'PolynomialSharingGF2_8', [4, 2]);
    const failure = { reason: 'CryptographicFailure' };
    await expect(join([parts[0]!, parts[0]!])).rejects.toMatchObject(failure);
    await expect(join([parts[0]!, others[1]!])).rejects.toMatchObject(failure);
    await expect(join([parts[0]!, first])).rejects.toMatchObject({ reason: 'IllegalOperation' });
    await expect(join([...parts.slice(0, 2)], 'Certificate')).rejects.toMatchObject({
      reason: 'InvalidField',
    });
  });

  test('a part with numbers that no split makes', async () => {
    const part = (keyPartIdentifier: number): Promise<string> =>
      client.register(
        {
          objectType: 'SplitKey',
          splitKeyParts: 256,
          keyPartIdentifier,
          splitKeyThreshold: 2,
          splitKeyMethod: 'PolynomialSharingGF2_8',
          keyBlock: { keyFormatType: 'Raw', keyValue: { keyMaterial: Buffer.alloc(16, keyPartIdentifier) } },
        },
        { attributes: [] },
      );
    await expect(join([await part(256), await part(1)])).rejects.toMatchObject({
      reason: 'CryptographicFailure',
    });
  });
});
