import {
  createCipheriv,
  createHash,
  createHmac,
  generateKeyPairSync,
  randomBytes,
  verify,
} from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { BatchRequest, KmipClient } from '../../kms/client.js';
import type {
  Attribute,
  CryptographicParameters,
  CryptographicUsageName,
  ManagedObjectValue,
  NameIn,
  ProtocolVersionName,
} from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;
let modern: KmipClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { ownerPolicy: 'per-client', limits: { streamBytes: 64, streamsPerOwner: 4 } });
  client = kms.client();
  modern = kms.client({ protocolVersion: '2.1' });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const KEY = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
const IV = Buffer.alloc(16, 3);
const BLOCK = Buffer.alloc(16, 7);
const CBC = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const satisfies CryptographicParameters;
const ALL = ['Encrypt', 'Decrypt', 'Sign', 'Verify', 'MACGenerate', 'MACVerify'] as const;

const secondsFromNow = (seconds: number) => Math.floor(kms.clock.now() / 1000) + seconds;
const usage = (...usages: readonly CryptographicUsageName[]) =>
  attributeOf('CryptographicUsageMask', cryptographicUsageMask(...usages));

function aesKey(
  keyMaterial: Buffer,
  algorithm: NameIn<'CryptographicAlgorithm'> = 'AES',
): ManagedObjectValue {
  return {
    objectType: 'SymmetricKey',
    keyBlock: {
      keyFormatType: 'Raw',
      keyValue: { keyMaterial },
      cryptographicAlgorithm: algorithm,
      cryptographicLength: keyMaterial.length * 8,
    },
  };
}

/** Registers an active key that may be used for everything, unless attributes say otherwise. */
async function registered(
  attributes: readonly Attribute[] = [],
  object: ManagedObjectValue = aesKey(KEY),
  by: KmipClient = client,
): Promise<string> {
  const given = new Set(attributes.map(({ name }) => name));
  const usual = [usage(...ALL), attributeOf('ActivationDate', secondsFromNow(-3600))];
  return by.register(object, {
    attributes: [...usual.filter(({ name }) => !given.has(name)), ...attributes],
  });
}

const aesCbc = (data: Buffer) => {
  const cipher = createCipheriv('aes-128-cbc', KEY, IV);
  return Buffer.concat([cipher.update(data), cipher.final()]);
};

