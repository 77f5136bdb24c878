import { createDecipheriv, createHash, createHmac, createPublicKey, verify } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient, KmipOperations, RetrievalForm } from '../../kms/client.js';
import {
  PROTOCOL_VERSIONS,
  attributeOf,
  cryptographicUsageMask,
  keyMaterialBytes,
} from '../../kms/client.js';
import { OPERATIONS } from '../../kms/operations/registry.js';
import type {
  CryptographicUsageName,
  ManagedObjectValue,
  ProtocolVersionName,
  RequestPayload,
} from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
const clients = new Map<ProtocolVersionName, KmipClient>();
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { leaseSeconds: 600, asynchronous: { delayMs: 600_000 } });
  for (const version of PROTOCOL_VERSIONS) clients.set(version, kms.client({ protocolVersion: version }));
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const since = (first: ProtocolVersionName) => PROTOCOL_VERSIONS.slice(PROTOCOL_VERSIONS.indexOf(first));
const until = (last: ProtocolVersionName) => PROTOCOL_VERSIONS.slice(0, PROTOCOL_VERSIONS.indexOf(last) + 1);
const speaking = (version: ProtocolVersionName): KmipClient => clients.get(version)!;

const DATA = Buffer.from('data of two blocks and some more');
const IV = Buffer.alloc(16, 7);
const CBC = { blockCipherMode: 'CBC', paddingMethod: 'PKCS5' } as const;

function active(...usages: readonly CryptographicUsageName[]) {
  const usageMask = cryptographicUsageMask(...usages);
  return { usageMask, attributes: [attributeOf('ActivationDate', Math.floor(kms.clock.now() / 1000) - 10)] };
}
async function keyBytesOf(client: KmipOperations, id: string, form: RetrievalForm = {}): Promise<Buffer> {
  return keyMaterialBytes(
    ((await client.getObject(id, form)) as Extract<ManagedObjectValue, { keyBlock: object }>).keyBlock,
  );
}

