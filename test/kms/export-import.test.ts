import { X509Certificate } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import type { Attribute, KeyBlock, ManagedObjectValue, RequestPayload } from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let source: TestKms;
let target: TestKms;

beforeAll(async () => {
  pki = await makePki();
  [source, target] = await Promise.all([startKms(pki), startKms(pki)]);
});
afterAll(async () => {
  await source[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

type ImportRequest = RequestPayload<'Import'>;

function imported(
  client: KmipClient,
  uniqueIdentifier: string,
  object: ManagedObjectValue,
  attributes: readonly Attribute[],
  rest: Partial<ImportRequest> = {},
): Promise<string> {
  const { objectType } = object;
  const payload = { uniqueIdentifier, objectType, object, attributes, attributesStructure: attributes };
  return client.perform('Import', { ...payload, ...rest }).then((answer) => answer.uniqueIdentifier);
}

const AES_KEY: Extract<ManagedObjectValue, { objectType: 'SymmetricKey' }> = {
  objectType: 'SymmetricKey',
  keyBlock: {
    keyFormatType: 'Raw',
    keyValue: { keyMaterial: Buffer.alloc(16, 5) },
    cryptographicAlgorithm: 'AES',
    cryptographicLength: 128,
  },
};

describe.each(['1.4', '2.1'] as const)('in KMIP %s', (protocolVersion) => {
  test('what one server exports another imports: the key, its identifier and all of its attributes', async () => {
    const [from, to] = [source.client({ protocolVersion }), target.client({ protocolVersion })];
    const id = await from.create({ name: `exported ${protocolVersion}` });
    await from.activate(id);
    await from.revoke(id, 'KeyCompromise', 'lost');
    const exported = await from.perform('Export', { uniqueIdentifier: id });
    const attributes = exported.attributesStructure ?? exported.attributes ?? [];
    expect(attributes.length).toBeGreaterThan(15);
    expect(await imported(to, id, exported.object!, attributes)).toBe(id);

    const again = await to.perform('Export', { uniqueIdentifier: id });
    expect(again.object).toEqual(exported.object);
    const byName = (list: readonly Attribute[] = []) => new Map(list.map(({ name, value }) => [name, value]));
    expect(byName(again.attributesStructure ?? again.attributes)).toEqual(
      byName(attributes).set('Fresh', true),
    );
  });

  test('a destroyed object is exported without itself', async () => {
    const client = source.client({ protocolVersion });
    const id = await client.create();
    await client.destroy(id);
    const { object, attributes, attributesStructure } = await client.perform('Export', {
      uniqueIdentifier: id,
    });
    expect(object).toBeUndefined();
    expect(attributesStructure ?? attributes).toContainEqual({ name: 'State', value: 'Destroyed' });
  });

  test('an identifier that there is already is refused, unless it is to be replaced', async () => {
    const client = target.client({ protocolVersion });
    const id = `replaced ${protocolVersion}`;
    const named = attributeOf('Name', { value: id, type: 'UninterpretedTextString' });
    await imported(client, id, AES_KEY, [named]);
    await expect(imported(client, id, AES_KEY, [named])).rejects.toMatchObject({
      reason: 'ObjectAlreadyExists',
    });
    await imported(client, id, AES_KEY, [named, attributeOf('Comment', 'second')], { replaceExisting: true });
    expect(await client.getAttributes(id, ['Comment', 'Name'])).toEqual([
      attributeOf('Comment', 'second'),
      named,
    ]);
  });
});

describe('an identifier that another owner’s object has', () => {
  const OTHER_KEY: ManagedObjectValue = {
    objectType: 'SymmetricKey',
    keyBlock: { ...AES_KEY.keyBlock, keyValue: { keyMaterial: Buffer.alloc(16, 6) } },
  };
  const certificate = (): ManagedObjectValue => ({
    objectType: 'Certificate',
    certificateType: 'X_509',
    certificateValue: new X509Certificate(pki.west.certificatePem).raw,
  });

  test.each([false, true])(
    'is neither told nor replaced: another one is assigned, with Replace Existing %s',
    async (replaceExisting) => {
      await using kms = await startKms(pki, { ownerPolicy: 'per-client' });
      const [east, west] = [kms.client(), kms.client({}, pki.west)];
      await imported(east, 'theirs', AES_KEY, []);
      const named = [attributeOf('UniqueIdentifier', 'theirs')];
      const id = await imported(west, 'theirs', OTHER_KEY, named, { replaceExisting });
      expect(id).not.toBe('theirs');
      expect(await west.getObject(id)).toEqual(OTHER_KEY);
      expect(await east.getObject('theirs')).toEqual(AES_KEY);
      await expect(west.get('theirs')).rejects.toMatchObject({ reason: 'ItemNotFound' });
    },
  );

  test('is told of what a policy opens to the client, and where others’ objects are no secret', async () => {
    await using kms = await startKms(pki, { ownerPolicy: 'per-client' });
    await imported(kms.client(), 'seen', certificate(), []);
    await using open = await startKms(pki, { ownerPolicy: 'per-client', foreignObjects: 'denied' });
    await imported(open.client(), 'seen', AES_KEY, []);
    for (const one of [kms, open])
      await expect(imported(one.client({}, pki.west), 'seen', AES_KEY, [])).rejects.toMatchObject({
        reason: 'ObjectAlreadyExists',
      });
  });

  test('cannot be tried out where all identifiers are assigned', async () => {
    await using kms = await startKms(pki, { ownerPolicy: 'per-client', importedIdentifiers: 'assigned' });
    const [east, west] = [kms.client(), kms.client({}, pki.west)];
    const theirs = await imported(east, 'free', AES_KEY, []);
    const mine = [await imported(west, theirs, AES_KEY, []), await imported(west, 'free', AES_KEY, [])];
    expect(new Set([theirs, 'free', ...mine]).size).toBe(4);
    const comment = attributeOf('Comment', 'second');
    expect(await imported(west, mine[0]!, AES_KEY, [comment], { replaceExisting: true })).toBe(mine[0]);
    expect(await west.getAttributes(mine[0]!, ['Comment'])).toEqual([comment]);
  });
});

describe.each(['1.4', '2.1'] as const)('in KMIP %s, what is known to be compromised', (protocolVersion) => {
  const invalid = protocolVersion === '2.1' ? 'InvalidAttributeValue' : 'InvalidField';
  /** A key that was compromised before now, as the time of the server tells it. */
  async function compromised(client: KmipClient): Promise<{ id: string; attributes: readonly Attribute[] }> {
    const id = await client.create({ attributes: [attributeOf('ActivationDate', 1000)] });
    await client.revoke(id, 'KeyCompromise', 'lost', 2000);
    const { attributes, attributesStructure } = await client.perform('Export', { uniqueIdentifier: id });
    return { id, attributes: attributesStructure ?? attributes ?? [] };
  }
  const replace = { replaceExisting: true } as const;
  const without = (attributes: readonly Attribute[], ...names: string[]) =>
    attributes.filter(({ name }) => !names.includes(name));
  const stateOf = async (client: KmipClient, id: string) =>
    (await client.getAttributes(id, ['State'])).map(({ value }) => value);

  test('stays so when it is replaced', async () => {
    const client = target.client({ protocolVersion });
    const { id, attributes } = await compromised(client);
    for (const kept of [
      [],
      [attributeOf('ActivationDate', 1000)],
      without(attributes, 'CompromiseOccurrenceDate'),
      without(attributes, 'CompromiseDate', 'CompromiseOccurrenceDate', 'State', 'RevocationReason'),
      [...without(attributes, 'CompromiseOccurrenceDate'), attributeOf('CompromiseOccurrenceDate', 2001)],
    ]) {
      await expect(imported(client, id, AES_KEY, kept, replace)).rejects.toMatchObject({ reason: invalid });
      expect(await stateOf(client, id)).toEqual(['Compromised']);
    }
    expect(await imported(client, id, AES_KEY, attributes, replace)).toBe(id);
    expect(await stateOf(client, id)).toEqual(['Compromised']);
  });

  test('is not brought back once it is destroyed', async () => {
    const client = target.client({ protocolVersion });
    const { id, attributes } = await compromised(client);
    await client.destroy(id);
    for (const given of [[], without(attributes, 'UniqueIdentifier')])
      await expect(imported(client, id, AES_KEY, given, replace)).rejects.toMatchObject({
        reason: 'PermissionDenied',
      });
    expect(await stateOf(client, id)).toEqual(['DestroyedCompromised']);
  });

  test.each([
    ['Compromise Occurrence Date', [attributeOf('CompromiseOccurrenceDate', 2000)]],
    ['Revocation Reason', [attributeOf('RevocationReason', { code: 'KeyCompromise' })]],
    ['Destroy Date', [attributeOf('DestroyDate', 2000)]],
  ])('is not imported as if it were usable: %s alone', async (_name, attributes) => {
    const client = target.client({ protocolVersion });
    await expect(imported(client, 'half told', AES_KEY, attributes)).rejects.toMatchObject({
      reason: invalid,
    });
  });
});

test('a wrapped object is stored as it comes, or unwrapped', async () => {
  const client = target.client();
  const parameters = { blockCipherMode: 'NISTKeyWrap' } as const;
  const kek = await client.create({
    usageMask: cryptographicUsageMask('WrapKey', 'UnwrapKey'),
    attributes: [
      attributeOf('CryptographicParameters', parameters),
      attributeOf('ActivationDate', Math.floor(target.clock.now() / 1000) - 10),
    ],
  });
  const id = await client.create();
  const { keyBytes } = await client.get(id);
  const { object } = await client.perform('Export', {
    uniqueIdentifier: id,
    keyWrappingSpecification: {
      wrappingMethod: 'Encrypt',
      encryptionKeyInformation: { uniqueIdentifier: kek },
    },
  });
  await imported(client, 'as it comes', object!, []);
  expect(await client.getObject('as it comes')).toEqual(object);
  await imported(client, 'opened', object!, [], { keyWrapType: 'NotWrapped' });
  expect((await client.get('opened')).keyBytes).toEqual(keyBytes);

  const { keyBlock } = object as { keyBlock: KeyBlock };
  const keyWrappingData = {
    ...keyBlock.keyWrappingData!,
    encryptionKeyInformation: { uniqueIdentifier: 'nothing' },
  };
  const orphan = { objectType: 'SymmetricKey', keyBlock: { ...keyBlock, keyWrappingData } } as const;
  const opening = imported(client, 'orphan', orphan, [], { keyWrapType: 'NotWrapped' });
  await expect(opening).rejects.toMatchObject({ reason: 'ItemNotFound' });
});

describe('Import is refused', () => {
  test.each<[string, readonly Attribute[], Partial<ImportRequest>]>([
    ['if the Object Type is not that of the object', [], { objectType: 'SecretData' }],
    ['if attribute and field give different identifiers', [attributeOf('UniqueIdentifier', 'another')], {}],
    ['if no date explains the State', [attributeOf('State', 'Active')], {}],
    ['for a destroyed object', [attributeOf('State', 'Destroyed')], {}],
    ['for an identifier that nobody can read', [], { uniqueIdentifier: 'a\u0000b' }],
  ])('%s', async (_name, attributes, rest) => {
    await expect(imported(target.client(), 'refused', AES_KEY, attributes, rest)).rejects.toMatchObject({
      reason: 'InvalidField',
    });
  });

  test('if a Name is taken, or given to what has none of it', async () => {
    const client = target.client();
    const name = { value: 'taken', type: 'UninterpretedTextString' } as const;
    await client.create({ name: 'taken' });
    await expect(imported(client, 'x', AES_KEY, [attributeOf('Name', name)])).rejects.toMatchObject({
      reason: 'InvalidField',
    });
    const type = attributeOf('CertificateType', 'X_509');
    await expect(imported(client, 'x', AES_KEY, [type])).rejects.toMatchObject({
      reason: 'PermissionDenied',
    });
  });
});

test('Create makes Secret Data from KMIP 1.4', async () => {
  const attributes = [attributeOf('CryptographicLength', 80)];
  const request = { objectType: 'SecretData', attributes, templateAttribute: { attributes } } as const;
  const client = source.client({ protocolVersion: '2.1' });
  const { uniqueIdentifier } = await client.perform('Create', request);
  const object = (await client.getObject(uniqueIdentifier)) as Extract<
    ManagedObjectValue,
    { objectType: 'SecretData' }
  >;
  expect(object).toMatchObject({ secretDataType: 'Password', keyBlock: { keyFormatType: 'Opaque' } });
  expect((object.keyBlock.keyValue as { keyMaterial: Buffer }).keyMaterial).toHaveLength(10);
  await expect(source.client({ protocolVersion: '1.3' }).perform('Create', request)).rejects.toMatchObject({
    reason: 'InvalidField',
  });
});

test('a name may be imported once, and again only where nobody else has it since', async () => {
  await using own = await startKms(pki);
  const client = own.client();
  const name = attributeOf('Name', { value: 'name', type: 'UninterpretedTextString' });
  await expect(imported(client, 'twice', AES_KEY, [name, name])).rejects.toThrow(/given twice/);
  await imported(client, 'former', AES_KEY, [name]);
  await imported(client, 'former', AES_KEY, [name], { replaceExisting: true });
  await client.destroy('former');
  await client.create({ name: 'name' });
  await expect(imported(client, 'former', AES_KEY, [name], { replaceExisting: true })).rejects.toThrow(
    /'name' belongs to object/,
  );
});