describe('who may use what', () => {
  const encrypt = (by: KmipClient, uniqueIdentifier: string) =>
    by.perform('Encrypt', {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      data: BLOCK,
      ivCounterNonce: IV,
    });
  const decrypt = (by: KmipClient, uniqueIdentifier: string) =>
    by.perform('Decrypt', {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      data: aesCbc(BLOCK),
      ivCounterNonce: IV,
    });

  /** An object, what is asked of it, and the reasons of 1.4 and of 2.1; undefined for success. */
  const CASES: readonly (readonly [
    string,
    () => Promise<string>,
    typeof encrypt,
    string | undefined,
    string | undefined,
  ])[] = [
    ['an active key encrypts', () => registered(), encrypt, undefined, undefined],
    [
      'a pre-active key does not',
      () => registered([attributeOf('ActivationDate', secondsFromNow(60))]),
      encrypt,
      'PermissionDenied',
      'WrongKeyLifecycleState',
    ],
    [
      'a key without the usage does not',
      () => registered([usage('Decrypt')]),
      encrypt,
      'PermissionDenied',
      'IncompatibleCryptographicUsageMask',
    ],
    [
      'a key does not after its Protect Stop Date',
      () => registered([attributeOf('ProtectStopDate', secondsFromNow(-60))]),
      encrypt,
      'PermissionDenied',
      'WrongKeyLifecycleState',
    ],
    [
      'but decrypts then',
      () => registered([attributeOf('ProtectStopDate', secondsFromNow(-60))]),
      decrypt,
      undefined,
      undefined,
    ],
    [
      'and not before its Process Start Date',
      () => registered([attributeOf('ProcessStartDate', secondsFromNow(60))]),
      decrypt,
      'PermissionDenied',
      'WrongKeyLifecycleState',
    ],
    [
      'but encrypts then',
      () => registered([attributeOf('ProcessStartDate', secondsFromNow(60))]),
      encrypt,
      undefined,
      undefined,
    ],
    ['a deactivated key does not encrypt', revoked, encrypt, 'PermissionDenied', 'WrongKeyLifecycleState'],
    ['but decrypts', revoked, decrypt, undefined, undefined],
    [
      'so does a compromised one',
      async () => {
        const id = await registered();
        await client.revoke(id, 'KeyCompromise');
        return id;
      },
      decrypt,
      undefined,
      undefined,
    ],
    [
      'a destroyed key does not',
      async () => {
        const id = await revoked();
        await client.destroy(id);
        return id;
      },
      decrypt,
      'PermissionDenied',
      'WrongKeyLifecycleState',
    ],
    [
      'a key that is elsewhere does not encrypt',
      () =>
        registered([], {
          objectType: 'SymmetricKey',
          keyBlock: {
            keyFormatType: 'Raw',
            keyValue: undefined,
            cryptographicAlgorithm: 'AES',
            cryptographicLength: 128,
          },
        }),
      encrypt,
      'KeyValueNotPresent',
      'KeyValueNotPresent',
    ],
    [
      'the key of another client is not there',
      () => registered([], aesKey(KEY), kms.client({}, pki.west)),
      encrypt,
      'ItemNotFound',
      'ObjectNotFound',
    ],
    [
      'an opaque object is no key',
      () =>
        registered([], {
          objectType: 'SecretData',
          secretDataType: 'Password',
          keyBlock: { keyFormatType: 'Opaque', keyValue: { keyMaterial: KEY } },
        }),
      encrypt,
      'FeatureNotSupported',
      'UnsupportedCryptographicParameters',
    ],
  ];

  async function revoked(): Promise<string> {
    const id = await registered();
    await client.revoke(id);
    return id;
  }

  test.each(CASES)('%s', async (_name, make, ask, reason14, reason21) => {
    const id = await make();
    for (const [by, reason] of [
      [client, reason14],
      [modern, reason21],
    ] as const) {
      if (reason === undefined) await expect(ask(by, id)).resolves.toMatchObject({ uniqueIdentifier: id });
      else await expect(ask(by, id)).rejects.toMatchObject({ reason });
    }
  });

  test.each<readonly [string, CryptographicUsageName, (id: string) => Promise<unknown>]>([
    ['Sign', 'Sign', (id) => client.perform('Sign', { uniqueIdentifier: id, data: BLOCK })],
    [
      'Signature Verify',
      'Verify',
      (id) => client.perform('SignatureVerify', { uniqueIdentifier: id, data: BLOCK, signatureData: BLOCK }),
    ],
    ['MAC', 'MACGenerate', (id) => client.perform('MAC', { uniqueIdentifier: id, data: BLOCK })],
    [
      'MAC Verify',
      'MACVerify',
      (id) => client.perform('MACVerify', { uniqueIdentifier: id, data: BLOCK, macData: BLOCK }),
    ],
    ['Decrypt', 'Decrypt', (id) => client.perform('Decrypt', { uniqueIdentifier: id, data: BLOCK })],
  ])('%s needs the bit %s in the mask', async (_name, bit, ask) => {
    const others = ALL.filter((one) => one !== bit);
    await expect(ask(await registered([usage(...others)]))).rejects.toMatchObject({
      reason: 'PermissionDenied',
      message: expect.stringContaining(bit) as string,
    });
  });

  test('a key registered wrapped is used unwrapped, and stays wrapped in the store', async () => {
    const wrap = attributeOf('CryptographicParameters', { blockCipherMode: 'NISTKeyWrap' });
    const kek = await registered([usage('WrapKey', 'UnwrapKey'), wrap], aesKey(randomBytes(32)));
    const keyWrappingSpecification = {
      wrappingMethod: 'Encrypt',
      encryptionKeyInformation: { uniqueIdentifier: kek },
      encodingOption: 'NoEncoding',
    } as const;
    const asWrapped = async (uniqueIdentifier: string) =>
      (await client.perform('Get', { uniqueIdentifier, keyWrappingSpecification })).object;
    const object = await asWrapped(await registered());
    const uniqueIdentifier = await registered([], object);
    for (let use = 0; use < 2; use += 1) {
      expect(await encrypt(client, uniqueIdentifier)).toMatchObject({ data: aesCbc(BLOCK) });
    }
    expect((await client.getObject(uniqueIdentifier)) as unknown).toEqual(object);
  });
});