describe.each(PROTOCOL_VERSIONS)('a client that speaks KMIP %s', (version) => {
  const client = () => speaking(version);
  const speaks2 = version.startsWith('2');

  test('makes, finds, tags and ends a key', async () => {
    const name = `life-${version}`;
    const id = await client().create({ name, lengthBits: 128 });
    expect(
      await client().locate([attributeOf('Name', { value: name, type: 'UninterpretedTextString' })]),
    ).toEqual([id]);
    await client().addAttributes(id, [
      { name: 'x-one', value: 'first' },
      { name: 'x-two', value: 'second' },
    ]);
    await client().modifyAttribute(id, { name: 'x-one', value: 'changed' });
    await client().deleteAttribute(id, 'x-two');
    expect(await client().getAttributes(id, ['x-one', 'x-two', 'CryptographicLength'])).toEqual([
      expect.objectContaining({ name: 'x-one', value: { type: 'TextString', value: 'changed' } }),
      { name: 'CryptographicLength', value: 128 },
    ]);
    expect(await client().getAttributeList(id)).toContain('State');
    await client().activate(id);
    await client().check(id, { cryptographicUsageMask: cryptographicUsageMask('Encrypt') });
    await expect(
      client().check(id, { cryptographicUsageMask: cryptographicUsageMask('Sign') }),
    ).rejects.toMatchObject({ name: 'KmipError' });
    expect(await client().obtainLease(id)).toMatchObject({ leaseTimeSeconds: 600 });
    await client().archive(id);
    await expect(client().get(id)).rejects.toMatchObject({ reason: 'ObjectArchived' });
    expect(await client().locate([], { storageStatusMask: 2 })).toContain(id);
    await client().recover(id);
    await client().revoke(id, 'KeyCompromise', 'lost', Math.floor(kms.clock.now() / 1000) - 60);
    expect(await client().getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'Compromised' }]);
    await client().destroy(id);
    await expect(client().get(id)).rejects.toMatchObject({ name: 'KmipError' });
  });

  test('allocates usage, and replaces, derives and registers keys', async () => {
    const limits = attributeOf('UsageLimits', { total: 100n, unit: 'Byte' });
    const id = await client().create({ ...active('Encrypt', 'DeriveKey'), name: `old-${version}` });
    const limited = await client().create({ attributes: [limits, ...active().attributes] });
    await client().getUsageAllocation(limited, 60n);
    await expect(client().getUsageAllocation(limited, 60n)).rejects.toMatchObject({ name: 'KmipError' });

    const next = await client().rekey(id, { offsetSeconds: 0 });
    expect(next).not.toBe(id);
    const derivationParameters = {
      cryptographicParameters: { hashingAlgorithm: 'SHA_256' },
      derivationData: [DATA],
    } as const;
    const derived = await client().deriveKey(id, {
      derivationMethod: 'HMAC',
      derivationParameters,
      lengthBits: 128,
      name: `derived-${version}`,
    });
    const expected = createHmac('sha256', await keyBytesOf(client(), id))
      .update(DATA)
      .digest();
    expect((await client().get(derived)).keyBytes).toEqual(expected.subarray(0, 16));

    const opaque = { objectType: 'OpaqueObject', opaqueDataType: 0x80000001, opaqueDataValue: DATA } as const;
    const registered = await client().register(opaque, { name: `opaque-${version}` });
    expect(await client().getObject(registered)).toMatchObject(opaque);
  });

  test('makes key pairs and has certificates issued', async () => {
    const pair = await client().createKeyPair({
      recommendedCurve: 'P_256',
      privateKey: active('Sign'),
      publicKey: { ...active('Verify'), name: `public-${version}` },
    });
    const der = await keyBytesOf(client(), pair.publicKeyUniqueIdentifier, {
      keyFormatType: 'X_509',
    });
    expect(createPublicKey({ key: der, format: 'der', type: 'spki' }).asymmetricKeyType).toBe('ec');
    const { keyFormatType } = (
      (await client().getObject(pair.privateKeyUniqueIdentifier, { keyFormatType: 'PKCS_8' })) as Extract<
        ManagedObjectValue,
        { keyBlock: object }
      >
    ).keyBlock;
    expect(keyFormatType).toBe('PKCS_8');
    const certificate = await client().certify({ uniqueIdentifier: pair.publicKeyUniqueIdentifier });
    const next = await client().recertify(certificate);
    const value = (await client().getObject(next)) as Extract<
      ManagedObjectValue,
      { certificateValue: Buffer }
    >;
    expect(await client().validate([next])).toBe('Valid');
    expect(await client().validate([value.certificateValue], 0)).toBe('Invalid');
  });

  test('asks what the server can do', async () => {
    expect((await client().query(['QueryOperations'])).operations).toContain('Create');
  });

  test('refuses values that are not of their attribute’s shape: nothing of them would be sent', async () => {
    const written = /^Name is written as { value, type }\.$/;
    for (const value of ['text', 5, ['text'], null, { text: 'text' }]) {
      const name = { name: 'Name', value } as unknown as ReturnType<typeof attributeOf>;
      await expect(client().locate([name])).rejects.toThrow(written);
      await expect(client().create({ attributes: [name] })).rejects.toThrow(written);
    }
    const state = { name: 'State', value: 'Aktive' } as unknown as ReturnType<typeof attributeOf>;
    await expect(client().locate([state])).rejects.toThrow(/no value 'Aktive'/);
  });

  test('refuses attributes that the version does not have, before anything is sent', async () => {
    const foreign = speaks2
      ? attributeOf('OperationPolicyName', 'default')
      : attributeOf('QuantumSafe', false);
    const before = await client().locate();
    for (const work of [
      () => client().create({ attributes: [foreign] }),
      () => client().getAttributes(before[0]!, [foreign.name]),
      () => client().addAttribute(before[0]!, foreign),
      () => client().locate([foreign]),
    ]) {
      await expect(work()).rejects.toMatchObject({ reason: 'UnsupportedAttribute' });
    }
    expect(await client().locate()).toEqual(before);
  });
});

