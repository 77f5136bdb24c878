import { beforeAll, describe, expect, test } from 'vitest';

import { KmipError } from '../../kms/client.js';
import type { KmipClient } from '../../kms/client.js';
import type { KmsConfigInput } from '../../kms/config.js';
import { BUILT_IN_POLICIES, OperationPolicies } from '../../kms/server/policies.js';
import { parseKmsConfig } from '../../kms/config.js';
import type { Attribute, ManagedObjectValue, OperationName } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/* Operation policies (KMIP 1.4 §3.18), and what clients learn of objects that are not theirs. */

let pki: TestPki;
beforeAll(async () => {
  pki = await makePki();
});

const config: Partial<KmsConfigInput> = {
  clients: [
    { commonName: 'vc-east', owner: 'east' },
    { commonName: 'vc-west', owner: 'west', groups: ['backup'] },
  ],
};

async function reasonOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error as KmipError).reason,
  );
}

const policyOf = (name: string): Attribute => attributeOf('OperationPolicyName', name);

describe('the default policy of the specification', () => {
  const operations = ['Locate', 'Check', 'Get', 'GetAttributes', 'GetAttributeList', 'ObtainLease'] as const;
  const ownerOnly = [
    'AddAttribute',
    'ModifyAttribute',
    'DeleteAttribute',
    'Activate',
    'Revoke',
    'Destroy',
    'Archive',
    'Recover',
  ] as const;
  const policies = new OperationPolicies(
    parseKmsConfig({ ...config, tls: { certificatePem: 'x', privateKeyPem: 'x' } }),
  );
  const stranger = { name: 'w', owner: 'west', groups: [] };
  const allows = (
    objectType: 'SymmetricKey' | 'Certificate' | 'PublicKey',
    operation: OperationName,
    owner: string,
  ) => policies.allows(stranger, operation, { owner, objectType, operationPolicyName: undefined });

  test.each(['SymmetricKey', 'Certificate', 'PublicKey'] as const)('for a %s', (objectType) => {
    const open = objectType !== 'SymmetricKey';
    for (const operation of operations) expect(allows(objectType, operation, 'east'), operation).toBe(open);
    for (const operation of ownerOnly) expect(allows(objectType, operation, 'east'), operation).toBe(false);
    for (const operation of [...operations, ...ownerOnly])
      expect(allows(objectType, operation, 'west'), operation).toBe(true);
  });

  test('is one of three that need no configuration', () => {
    expect(Object.keys(BUILT_IN_POLICIES)).toEqual(['default', 'public', 'private']);
    expect(policies.names()).toEqual(['default', 'public', 'private']);
  });
});

describe('of another’s key, a client', () => {
  /** Every operation on one object that changes nothing for others. */
  const attempts = (
    client: KmipClient,
    uniqueIdentifier: string,
  ): Readonly<Record<string, () => Promise<unknown>>> => ({
    Get: () => client.perform('Get', { uniqueIdentifier }),
    GetAttributes: () => client.getAttributes(uniqueIdentifier),
    GetAttributeList: () => client.getAttributeList(uniqueIdentifier),
    AddAttribute: () => client.addAttribute(uniqueIdentifier, attributeOf('Comment', 'mine')),
    ModifyAttribute: () => client.modifyAttribute(uniqueIdentifier, attributeOf('Comment', 'mine')),
    DeleteAttribute: () => client.deleteAttribute(uniqueIdentifier, 'Comment'),
    Check: () => client.perform('Check', { uniqueIdentifier }),
    ObtainLease: () => client.perform('ObtainLease', { uniqueIdentifier }),
    Activate: () => client.activate(uniqueIdentifier),
    Revoke: () => client.revoke(uniqueIdentifier, 'KeyCompromise'),
    Archive: () => client.perform('Archive', { uniqueIdentifier }),
    Recover: () => client.perform('Recover', { uniqueIdentifier }),
    Destroy: () => client.destroy(uniqueIdentifier),
  });

  test('learns nothing: the answers are those for what is not there', async () => {
    await using kms = await startKms(pki, config);
    const id = await kms.client().create();
    const west = kms.client({}, pki.west);
    const none = '00000000-0000-4000-8000-000000000000';
    for (const [name, attempt] of Object.entries(attempts(west, id))) {
      const foreign: unknown = await attempt().catch((error: unknown) => error);
      const missing: unknown = await attempts(west, none)[name]!().catch((error: unknown) => error);
      expect(foreign, name).toBeInstanceOf(KmipError);
      expect(foreign, name).toMatchObject({ reason: 'ItemNotFound' });
      expect((foreign as Error).message).toBe((missing as Error).message.replace(none, id));
    }
    expect(await west.locate()).toEqual([]);
    expect((await kms.client().get(id)).keyBytes).toHaveLength(32);
  });

  test('is told Permission Denied where the configuration says so', async () => {
    await using kms = await startKms(pki, { ...config, foreignObjects: 'denied' });
    const id = await kms.client().create();
    const west = kms.client({}, pki.west);
    expect(await reasonOf(west.get(id))).toBe('PermissionDenied');
    expect(await reasonOf(west.get('nothing'))).toBe('ItemNotFound');
  });
});