describe('parameters', () => {
  test('of the request go before those of the key', async () => {
    const id = await registered([attributeOf('CryptographicParameters', { blockCipherMode: 'ECB' })]);
    const ask = (cryptographicParameters?: CryptographicParameters, ivCounterNonce?: Buffer) =>
      client.perform('Encrypt', {
        uniqueIdentifier: id,
        cryptographicParameters,
        data: BLOCK,
        ivCounterNonce,
      });
    const ecb = createCipheriv('aes-128-ecb', KEY, null).setAutoPadding(false).update(BLOCK);
    expect((await ask()).data).toEqual(ecb);
    expect((await ask(CBC, IV)).data).toEqual(aesCbc(BLOCK));
  });

  test('that are nowhere are missed', async () => {
    const uniqueIdentifier = await registered();
    const asked = { uniqueIdentifier, data: BLOCK };
    await expect(client.perform('Encrypt', asked)).rejects.toMatchObject({ reason: 'CryptographicFailure' });
    await expect(modern.perform('Encrypt', asked)).rejects.toMatchObject({
      reason: 'BadCryptographicParameters',
    });
  });

  test('that ask for a random IV get one, which decrypts', async () => {
    const uniqueIdentifier = await registered();
    const cryptographicParameters = { ...CBC, randomIv: true };
    const asked = { uniqueIdentifier, cryptographicParameters, data: BLOCK };
    const { data, ivCounterNonce } = await client.perform('Encrypt', asked);
    expect(ivCounterNonce).toHaveLength(16);
    expect(await client.perform('Decrypt', { ...asked, data, ivCounterNonce })).toMatchObject({
      data: BLOCK,
    });
    expect((await client.perform('Encrypt', asked)).ivCounterNonce).not.toEqual(ivCounterNonce);
  });
});

test.each<ProtocolVersionName>(['1.2', '1.4', '2.1'])(
  'the tag of GCM goes with the data in KMIP %s',
  async (protocolVersion) => {
    const by = kms.client({ protocolVersion });
    const uniqueIdentifier = await registered();
    const cryptographicParameters = { blockCipherMode: 'GCM', tagLength: 16 } as const;
    const ivCounterNonce = IV.subarray(0, 12);
    const cipher = createCipheriv('aes-128-gcm', KEY, ivCounterNonce);
    const expected = cipher.update(BLOCK);
    cipher.final();
    const asked = { uniqueIdentifier, cryptographicParameters, ivCounterNonce };
    const { data, tag } = await by.perform('Encrypt', { ...asked, data: BLOCK });
    expect(Buffer.concat([data!, tag ?? Buffer.alloc(0)])).toEqual(
      Buffer.concat([expected, cipher.getAuthTag()]),
    );
    expect(tag === undefined).toBe(protocolVersion === '1.2');
    expect((await by.perform('Decrypt', { ...asked, data, tag })).data).toEqual(BLOCK);
  },
);