test.each(since('1.1'))('re-keys a pair and discovers versions in KMIP %s', async (version) => {
  const client = speaking(version);
  const pair = await client.createKeyPair({ lengthBits: 1024 });
  const next = await client.rekeyKeyPair(pair.privateKeyUniqueIdentifier);
  expect(next.publicKeyUniqueIdentifier).not.toBe(pair.publicKeyUniqueIdentifier);
  expect(await client.discoverVersions([{ major: 1, minor: 2 }])).toEqual([{ major: 1, minor: 2 }]);
});

describe.each(since('1.2'))('cryptography in KMIP %s', (version) => {
  const client = () => speaking(version);

  test('encrypts and decrypts', async () => {
    const id = await client().create(active('Encrypt', 'Decrypt'));
    const { data } = await client().encrypt(id, DATA, { parameters: CBC, ivCounterNonce: IV });
    const decipher = createDecipheriv('aes-256-cbc', await keyBytesOf(client(), id), IV);
    expect(Buffer.concat([decipher.update(data), decipher.final()])).toEqual(DATA);
    expect(await client().decrypt(id, data, { parameters: CBC, ivCounterNonce: IV })).toEqual(DATA);
    expect(
      (
        await client().encrypt(id, Buffer.alloc(0), {
          parameters: { blockCipherMode: 'CTR' },
          ivCounterNonce: IV,
        })
      ).data,
    ).toHaveLength(0);
  });

  test('signs, verifies, makes codes and digests', async () => {
    const pair = await client().createKeyPair({
      lengthBits: 1024,
      privateKey: active('Sign'),
      publicKey: active('Verify'),
    });
    const parameters = {
      paddingMethod: 'PKCS1V1_5',
      hashingAlgorithm: 'SHA_256',
      cryptographicAlgorithm: 'RSA',
    } as const;
    const signature = await client().sign(pair.privateKeyUniqueIdentifier, DATA, { parameters });
    const key = createPublicKey({
      key: await keyBytesOf(client(), pair.publicKeyUniqueIdentifier, { keyFormatType: 'PKCS_1' }),
      format: 'der',
      type: 'pkcs1',
    });
    expect(verify('sha256', DATA, key, signature)).toBe(true);
    const { publicKeyUniqueIdentifier: publicKey } = pair;
    expect(await client().verify(publicKey, DATA, signature, { parameters })).toBe(true);
    expect(await client().verify(publicKey, IV, signature, { parameters })).toBe(false);

    const macKey = await client().create({ ...active('MACGenerate', 'MACVerify'), algorithm: 'HMAC_SHA256' });
    const code = await client().mac(macKey, DATA);
    expect(code).toEqual(
      createHmac('sha256', await keyBytesOf(client(), macKey))
        .update(DATA)
        .digest(),
    );
    expect(await client().macVerify(macKey, DATA, code)).toBe(true);
    expect(await client().macVerify(macKey, IV, code)).toBe(false);

    expect(await client().hash('SHA_512', DATA)).toEqual(createHash('sha512').update(DATA).digest());
    expect(await client().rngRetrieve(33)).toHaveLength(33);
    expect(await client().rngSeed(DATA)).toBeGreaterThanOrEqual(0);
  });

  test('splits and joins keys', async () => {
    const id = await client().create();
    const parts = await client().createSplitKey({
      uniqueIdentifier: id,
      parts: 3,
      threshold: 2,
      method: 'PolynomialSharingGF2_8',
    });
    expect(parts).toHaveLength(3);
    const joined = await client().joinSplitKey(parts.slice(1), { name: `joined-${version}` });
    expect((await client().get(joined)).keyBytes).toEqual((await client().get(id)).keyBytes);
  });
});

