import { createPublicKey, sign, verify } from 'node:crypto';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import type { KmipClient } from '../../kms/client.js';
import { KmipError } from '../../kms/client.js';
import { privateKeyOf, publicKeyOf } from '../../kms/keys/key-object.js';
import type { Attribute, NameIn } from '../../wire/kmip/index.js';
import { PROTOCOL_VERSIONS, attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/** The time of the server, which stands still: dates are compared by the second. */
const NOW_MS = Date.parse('2026-03-01T12:00:00.900Z');
const NOW_SECONDS = Math.floor(NOW_MS / 1000);

let pki: TestPki;
let kms: TestKms;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, {}, { clock: new AdjustableClock({ now: () => NOW_MS }) });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

type Algorithm = NameIn<'CryptographicAlgorithm'>;

/** A Create Key Pair payload in the forms of 1.x and 2.x together; each version takes its own. */
function pairPayload(
  common: readonly Attribute[],
  ofPrivate: readonly Attribute[] = [],
  ofPublic: readonly Attribute[] = [],
) {
  const privateKey = [attributeOf('CryptographicUsageMask', cryptographicUsageMask('Sign')), ...ofPrivate];
  const publicKey = [attributeOf('CryptographicUsageMask', cryptographicUsageMask('Verify')), ...ofPublic];
  return {
    commonTemplateAttribute: { attributes: common },
    privateKeyTemplateAttribute: { attributes: privateKey },
    publicKeyTemplateAttribute: { attributes: publicKey },
    commonAttributes: common,
    privateKeyAttributes: privateKey,
    publicKeyAttributes: publicKey,
  };
}

async function createPair(client: KmipClient, ...payload: Parameters<typeof pairPayload>) {
  const answer = await client.perform('CreateKeyPair', pairPayload(...payload));
  return [answer.privateKeyUniqueIdentifier, answer.publicKeyUniqueIdentifier] as const;
}

async function valuesOf(client: KmipClient, id: string, ...names: string[]): Promise<unknown[]> {
  return (await client.getAttributes(id, names)).map(({ value }) => value);
}

function kind(algorithm: Algorithm, lengthBits?: number, curve?: NameIn<'RecommendedCurve'>): Attribute[] {
  return [
    attributeOf('CryptographicAlgorithm', algorithm),
    ...(lengthBits === undefined ? [] : [attributeOf('CryptographicLength', lengthBits)]),
    ...(curve === undefined
      ? []
      : [attributeOf('CryptographicDomainParameters', { recommendedCurve: curve })]),
  ];
}

async function reasonOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(KmipError);
  return (error as KmipError).reason;
}

describe.each(PROTOCOL_VERSIONS)('in KMIP %s', (protocolVersion) => {
  test('a pair is two linked objects, whose halves belong together', async () => {
    const client = kms.client({ protocolVersion });
    const [privateId, publicId] = await createPair(client, kind('RSA', 1024));
    expect(
      await valuesOf(
        client,
        privateId,
        'ObjectType',
        'Link',
        'CryptographicAlgorithm',
        'CryptographicLength',
        'CryptographicUsageMask',
      ),
    ).toEqual(['PrivateKey', { type: 'PublicKeyLink', linkedObjectIdentifier: publicId }, 'RSA', 1024, 1]);
    expect(await valuesOf(client, publicId, 'ObjectType', 'Link', 'CryptographicUsageMask')).toEqual([
      'PublicKey',
      { type: 'PrivateKeyLink', linkedObjectIdentifier: privateId },
      2,
    ]);
    const message = Buffer.from('message');
    const signature = sign('sha256', message, privateKeyOf(await client.getObject(privateId)));
    expect(verify('sha256', message, publicKeyOf(await client.getObject(publicId)), signature)).toBe(true);
  });

  test.skipIf(protocolVersion === '1.0')(
    'a re-keyed pair takes over names and attributes, and all four objects are linked',
    async () => {
      const client = kms.client({ protocolVersion });
      const name = { value: `pair-${protocolVersion}`, type: 'UninterpretedTextString' } as const;
      const activation = NOW_SECONDS - 100;
      const [oldPrivate, oldPublic] = await createPair(
        client,
        [...kind('ECDSA', 256), attributeOf('ActivationDate', activation)],
        [attributeOf('Name', name), attributeOf('ContactInformation', 'someone')],
      );
      const answer = await client.perform('ReKeyKeyPair', {
        privateKeyUniqueIdentifier: oldPrivate,
        offset: 3600,
      });
      const [newPrivate, newPublic] = [answer.privateKeyUniqueIdentifier, answer.publicKeyUniqueIdentifier];
      expect(await client.locate([attributeOf('Name', name)])).toEqual([newPrivate]);
      expect(
        await valuesOf(
          client,
          newPrivate,
          'ContactInformation',
          'ActivationDate',
          'CryptographicAlgorithm',
          'State',
        ),
      ).toEqual(['someone', NOW_SECONDS + 3600, 'ECDSA', 'PreActive']);
      const links = async (id: string) =>
        Object.fromEntries(
          (await valuesOf(client, id, 'Link')).map(
            (link) => Object.values(link as object) as [string, string],
          ),
        );
      expect(await links(oldPrivate)).toEqual({
        PublicKeyLink: oldPublic,
        ReplacementObjectLink: newPrivate,
      });
      expect(await links(oldPublic)).toEqual({
        PrivateKeyLink: oldPrivate,
        ReplacementObjectLink: newPublic,
      });
      expect(await links(newPrivate)).toEqual({ PublicKeyLink: newPublic, ReplacedObjectLink: oldPrivate });
      expect(await links(newPublic)).toEqual({ PrivateKeyLink: newPrivate, ReplacedObjectLink: oldPublic });
      const [before, after] = [await client.getObject(oldPublic), await client.getObject(newPublic)].map(
        publicKeyOf,
      );
      expect(before!.equals(after!)).toBe(false);
      expect(createPublicKey(privateKeyOf(await client.getObject(newPrivate))).equals(after!)).toBe(true);
    },
  );
});