describe('Usage Limits', () => {
  const limits = (total: bigint, unit: 'Byte' | 'Object') => attributeOf('UsageLimits', { total, unit });
  const item = (uniqueIdentifier: string, data = BLOCK): BatchRequest => ({
    operation: 'Encrypt',
    payload: { uniqueIdentifier, cryptographicParameters: { blockCipherMode: 'ECB' }, data },
  });
  const left = async (id: string) =>
    ((await client.getAttributes(id, ['UsageLimits']))[0]?.value as { count: bigint }).count;

  test('count bytes, within one batch too, until they are spent', async () => {
    const id = await registered([limits(40n, 'Byte')]);
    const results = await client.request([item(id), item(id), item(id)]);
    expect(results.map(({ error }) => error?.reason)).toEqual([undefined, undefined, 'PermissionDenied']);
    expect(await left(id)).toBe(8n);
    await expect(modern.perform('Encrypt', item(id).payload as never)).rejects.toMatchObject({
      reason: 'PermissionDenied',
    });
  });

  test('count objects, a stream as one', async () => {
    const id = await registered([limits(2n, 'Object')]);
    const asked = { uniqueIdentifier: id, data: BLOCK };
    const { correlationValue } = await client.perform('Encrypt', {
      ...asked,
      cryptographicParameters: { blockCipherMode: 'ECB' },
      initIndicator: true,
    });
    await client.perform('Encrypt', { ...asked, correlationValue });
    await client.perform('Encrypt', { ...asked, correlationValue, finalIndicator: true });
    expect(await left(id)).toBe(1n);
  });

  test('are for protection only', async () => {
    const id = await registered([limits(0n, 'Byte')]);
    const cryptographicParameters = { blockCipherMode: 'ECB' } as const;
    await client.perform('Decrypt', { uniqueIdentifier: id, cryptographicParameters, data: BLOCK });
    const hmac = { cryptographicAlgorithm: 'HMAC_SHA256' } as const;
    const mac = { uniqueIdentifier: id, cryptographicParameters: hmac, data: BLOCK };
    await client.perform('MACVerify', { ...mac, macData: BLOCK });
    await expect(client.perform('MAC', mac)).rejects.toMatchObject({ reason: 'PermissionDenied' });
  });

  test('are not taken from by what fails or is undone', async () => {
    const id = await registered([limits(100n, 'Byte')]);
    await expect(client.request([item(id, Buffer.alloc(15))])).resolves.toMatchObject([
      { error: { reason: 'CryptographicFailure' } },
    ]);
    await client.request([item(id), item('no such object')], { batchErrorContinuationOption: 'Undo' });
    expect(await left(id)).toBe(100n);
  });

  test('hold when many use the key at once, and streams go on rightly though requests are done again', async () => {
    const id = await registered([limits(16n * 24n, 'Byte')]);
    const many = kms.client({ poolSize: 8 });
    const results = await Promise.allSettled(
      Array.from({ length: 30 }, () => many.perform('Encrypt', item(id).payload as never)),
    );
    expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(24);
    expect(await left(id)).toBe(0n);

    const busy = await registered([limits(1_000_000n, 'Byte')]);
    const streamed = async () => {
      const begin = { uniqueIdentifier: busy, cryptographicParameters: CBC, ivCounterNonce: IV };
      const first = await many.perform('Encrypt', { ...begin, data: BLOCK, initIndicator: true });
      const { correlationValue } = first;
      const next = await many.perform('Encrypt', { correlationValue, data: BLOCK });
      const last = await many.perform('Encrypt', { correlationValue, data: BLOCK, finalIndicator: true });
      return Buffer.concat([first, next, last].map(({ data }) => data ?? Buffer.alloc(0)));
    };
    const streams = await Promise.all([streamed(), streamed(), streamed(), streamed()]);
    for (const bytes of streams) expect(bytes).toEqual(aesCbc(Buffer.concat([BLOCK, BLOCK, BLOCK])));
    expect(await left(busy)).toBe(1_000_000n - 12n * 16n);
  });
});