describe.each(since('1.3'))('data in several parts in KMIP %s', (version) => {
  const client = () => speaking(version);
  const halves = [DATA.subarray(0, 9), DATA.subarray(9)] as const;

  test('are encrypted and decrypted as the whole is, in the order of the calls', async () => {
    const id = await client().create(active('Encrypt', 'Decrypt'));
    const options = { parameters: CBC, ivCounterNonce: IV };
    const whole = (await client().encrypt(id, DATA, options)).data;
    const encryption = client().encryptStream(id, options);
    const outputs = await Promise.all([
      encryption.update(halves[0]),
      encryption.update(halves[1]),
      encryption.final(),
    ]);
    expect(Buffer.concat([outputs[0], outputs[1], outputs[2].data])).toEqual(whole);
    const decryption = client().decryptStream(id, options);
    const begin = await decryption.update(whole.subarray(0, 20));
    expect(Buffer.concat([begin, await decryption.final(whole.subarray(20))])).toEqual(DATA);
    await expect(decryption.update(DATA)).rejects.toMatchObject({ reason: 'InvalidField' });
    expect((await client().encryptStream(id, options).final(DATA)).data).toEqual(whole);
  });

  test('are signed, verified, authenticated and digested as the whole is', async () => {
    const pair = await client().createKeyPair({
      recommendedCurve: 'P_256',
      privateKey: active('Sign'),
      publicKey: active('Verify'),
    });
    const options = { parameters: { hashingAlgorithm: 'SHA_256', cryptographicAlgorithm: 'ECDSA' } } as const;
    const signing = client().signStream(pair.privateKeyUniqueIdentifier, options);
    await signing.update(halves[0]);
    const signature = await signing.final(halves[1]);
    expect(await client().verify(pair.publicKeyUniqueIdentifier, DATA, signature, options)).toBe(true);
    const verification = client().verifyStream(pair.publicKeyUniqueIdentifier, signature, options);
    await verification.update(halves[0]);
    expect(await verification.final(IV)).toBe(false);

    const macKey = await client().create({ ...active('MACGenerate', 'MACVerify'), algorithm: 'HMAC_SHA256' });
    const authentication = client().macStream(macKey);
    await authentication.update(halves[0]);
    const code = await authentication.final(halves[1]);
    expect(code).toEqual(await client().mac(macKey, DATA));
    const macVerification = client().macVerifyStream(macKey, code);
    await macVerification.update(halves[0]);
    expect(await macVerification.final(halves[1])).toBe(true);

    const hashing = client().hashStream('SHA_256');
    expect(await hashing.update(halves[0])).toHaveLength(0);
    expect(await hashing.final(halves[1])).toEqual(createHash('sha256').update(DATA).digest());
  });
});

test('data in several parts are refused in KMIP 1.2, which would take each part for the whole', async () => {
  const client = speaking('1.2');
  const id = await client.create(active('Encrypt'));
  await expect(
    client.encryptStream(id, { parameters: CBC, ivCounterNonce: IV }).update(DATA),
  ).rejects.toMatchObject({
    reason: 'InvalidField',
    message: expect.stringContaining('since 1.3') as string,
  });
});