describe('a policy of the configuration', () => {
  const backup = {
    ...config,
    policies: {
      backup: [
        { objectTypes: ['SymmetricKey'], operations: ['Get', 'Locate'], allow: ['group:backup', 'owner'] },
        { operations: ['Destroy'], allow: [] },
      ],
    },
  } satisfies Partial<KmsConfigInput>;

  async function keyUnder(kms: TestKms, policy: string): Promise<string> {
    return kms.client().create({ name: `under ${policy}`, attributes: [policyOf(policy)] });
  }

  test('opens operations to a group, and to nobody else', async () => {
    await using kms = await startKms(pki, backup);
    const id = await keyUnder(kms, 'backup');
    const west = kms.client({}, pki.west);
    expect((await west.get(id)).keyBytes).toEqual((await kms.client().get(id)).keyBytes);
    expect(await west.locate()).toEqual([id]);
    // What it may see, it may be told that it may not change.
    expect(await reasonOf(west.activate(id))).toBe('PermissionDenied');
    const third = await pki.authority.issueClient({ commonName: 'vc-third' });
    expect(await reasonOf(kms.client({}, third).get(id))).toBe('ItemNotFound');
  });

  test('may forbid something to everyone, the owner as well', async () => {
    await using kms = await startKms(pki, backup);
    const id = await keyUnder(kms, 'backup');
    expect(await reasonOf(kms.client().destroy(id))).toBe('PermissionDenied');
    expect(await reasonOf(kms.client().activate(id))).toBe('done');
  });

  test('may replace a built-in one', async () => {
    await using kms = await startKms(pki, {
      ...config,
      policies: { default: [{ operations: ['Get'], allow: ['everyone'] }] },
    });
    const id = await kms.client().create();
    const west = kms.client({}, pki.west);
    expect(await reasonOf(west.get(id))).toBe('done');
    expect(await west.locate()).toEqual([]);
  });
});

describe('a client that may change another’s object', () => {
  const shared = {
    ...config,
    policies: { shared: [{ allow: ['everyone'] }] },
  } satisfies Partial<KmsConfigInput>;

  /** Objects `first` and `second` of one client, the second open to the other, which has a `third`. */
  async function objectsOfTwo(kms: TestKms): Promise<{ second: string; west: KmipClient }> {
    await kms.client().create({ name: 'first' });
    const second = await kms.client().create({ name: 'second', attributes: [policyOf('shared')] });
    const west = kms.client({}, pki.west);
    await west.create({ name: 'third' });
    return { second, west };
  }

  const named = (value: string) => attributeOf('Name', { value, type: 'UninterpretedTextString' });

  test('cannot give it a name that its owner has elsewhere, and is not told where', async () => {
    await using kms = await startKms(pki, shared);
    const { second, west } = await objectsOfTwo(kms);
    const refused = /'first' belongs to another object/;
    await expect(west.modifyAttribute(second, named('first'))).rejects.toThrow(refused);
    await expect(west.addAttributes(second, [named('first')])).rejects.toThrow(refused);
    await west.modifyAttribute(second, named('third'));
    expect(await kms.client().locate([named('third')])).toEqual([second]);
  });

  test('cannot replace it by an object of its own that would have a name of another of its own', async () => {
    await using kms = await startKms(pki, shared);
    const { second, west } = await objectsOfTwo(kms);
    await west.modifyAttribute(second, named('third'));
    await expect(west.rekey(second)).rejects.toThrow(/'third' belongs to object/);
    await west.modifyAttribute(second, named('fourth'));
    const replacement = await west.rekey(second);
    expect(await west.locate([named('fourth')])).toEqual([replacement]);
  });
});

test('certificates are open to all by the default policy, and are located among one’s own', async () => {
  await using kms = await startKms(pki, config);
  const pem = pki.server.certificatePem.split('-----')[2]!;
  const certificate: ManagedObjectValue = {
    objectType: 'Certificate',
    certificateType: 'X_509',
    certificateValue: Buffer.from(pem, 'base64'),
  };
  const foreign = await kms.client().register(certificate);
  const hidden = await kms.client().register(certificate, { attributes: [policyOf('private')] });
  const west = kms.client({}, pki.west);
  const own = await west.create();
  expect(await west.locate()).toEqual([own, foreign]);
  expect(await west.locate([attributeOf('ObjectType', 'SymmetricKey')])).toEqual([own]);
  expect(await west.locate([attributeOf('ObjectType', 'Certificate')])).toEqual([foreign]);
  expect(await west.getObject(foreign)).toMatchObject({ objectType: 'Certificate' });
  expect(await reasonOf(west.getObject(hidden))).toBe('ItemNotFound');
  expect(await reasonOf(west.destroy(foreign))).toBe('PermissionDenied');
});