describe('an operation in several parts', () => {
  const init = async (uniqueIdentifier: string, by: KmipClient = client) => {
    const { correlationValue } = await by.perform('Encrypt', {
      uniqueIdentifier,
      cryptographicParameters: CBC,
      ivCounterNonce: IV,
      initIndicator: true,
    });
    return correlationValue!;
  };
  const end = (correlationValue: Buffer, by: KmipClient = client) =>
    by.perform('Encrypt', { correlationValue, data: BLOCK, finalIndicator: true });
  const UNKNOWN = { reason: 'ItemNotFound' };

  test('goes on beside others', async () => {
    const id = await registered();
    const [one, other] = [await init(id), await init(id)];
    const begin = await client.perform('Encrypt', { correlationValue: one, data: BLOCK });
    expect((await end(other)).data).toEqual(aesCbc(BLOCK));
    const rest = await end(one);
    expect(Buffer.concat([begin.data!, rest.data!])).toEqual(aesCbc(Buffer.concat([BLOCK, BLOCK])));
    await expect(end(one)).rejects.toMatchObject(UNKNOWN);
    await expect(end(one, modern)).rejects.toMatchObject({ reason: 'InvalidCorrelationValue' });
  });

  test('is not there for another client, another operation, or with another key', async () => {
    const correlationValue = await init(await registered());
    await expect(end(correlationValue, kms.client({}, pki.west))).rejects.toMatchObject(UNKNOWN);
    await expect(client.perform('Decrypt', { correlationValue, data: BLOCK })).rejects.toMatchObject(UNKNOWN);
    const uniqueIdentifier = await registered();
    await expect(
      client.perform('Encrypt', { uniqueIdentifier, correlationValue, data: BLOCK }),
    ).rejects.toMatchObject(UNKNOWN);
    await expect(end(Buffer.alloc(16))).rejects.toMatchObject(UNKNOWN);
    expect((await end(correlationValue)).data).toEqual(aesCbc(BLOCK));
  });

  test('stops when its key may not be used any more', async () => {
    const id = await registered();
    const correlationValue = await init(id);
    await client.revoke(id);
    await expect(end(correlationValue)).rejects.toMatchObject({ reason: 'PermissionDenied' });
    await client.perform('Hash', { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data: BLOCK });
    kms.clock.advance(301_000);
    await expect(end(correlationValue)).rejects.toMatchObject(UNKNOWN);
  });

  test('is forgotten after a while without parts', async () => {
    const id = await registered();
    const [used, unused] = [await init(id), await init(id)];
    kms.clock.advance(200_000);
    await client.perform('Encrypt', { correlationValue: used, data: BLOCK });
    kms.clock.advance(200_000);
    await expect(end(unused)).rejects.toMatchObject(UNKNOWN);
    await expect(end(used)).resolves.toBeDefined();
  });

  test('is one of as many as the server keeps for a client', async () => {
    const id = await registered();
    const begun = [await init(id), await init(id), await init(id), await init(id)];
    await expect(init(id)).rejects.toMatchObject({ reason: 'GeneralFailure' });
    await expect(init(id, modern)).rejects.toMatchObject({ reason: 'ServerLimitExceeded' });
    const west = kms.client({}, pki.west);
    await end(await init(await registered([], aesKey(KEY), west), west), west);
    for (const correlationValue of begun) await end(correlationValue);
  });

  test('is over when its batch is undone, as a part cannot be taken back', async () => {
    const id = await registered();
    const correlationValue = await init(id);
    const part: BatchRequest = { operation: 'Encrypt', payload: { correlationValue, data: BLOCK } };
    const failing: BatchRequest = {
      operation: 'Encrypt',
      payload: { uniqueIdentifier: 'nobody', data: BLOCK },
    };
    await client.request([part, failing], { batchErrorContinuationOption: 'Undo' });
    await expect(end(correlationValue)).rejects.toMatchObject(UNKNOWN);
  });

  test('is over when the answer to a part is too large to go out', async () => {
    const correlationValue = await init(await registered());
    const part: BatchRequest = { operation: 'Encrypt', payload: { correlationValue, data: BLOCK } };
    const refused = await client.request([part], { maximumResponseSize: 100 }).then(
      ([result]) => result?.error,
      (error: unknown) => error,
    );
    expect(refused).toMatchObject({ reason: 'ResponseTooLarge' });
    await expect(end(correlationValue)).rejects.toMatchObject(UNKNOWN);
  });

  test('is over when a part fails, and when more has to be kept than the server keeps', async () => {
    const id = await registered();
    const { correlationValue } = await client.perform('Encrypt', {
      uniqueIdentifier: id,
      cryptographicParameters: { blockCipherMode: 'CCM', randomIv: true },
      data: Buffer.alloc(60),
      initIndicator: true,
    });
    await expect(client.perform('Encrypt', { correlationValue, data: BLOCK })).rejects.toMatchObject({
      reason: 'CryptographicFailure',
    });
    await expect(client.perform('Encrypt', { correlationValue, data: BLOCK })).rejects.toMatchObject(UNKNOWN);
  });

  test('takes additional data and tag with its first part only', async () => {
    const uniqueIdentifier = await registered();
    const gcm = {
      uniqueIdentifier,
      cryptographicParameters: { blockCipherMode: 'GCM', tagLength: 16 },
      ivCounterNonce: IV.subarray(0, 12),
      additionalData: Buffer.from('header'),
      initIndicator: true,
    } as const;
    const first = await client.perform('Encrypt', { ...gcm, data: BLOCK });
    const { correlationValue } = first;
    await expect(
      client.perform('Encrypt', { correlationValue, data: BLOCK, additionalData: Buffer.from('late') }),
    ).rejects.toMatchObject({ reason: 'InvalidField' });

    const begun = await client.perform('Encrypt', { ...gcm, data: BLOCK });
    const { tag, data } = await end(begun.correlationValue!);
    const sealed = Buffer.concat([begun.data!, data!]);
    // Nothing of what is not authenticated yet comes out.
    const opening = await client.perform('Decrypt', { ...gcm, data: sealed.subarray(0, 20), tag });
    expect(opening.data).toBeUndefined();
    const opened = await client.perform('Decrypt', {
      correlationValue: opening.correlationValue,
      data: sealed.subarray(20),
      finalIndicator: true,
    });
    expect(opened.data).toEqual(Buffer.concat([BLOCK, BLOCK]));
  });

  test('begins without a Correlation Value', async () => {
    const correlationValue = await init(await registered());
    await expect(
      client.perform('Encrypt', { correlationValue, initIndicator: true, data: BLOCK }),
    ).rejects.toMatchObject({ reason: 'InvalidField' });
    await end(correlationValue);
  });

  test('hashes, makes and verifies MACs and signatures', async () => {
    const cryptographicParameters = { hashingAlgorithm: 'SHA_256' } as const;
    const started = await client.perform('Hash', { cryptographicParameters, data: KEY, initIndicator: true });
    expect(started.data).toBeUndefined();
    const { correlationValue } = started;
    const hashed = await client.perform('Hash', {
      cryptographicParameters,
      correlationValue,
      data: BLOCK,
      finalIndicator: true,
    });
    expect(hashed.data).toEqual(createHash('sha256').update(KEY).update(BLOCK).digest());
    expect(hashed.correlationValue).toBeUndefined();

    const hmac = { cryptographicParameters: { cryptographicAlgorithm: 'HMAC_SHA512' } } as const;
    const uniqueIdentifier = await registered();
    const begun = await client.perform('MACVerify', {
      uniqueIdentifier,
      ...hmac,
      data: IV,
      initIndicator: true,
    });
    expect(begun.validityIndicator).toBeUndefined();
    const verdict = await client.perform('MACVerify', {
      correlationValue: begun.correlationValue,
      data: BLOCK,
      macData: createHmac('sha512', KEY).update(IV).update(BLOCK).digest(),
      finalIndicator: true,
    });
    expect(verdict.validityIndicator).toBe('Valid');
  });
});