describe('Create Key Pair', () => {
  test.each([
    [kind('RSA'), 2048, 'PKCS_1'],
    [kind('EC'), 256, 'TransparentECPrivateKey'],
    [kind('ECDSA', 384), 384, 'TransparentECPrivateKey'],
    [kind('ECDH', undefined, 'P_521'), 521, 'TransparentECPrivateKey'],
    [kind('EC', undefined, 'BRAINPOOLP256R1'), 256, 'TransparentECPrivateKey'],
    [kind('EC', 283, 'K_283'), 283, 'TransparentECPrivateKey'],
    [kind('ECDH', undefined, 'CURVE25519'), 256, 'PKCS_8'],
    [kind('Ed25519'), 256, 'PKCS_8'],
    [kind('Ed448'), 456, 'PKCS_8'],
    [kind('DSA', 1024), 1024, 'TransparentDSAPrivateKey'],
    [kind('DH', 2048), 2048, 'TransparentDHPrivateKey'],
  ] as const)('makes %j', async (attributes, lengthBits, format) => {
    const client = kms.client({ protocolVersion: '2.1' });
    const [privateId, publicId] = await createPair(client, attributes);
    expect(await valuesOf(client, privateId, 'CryptographicLength', 'KeyFormatType')).toEqual([
      lengthBits,
      format,
    ]);
    const [privateKey, publicKey] = [await client.getObject(privateId), await client.getObject(publicId)];
    expect(publicKeyOf(privateKey).equals(publicKeyOf(publicKey))).toBe(true);
    const [algorithm] = await valuesOf(client, publicId, 'CryptographicAlgorithm');
    expect(privateKey).toMatchObject({ keyBlock: { cryptographicAlgorithm: algorithm } });
  });

  test('keeps the pair in the Key Format Type that 2.x asks for', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const [privateId] = await createPair(client, kind('EC'), [attributeOf('KeyFormatType', 'ECPrivateKey')]);
    expect(await client.getObject(privateId)).toMatchObject({ keyBlock: { keyFormatType: 'ECPrivateKey' } });
    expect(await reasonOf(createPair(client, kind('EC'), [attributeOf('KeyFormatType', 'PKCS_1')]))).toBe(
      'KeyFormatTypeNotSupported',
    );
  });

  test.each([
    ['AES', kind('AES', 256), 'CryptographicFailure'],
    ['RSA of 1000 bits', kind('RSA', 1000), 'InvalidField'],
    ['RSA of 65536 bits', kind('RSA', 65_536), 'InvalidField'],
    ['P_256 of 384 bits', kind('EC', 384, 'P_256'), 'InvalidField'],
    ['a curve of no known length', kind('EC', 257), 'InvalidField'],
    ['no algorithm', [], 'InvalidField'],
    [
      'one name for both halves',
      [...kind('EC'), attributeOf('Name', { value: 'both', type: 'UninterpretedTextString' })],
      'InvalidField',
    ],
  ] as const)('refuses %s and leaves nothing behind', async (_what, attributes, reason) => {
    await using other = await startKms(pki);
    const client = other.client();
    expect(await reasonOf(createPair(client, attributes))).toBe(reason);
    expect(await client.locate()).toEqual([]);
  });

  test('refuses halves of different kinds', async () => {
    const client = kms.client();
    const halves = createPair(client, [], kind('EC', 256), kind('RSA', 2048));
    expect(await reasonOf(halves)).toBe('InvalidField');
  });

  test('fills the ID Placeholder, and the names of 2.x, with the right half', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const results = await client.request([
      { operation: 'CreateKeyPair', payload: pairPayload(kind('EC')) },
      { operation: 'Activate', payload: {} },
      { operation: 'Activate', payload: { uniqueIdentifier: { of: 'CreateKeyPairPublicKey' } } },
      {
        operation: 'GetAttributes',
        payload: { uniqueIdentifier: { index: 0 }, attributeReferences: ['ObjectType', 'State'] },
      },
      {
        operation: 'GetAttributes',
        payload: { uniqueIdentifier: { index: 1 }, attributeReferences: ['ObjectType', 'State'] },
      },
    ]);
    expect(results.map(({ error }) => error)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    const told = results
      .slice(3)
      .map(({ payload }) =>
        (payload as { attributesStructure: Attribute[] }).attributesStructure.map(({ value }) => value),
      );
    expect(told).toEqual([
      ['PrivateKey', 'Active'],
      ['PublicKey', 'Active'],
    ]);
  });
});

test('Re-key Key Pair refuses what is no private key, or is not linked', async () => {
  const client = kms.client();
  const aes = await client.create();
  expect(await reasonOf(client.perform('ReKeyKeyPair', { privateKeyUniqueIdentifier: aes }))).toBe(
    'IllegalOperation',
  );
  const [privateId] = await createPair(client, kind('EC'));
  await client.deleteAttribute(privateId, 'Link');
  expect(await reasonOf(client.perform('ReKeyKeyPair', { privateKeyUniqueIdentifier: privateId }))).toBe(
    'InvalidField',
  );
});