describe.each(since('1.4'))('KMIP %s', (version) => {
  const client = () => speaking(version);

  test('authenticates what it encrypts', async () => {
    const id = await client().create(active('Encrypt', 'Decrypt'));
    const options = {
      parameters: { blockCipherMode: 'GCM', tagLength: 16 },
      ivCounterNonce: IV.subarray(0, 12),
      additionalData: Buffer.from('header'),
    } as const;
    const { data, tag } = await client().encrypt(id, DATA, options);
    expect(tag).toHaveLength(16);
    expect(await client().decrypt(id, data, { ...options, tag })).toEqual(DATA);
    await expect(
      client().decrypt(id, data, { ...options, tag, additionalData: Buffer.from('other') }),
    ).rejects.toMatchObject({ reason: 'CryptographicFailure' });
    const stream = client().encryptStream(id, options);
    const first = await stream.update(DATA.subarray(0, 5));
    const last = await stream.final(DATA.subarray(5));
    expect(Buffer.concat([first, last.data])).toEqual(data);
    expect(last.tag).toEqual(tag);
  });

  test('signs digests', async () => {
    const pair = await client().createKeyPair({
      recommendedCurve: 'P_256',
      privateKey: active('Sign'),
      publicKey: active('Verify'),
    });
    const parameters = { hashingAlgorithm: 'SHA_256', cryptographicAlgorithm: 'ECDSA' } as const;
    const digest = createHash('sha256').update(DATA).digest();
    const signature = await client().sign(pair.privateKeyUniqueIdentifier, { digest }, { parameters });
    expect(await client().verify(pair.publicKeyUniqueIdentifier, DATA, signature, { parameters })).toBe(true);
  });

  test('exports objects and imports them, wrapped on demand', async () => {
    const { usageMask, attributes: given } = active('WrapKey', 'UnwrapKey');
    const nist = attributeOf('CryptographicParameters', { blockCipherMode: 'NISTKeyWrap' });
    const kek = await client().create({ usageMask, attributes: [...given, nist], name: `kek-${version}` });
    const id = await client().create({ name: `exported-${version}`, ...active('Encrypt', 'Export') });
    const keyWrappingSpecification = {
      wrappingMethod: 'Encrypt',
      encryptionKeyInformation: {
        uniqueIdentifier: kek,
        cryptographicParameters: { blockCipherMode: 'NISTKeyWrap' },
      },
      encodingOption: 'NoEncoding',
    } as const;
    expect(await client().getObject(id, { keyWrappingSpecification })).toMatchObject({
      keyBlock: { keyWrappingData: { wrappingMethod: 'Encrypt' } },
    });
    const { object, attributes } = await client().export(id);
    expect(attributes).toContainEqual({ name: 'CryptographicLength', value: 256 });
    const usage = attributes.filter(({ name }) => name === 'CryptographicUsageMask');
    const imported = await client().import(`imported-${version}`, object!, { attributes: usage });
    expect((await client().get(imported)).keyBytes).toEqual((await client().get(id)).keyBytes);
    await expect(client().import(imported, object!, { attributes: usage })).rejects.toMatchObject({
      name: 'KmipError',
    });
    await client().import(imported, object!, { attributes: usage, replaceExisting: true });
  });
});

describe.each(since('2.0'))('KMIP %s', (version) => {
  const client = () => speaking(version);

  test('sets and adjusts attributes, and deletes one instance of several', async () => {
    const id = await client().create();
    await client().setAttribute(id, attributeOf('Comment', 'first'));
    await client().setAttribute(id, attributeOf('Comment', 'second'));
    expect(await client().getAttributes(id, ['Comment'])).toEqual([{ name: 'Comment', value: 'second' }]);
    await client().setAttribute(id, attributeOf('Sensitive', false));
    await client().adjustAttribute(id, 'Sensitive', 'Negate');
    expect(await client().getAttributes(id, ['Sensitive'])).toEqual([{ name: 'Sensitive', value: true }]);
    const groups = ['a', 'b'].map((group) => attributeOf('ObjectGroup', group));
    await client().addAttributes(id, groups);
    await client().modifyAttribute(id, attributeOf('ObjectGroup', 'c'), groups[1]);
    await client().deleteAttributeInstance(id, groups[0]!);
    expect(await client().getAttributes(id, ['ObjectGroup'])).toEqual([attributeOf('ObjectGroup', 'c')]);
    await expect(client().deleteAttribute(id, 'ObjectGroup', 0)).rejects.toMatchObject({
      reason: 'InvalidField',
    });
  });

  test('logs in, acts by tickets, and logs out', async () => {
    const ticket = await client().login({ leaseTime: { seconds: 30 } });
    const guest = kms.client({ protocolVersion: version }, pki.west);
    const inMyName = guest.withCredential({ type: 'Ticket', value: { ticket } });
    const id = await inMyName.create();
    expect((await client().get(id)).keyBytes).toHaveLength(32);
    const rights = [{ operations: { operations: ['GetAttributes'] as const } }];
    const delegated = await client().delegatedLogin(rights);
    const reader = guest.withCredential({ type: 'Ticket', value: { ticket: delegated } });
    expect(await reader.getAttributes(id, ['State'])).toEqual([{ name: 'State', value: 'PreActive' }]);
    await expect(reader.destroy(id)).rejects.toMatchObject({ name: 'KmipError' });
    await inMyName.logout(ticket);
    await expect(inMyName.get(id)).rejects.toMatchObject({ reason: 'InvalidTicket' });
  });

  test('speaks of the connection itself', async () => {
    await client().withConnection(async (connection) => {
      await connection.log('hello');
      await connection.interop('Begin', 'TC-1');
      expect(await connection.pkcs11({ function: 'C_Initialize' })).toMatchObject({ returnCode: 'OK' });
    });
  });
});