describe('key pairs', () => {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const block = (keyMaterial: Buffer, keyFormatType: 'PKCS_8' | 'X_509') => ({
    keyFormatType,
    keyValue: { keyMaterial },
    cryptographicAlgorithm: 'ECDSA' as const,
    cryptographicLength: 256,
  });
  const privateKey = () =>
    registered([], {
      objectType: 'PrivateKey',
      keyBlock: block(pair.privateKey.export({ format: 'der', type: 'pkcs8' }), 'PKCS_8'),
    });
  const publicKey = () =>
    registered([], {
      objectType: 'PublicKey',
      keyBlock: block(pair.publicKey.export({ format: 'der', type: 'spki' }), 'X_509'),
    });
  const cryptographicParameters = { digitalSignatureAlgorithm: 'ECDSAWithSHA256' } as const;

  test('sign data and digests, and verify them', async () => {
    const signer = await privateKey();
    const verifier = await publicKey();
    const digest = createHash('sha256').update(BLOCK).digest();
    for (const signed of [{ data: BLOCK }, { digestedData: digest }]) {
      const { signatureData } = await client.perform('Sign', {
        uniqueIdentifier: signer,
        cryptographicParameters,
        ...signed,
      });
      expect(verify('sha256', BLOCK, pair.publicKey, signatureData!)).toBe(true);
      for (const [it, validity] of [
        [{ data: BLOCK }, 'Valid'],
        [{ digestedData: digest }, 'Valid'],
        [{ data: KEY }, 'Invalid'],
      ] as const) {
        const asked = { uniqueIdentifier: verifier, cryptographicParameters, signatureData, ...it };
        expect((await client.perform('SignatureVerify', asked)).validityIndicator).toBe(validity);
      }
    }
  });

  test('are refused where data and digest come together, in parts, or not at all', async () => {
    const uniqueIdentifier = await privateKey();
    const asked = { uniqueIdentifier, cryptographicParameters };
    for (const [payload, reason] of [
      [{ data: BLOCK, digestedData: BLOCK }, 'InvalidField'],
      [{ digestedData: BLOCK, initIndicator: true }, 'InvalidField'],
      [{}, 'InvalidMessage'],
    ] as const) {
      await expect(client.perform('Sign', { ...asked, ...payload })).rejects.toMatchObject({ reason });
    }
    await expect(
      client.perform('SignatureVerify', {
        uniqueIdentifier: await publicKey(),
        cryptographicParameters,
        data: BLOCK,
      }),
    ).rejects.toMatchObject({ reason: 'InvalidMessage' });
  });

  test('do not sign with their public half', async () => {
    const asked = { uniqueIdentifier: await publicKey(), cryptographicParameters, data: BLOCK };
    await expect(client.perform('Sign', asked)).rejects.toMatchObject({ reason: 'PermissionDenied' });
    await expect(modern.perform('Sign', asked)).rejects.toMatchObject({ reason: 'InvalidObjectType' });
  });
});

describe('random numbers', () => {
  test('are as many as asked for, and never the same', async () => {
    const some = async (dataLength: number) => (await client.perform('RNGRetrieve', { dataLength })).data;
    expect(await some(0)).toHaveLength(0);
    expect(await some(65_536)).toHaveLength(65_536);
    expect((await client.perform('RNGSeed', { data: KEY })).dataLength).toBe(16);
    expect((await some(32)).equals(await some(32))).toBe(false);
  });

  test.each([-1, 65_537])('are not %i bytes', async (dataLength) => {
    await expect(client.perform('RNGRetrieve', { dataLength })).rejects.toMatchObject({
      reason: 'InvalidField',
    });
  });

  test('come from the generator that Query names', async () => {
    const { rngParameters, capabilityInformation } = await client.query(['QueryRNGs', 'QueryCapabilities']);
    expect(rngParameters).toEqual([
      {
        rngAlgorithm: 'DRBG',
        cryptographicAlgorithm: 'AES',
        cryptographicLength: 256,
        drbgAlgorithm: 'CTR',
        predictionResistance: false,
      },
    ]);
    expect(capabilityInformation?.[0]?.streamingCapability).toBe(true);
  });
});

test('neither keys nor data nor what comes of them are in the journal or in an error', async () => {
  const secret = Buffer.from('a plaintext nobody else may read');
  const uniqueIdentifier = await registered();
  const asked = { uniqueIdentifier, cryptographicParameters: CBC, ivCounterNonce: IV };
  const { data } = await client.perform('Encrypt', { ...asked, data: secret });
  await client.perform('Decrypt', { ...asked, data });
  await client.perform('RNGSeed', { data: secret });
  await client.perform('Hash', { cryptographicParameters: { hashingAlgorithm: 'SHA_256' }, data: secret });
  const failed: unknown = await client
    .perform('Decrypt', { ...asked, data: secret.subarray(0, 20) })
    .catch((error: unknown) => error);
  const written = JSON.stringify([kms.context.journal.entries(), String(failed)]);
  for (const bytes of [secret, KEY, data!]) {
    for (const encoding of ['latin1', 'hex', 'base64'] as const) {
      expect(written).not.toContain(bytes.subarray(0, 12).toString(encoding));
    }
  }
  expect(written).toContain('Decrypt');
});