describe('a request that is answered later', () => {
  const asked: RequestPayload<'Create'> = {
    objectType: 'SymmetricKey',
    attributes: [
      attributeOf('CryptographicAlgorithm', 'AES'),
      attributeOf('CryptographicLength', 128),
      attributeOf('CryptographicUsageMask', 12),
    ],
  };

  test('is polled, hurried, and has a result', async () => {
    const client = speaking('2.1');
    const request = await client.submit('Create', asked);
    expect(await request.poll()).toBeUndefined();
    expect(await client.queryAsynchronousRequests([request.correlationValue!])).toMatchObject([
      { operation: 'Create' },
    ]);
    await request.process();
    const { uniqueIdentifier } = await request.result({ everyMs: 5 });
    expect((await client.get(uniqueIdentifier)).lengthBits).toBe(128);
  });

  test('can be canceled, and waited for no longer', async () => {
    const request = await speaking('2.1').submit('Create', asked);
    await expect(request.result({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    });
    expect(await request.cancel()).toBe('Canceled');
    await expect(request.result({ everyMs: 5 })).rejects.toMatchObject({
      reason: 'OperationCanceledByRequester',
    });
  });

  test('has its answer at once if the server does not put it off', async () => {
    const attributes = asked.attributes!;
    const payload = { objectType: 'SymmetricKey', templateAttribute: { attributes } } as const;
    const request = await speaking('1.2').submit('Create', payload);
    expect(request.correlationValue).toBeUndefined();
    expect(await request.poll()).toMatchObject({ objectType: 'SymmetricKey' });
    expect(await request.cancel()).toBe('Completed');
  });
});

test('there is a method for every operation that the server performs', async () => {
  // The operations whose methods have another name.
  const named: Readonly<Record<string, string>> = {
    ReKey: 'rekey',
    ReKeyKeyPair: 'rekeyKeyPair',
    ReCertify: 'recertify',
    SignatureVerify: 'verify',
    MAC: 'mac',
    MACVerify: 'macVerify',
    RNGRetrieve: 'rngRetrieve',
    RNGSeed: 'rngSeed',
    PKCS_11: 'pkcs11',
    // These three belong to the request that submit() returns.
    Poll: 'submit',
    Cancel: 'submit',
    Process: 'submit',
  };
  const client = speaking('2.1') as unknown as Record<string, unknown>;
  for (const operation of Object.keys(OPERATIONS)) {
    const method = named[operation] ?? `${operation.charAt(0).toLowerCase()}${operation.slice(1)}`;
    expect(client[method], operation).toBeTypeOf('function');
  }
  await speaking('2.1').ping();
  expect(await speaking('2.1').setEndpointRole('Server')).toBe('Server');
});

test.each(until('1.1'))(
  'operations that KMIP %s does not have are refused before they are sent',
  async (version) => {
    await expect(speaking(version).hash('SHA_256', DATA)).rejects.toMatchObject({
      reason: 'OperationNotSupported',
      message: expect.stringContaining('since 1.2') as string,
    });
  },
);
