import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import type { Attribute, AttributeName, ProtocolVersionName } from '../../wire/kmip/index.js';
import { ATTRIBUTES, attributeOf, existsIn, rankOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/*
 * The attribute rules of KMIP 1.4 §3 and KMIP 2.1 §4, attribute by attribute on a live server: who sets it, whether a
 * client may modify or delete it, and whether it has several values.
 */

/** One row of the specification's tables; samples are values that a Symmetric Key may have. */
interface RuleRow {
  readonly name: AttributeName;
  /** Whether a client may be the first to set it, beside creation: "Initially set by". */
  readonly client: boolean;
  readonly modifiable: boolean;
  readonly deletable: boolean;
  readonly multiple: boolean;
  /** Two different values; one for what only the server sets. */
  readonly samples: readonly unknown[];
}

const FUTURE = 4_000_000_000;
const row = (
  name: AttributeName,
  rules: `${'client' | 'server'} ${'modifiable' | 'fixed'} ${'deletable' | 'kept'} ${'multiple' | 'single'}`,
  ...samples: unknown[]
): RuleRow => ({
  name,
  client: rules.startsWith('client'),
  modifiable: rules.includes('modifiable'),
  deletable: rules.includes('deletable'),
  multiple: rules.endsWith('multiple'),
  samples,
});
const text = (value: string, type = 'UninterpretedTextString') => ({ value, type });

const ROWS: readonly RuleRow[] = [
  row('UniqueIdentifier', 'server fixed kept single', 'id'),
  row('Name', 'client modifiable deletable multiple', text('one'), text('two')),
  row('ObjectType', 'server fixed kept single', 'PublicKey'),
  row('CryptographicAlgorithm', 'server fixed kept single', 'DES3'),
  row('CryptographicLength', 'server fixed kept single', 128),
  row(
    'CryptographicParameters',
    'client modifiable deletable multiple',
    { blockCipherMode: 'CBC' },
    { blockCipherMode: 'GCM', tagLength: 16 },
  ),
  row('CryptographicUsageMask', 'server fixed kept single', 4),
  row('Digest', 'server fixed kept multiple', { hashingAlgorithm: 'SHA_1', keyFormatType: 'Raw' }),
  row('OperationPolicyName', 'server fixed kept single', 'public'),
  row('LeaseTime', 'server fixed kept single', 5),
  row(
    'UsageLimits',
    'client modifiable deletable single',
    { total: 10n, count: 10n, unit: 'Byte' },
    { total: 20n, count: 20n, unit: 'Object' },
  ),
  row('State', 'server fixed kept single', 'Active'),
  row('InitialDate', 'server fixed kept single', 5),
  row('ActivationDate', 'client modifiable kept single', FUTURE, FUTURE + 1),
  row('ProcessStartDate', 'client modifiable kept single', FUTURE, FUTURE + 1),
  row('ProtectStopDate', 'client modifiable kept single', FUTURE, FUTURE + 1),
  row('DeactivationDate', 'client modifiable kept single', FUTURE, FUTURE + 1),
  row('DestroyDate', 'server fixed kept single', 5),
  row('CompromiseOccurrenceDate', 'server fixed kept single', 5),
  row('CompromiseDate', 'server fixed kept single', 5),
  row('RevocationReason', 'server fixed kept single', { code: 'Unspecified' }),
  row('ArchiveDate', 'server fixed kept single', 5),
  row('ObjectGroup', 'client modifiable deletable multiple', 'red', 'blue'),
  row('Fresh', 'server fixed kept single', true),
  row(
    'Link',
    'client modifiable deletable multiple',
    { type: 'ParentLink', linkedObjectIdentifier: 'a' },
    { type: 'ChildLink', linkedObjectIdentifier: 'b' },
  ),
  row(
    'ApplicationSpecificInformation',
    'client modifiable deletable multiple',
    { applicationNamespace: 'ssl', applicationData: 'a' },
    { applicationNamespace: 'ssl', applicationData: 'b' },
  ),
  row('ContactInformation', 'client modifiable deletable single', 'Fred', 'Wilma'),
  row('LastChangeDate', 'server fixed kept single', 5),
  row('AlternativeName', 'client modifiable deletable multiple', text('u:1', 'URI'), text('u:2', 'URI')),
  row('KeyValuePresent', 'server fixed kept single', true),
  row('KeyValueLocation', 'client modifiable deletable multiple', text('u:1', 'URI'), text('u:2', 'URI')),
  row('OriginalCreationDate', 'client fixed kept single', 5),
  row('RandomNumberGenerator', 'client fixed kept single', { rngAlgorithm: 'DRBG' }),
  row('PKCS_12FriendlyName', 'client modifiable deletable single', 'a', 'b'),
  row('Description', 'client modifiable deletable single', 'a', 'b'),
  row('Comment', 'client modifiable deletable single', 'a', 'b'),
  row('Sensitive', 'client modifiable kept single', true, false),
  row('AlwaysSensitive', 'server fixed kept single', true),
  row('Extractable', 'client modifiable kept single', false, true),
  row('NeverExtractable', 'server fixed kept single', true),
  row('KeyFormatType', 'server fixed kept single', 'Raw'),
  row('NISTKeyType', 'client fixed kept multiple', 'SymmetricDataEncryptionKey', 'SymmetricKeyWrappingKey'),
  row('ProtectionLevel', 'client modifiable deletable single', 'High', 'Low'),
  row('ProtectionPeriod', 'client modifiable deletable single', 60, 61),
  row('ProtectionStorageMask', 'server fixed kept single', 1),
  row('QuantumSafe', 'client modifiable deletable single', true, false),
  row('ShortUniqueIdentifier', 'server fixed kept single', Buffer.alloc(32)),
  row('RotateAutomatic', 'client fixed kept single', false),
  row('RotateDate', 'server fixed kept single', 5),
  row('RotateGeneration', 'server fixed kept single', 5),
  row('RotateInterval', 'client fixed kept single', 60),
  row('RotateLatest', 'server fixed kept single', true),
  row('RotateName', 'client modifiable deletable single', text('a'), text('b')),
  row('RotateOffset', 'client fixed kept single', 60),
];

/** Attributes of other objects than keys; those of certificates have tests of their own. */
const OF_OTHER_OBJECTS =
  /^(Certificate|X_509|CryptographicDomainParameters$|DigitalSignature|OpaqueDataType$)/;

let pki: TestPki;
let kms: TestKms;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

/** A registered key has the fewest attributes that the server sets itself. */
function registerKey(client: KmipClient): Promise<string> {
  return client.register(
    {
      objectType: 'SymmetricKey',
      keyBlock: {
        keyFormatType: 'Raw',
        keyValue: { keyMaterial: Buffer.alloc(32, 7) },
        cryptographicAlgorithm: 'AES',
        cryptographicLength: 256,
      },
    },
    { attributes: [attributeOf('CryptographicUsageMask', 12)] },
  );
}

async function outcomeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'done',
    (error: unknown) => (error as { reason: string }).reason,
  );
}

function valuesOf(attributes: readonly Attribute[]): unknown[] {
  return attributes.map(({ value }) => value);
}

test('every attribute that a key may have has a row', () => {
  const names = Object.keys(ATTRIBUTES).filter((name) => !OF_OTHER_OBJECTS.test(name));
  expect(ROWS.map(({ name }) => name).sort()).toEqual(names.sort());
});

describe.each(['1.4', '2.1'] as const)('in KMIP %s', (protocolVersion: ProtocolVersionName) => {
  const speaks2 = protocolVersion === '2.1';
  let client: KmipClient;
  beforeAll(() => {
    client = kms.client({ protocolVersion });
  });
  const rows = ROWS.filter(({ name }) => existsIn(ATTRIBUTES[name], rankOf(protocolVersion)));

  test.each(rows)('$name', async ({ name, client: clientSets, modifiable, deletable, multiple, samples }) => {
    const id = await registerKey(client);
    const [first, second] = samples.map((value) => ({ name, value }) as Attribute);
    const before = await client.getAttributes(id, [name]);

    if (!clientSets) {
      const readOnly = speaks2 ? 'ReadOnlyAttribute' : 'PermissionDenied';
      // The mask may be set once by a client, but was set at registration.
      const expected =
        name === 'CryptographicUsageMask'
          ? speaks2
            ? 'AttributeSingleValued'
            : 'IllegalOperation'
          : readOnly;
      expect(await outcomeOf(client.addAttribute(id, first!))).toBe(expected);
      expect(await outcomeOf(client.modifyAttribute(id, first!))).toBe(
        speaks2 ? 'AttributeReadOnly' : 'PermissionDenied',
      );
      expect(await outcomeOf(client.deleteAttribute(id, name))).toBe(
        speaks2 ? 'AttributeReadOnly' : 'PermissionDenied',
      );
      expect(await client.getAttributes(id, [name])).toEqual(before);
      return;
    }

    if (before.length === 0) expect(await outcomeOf(client.addAttribute(id, first!))).toBe('done');
    else expect(await outcomeOf(client.modifyAttribute(id, first!))).toBe('done');
    expect(valuesOf(await client.getAttributes(id, [name]))).toEqual([first!.value]);

    if (second) {
      expect(await outcomeOf(client.modifyAttribute(id, second))).toBe(
        modifiable ? 'done' : speaks2 ? 'AttributeReadOnly' : 'PermissionDenied',
      );
      const left = modifiable ? second : first!;
      const more = left === second ? first! : second;
      expect(await outcomeOf(client.addAttribute(id, more))).toBe(
        multiple ? 'done' : speaks2 ? 'AttributeSingleValued' : 'IllegalOperation',
      );
      expect(valuesOf(await client.getAttributes(id, [name]))).toEqual(
        multiple ? [left.value, more.value] : [left.value],
      );
    }
    expect(await outcomeOf(client.deleteAttribute(id, name))).toBe(
      deletable ? 'done' : speaks2 ? 'AttributeReadOnly' : 'PermissionDenied',
    );
    // Names are free again for the other version.
    await client.revoke(id, 'KeyCompromise');
    await client.destroy(id);
  });
});

describe('Usage Limits', () => {
  const limits = (total: bigint, count?: bigint) =>
    attributeOf('UsageLimits', { total, count, unit: 'Byte' });

  test('start at the total, whatever count the client gives', async () => {
    const client = kms.client();
    const id = await client.create({ attributes: [limits(100n, 7n)] });
    expect(valuesOf(await client.getAttributes(id, ['UsageLimits']))).toEqual([
      { total: 100n, count: 100n, unit: 'Byte' },
    ]);
  });

  test('have a count that clients cannot set, and are fixed once some is allocated', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const id = await client.create({ attributes: [limits(100n)] });
    expect(await outcomeOf(client.modifyAttribute(id, limits(100n, 5n)))).toBe('AttributeReadOnly');
    await client.modifyAttribute(id, limits(200n));
    await client.activate(id);
    await client.perform('GetUsageAllocation', { uniqueIdentifier: id, usageLimitsCount: 1n });
    expect(await outcomeOf(client.modifyAttribute(id, limits(300n)))).toBe('AttributeReadOnly');
    expect(await outcomeOf(client.deleteAttribute(id, 'UsageLimits'))).toBe('AttributeReadOnly');
    expect(valuesOf(await client.getAttributes(id, ['UsageLimits']))).toEqual([
      { total: 200n, count: 199n, unit: 'Byte' },
    ]);
  });
});

test('Always Sensitive and Never Extractable remember the first time that it was otherwise', async () => {
  const client = kms.client();
  const id = await client.create({
    attributes: [attributeOf('Sensitive', true), attributeOf('Extractable', false)],
  });
  const names = ['AlwaysSensitive', 'NeverExtractable'];
  expect(valuesOf(await client.getAttributes(id, names))).toEqual([true, true]);
  await client.modifyAttribute(id, attributeOf('Sensitive', false));
  await client.modifyAttribute(id, attributeOf('Extractable', true));
  await client.modifyAttribute(id, attributeOf('Sensitive', true));
  await client.modifyAttribute(id, attributeOf('Extractable', false));
  expect(valuesOf(await client.getAttributes(id, names))).toEqual([false, false]);
});

test.each([
  ['ActivationDate', 'ProcessStartDate'],
  ['ProtectStopDate', 'DeactivationDate'],
] as const)('%s must not be after %s', async (earlier, later) => {
  const client = kms.client();
  const wrong = [attributeOf(earlier, FUTURE + 1), attributeOf(later, FUTURE)];
  expect(await outcomeOf(client.create({ attributes: wrong }))).toBe('InvalidField');
  const id = await client.create({ attributes: [attributeOf(earlier, FUTURE + 1)] });
  expect(await outcomeOf(client.addAttribute(id, attributeOf(later, FUTURE)))).toBe('InvalidField');
  await client.addAttribute(id, attributeOf(later, FUTURE + 1));
});

test('attributes of 1.x apply to fewer kinds of objects than those of 2.x', async () => {
  const opaque = {
    objectType: 'OpaqueObject',
    opaqueDataType: 0x80000001,
    opaqueDataValue: Buffer.from('x'),
  } as const;
  const attributes = [attributeOf('CryptographicUsageMask', 4)];
  expect(await outcomeOf(kms.client({ protocolVersion: '1.4' }).register(opaque, { attributes }))).toBe(
    'PermissionDenied',
  );
  await expect(kms.client({ protocolVersion: '2.1' }).register(opaque, { attributes })).resolves.toBeTypeOf(
    'string',
  );
});

describe('Application Data that is left out', () => {
  const given = attributeOf('ApplicationSpecificInformation', { applicationNamespace: 'tapes' });

  test('is made up in the namespaces configured, and refused in others', async () => {
    await using own = await startKms(pki, { applicationNamespaces: ['tapes'] });
    const id = await own.client().create({ attributes: [given] });
    expect(valuesOf(await own.client().getAttributes(id, ['ApplicationSpecificInformation']))).toEqual([
      { applicationNamespace: 'tapes', applicationData: expect.stringMatching(/^[0-9a-f-]{36}$/) as string },
    ]);
    expect(await outcomeOf(kms.client().create({ attributes: [given] }))).toBe(
      'ApplicationNamespaceNotSupported',
    );
  });
});

test('a policy, a generator or a format that the server does not have cannot be asked for', async () => {
  const client = kms.client({ protocolVersion: '1.4' });
  const attempt = (attribute: Attribute) => outcomeOf(client.create({ attributes: [attribute] }));
  expect(await attempt(attributeOf('OperationPolicyName', 'no such policy'))).toBe('InvalidField');
  expect(await attempt(attributeOf('RandomNumberGenerator', { rngAlgorithm: 'ANSIX9_31' }))).toBe(
    'InvalidField',
  );
  const modern = kms.client({ protocolVersion: '2.1' });
  expect(await outcomeOf(modern.create({ attributes: [attributeOf('KeyFormatType', 'PKCS_12')] }))).toBe(
    'KeyFormatTypeNotSupported',
  );
  await modern.create({ attributes: [attributeOf('KeyFormatType', 'Raw')] });
});

test('a link to an earlier item of the batch is stored as the identifier that it means', async () => {
  const client = kms.client({ protocolVersion: '2.1' });
  const attributes = [
    attributeOf('CryptographicAlgorithm', 'AES'),
    attributeOf('CryptographicUsageMask', 12),
  ];
  const [first, second] = await client.request([
    { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes } },
    {
      operation: 'Create',
      payload: {
        objectType: 'SymmetricKey',
        attributes: [
          ...attributes,
          attributeOf('Link', { type: 'ParentLink', linkedObjectIdentifier: { index: 0 } }),
        ],
      },
    },
  ]);
  const idOf = (result: typeof first) => (result?.payload as { uniqueIdentifier: string }).uniqueIdentifier;
  expect(valuesOf(await client.getAttributes(idOf(second), ['Link']))).toEqual([
    { type: 'ParentLink', linkedObjectIdentifier: idOf(first) },
  ]);
});

describe('Set Attribute', () => {
  test('adds what is absent and modifies what is there, but not one of several', async () => {
    const client = kms.client({ protocolVersion: '2.1' });
    const id = await client.create();
    const set = (attribute: Attribute) =>
      client.perform('SetAttribute', { uniqueIdentifier: id, newAttribute: attribute });
    await set(attributeOf('ObjectGroup', 'red'));
    await set(attributeOf('ObjectGroup', 'blue'));
    expect(valuesOf(await client.getAttributes(id, ['ObjectGroup']))).toEqual(['blue']);
    await client.addAttribute(id, attributeOf('ObjectGroup', 'green'));
    expect(await outcomeOf(set(attributeOf('ObjectGroup', 'red')))).toBe('MultiValuedAttribute');
    expect(await outcomeOf(set(attributeOf('State', 'Active')))).toBe('ReadOnlyAttribute');
  });
});

describe('Adjust Attribute', () => {
  const adjust = async (
    name: string,
    adjustmentType: 'Increment' | 'Decrement' | 'Negate',
    options: {
      readonly start?: Attribute;
      readonly by?: { type: 'Integer' | 'Interval'; value: number };
    } = {},
  ): Promise<unknown> => {
    const client = kms.client({ protocolVersion: '2.1' });
    const id = await client.create({ attributes: options.start ? [options.start] : [] });
    await client.perform('AdjustAttribute', {
      uniqueIdentifier: id,
      attributeReference: name,
      adjustmentType,
      adjustmentValue: options.by,
    });
    return (await client.getAttributes(id, [name]))[0]?.value;
  };
  const counter = (value: number): Attribute => ({ name: 'x-counter', value: { type: 'Integer', value } });

  test('counts up and down, negates, and takes what is absent for nothing', async () => {
    expect(await adjust('ProtectionPeriod', 'Increment')).toBe(1);
    expect(await adjust('ProtectionPeriod', 'Increment', { by: { type: 'Interval', value: 60 } })).toBe(60);
    expect(await adjust('QuantumSafe', 'Negate')).toBe(true);
    expect(
      await adjust('DeactivationDate', 'Increment', { start: attributeOf('DeactivationDate', FUTURE) }),
    ).toBe(FUTURE + 1);
    expect(await adjust('x-counter', 'Decrement', { start: counter(5) })).toEqual({
      type: 'Integer',
      value: 4,
    });
    expect(await adjust('x-counter', 'Negate', { start: counter(5) })).toEqual({
      type: 'Integer',
      value: -5,
    });
  });

  test.each([
    ['ProtectionPeriod', 'Decrement', {}, 'NumericRange'],
    ['x-counter', 'Increment', { start: counter(2 ** 31 - 1) }, 'NumericRange'],
    ['ProtectionPeriod', 'Increment', { by: { type: 'Integer', value: 1 } }, 'InvalidDataType'],
    ['ProtectionPeriod', 'Negate', {}, 'InvalidDataType'],
    ['Comment', 'Increment', {}, 'InvalidDataType'],
    ['x-absent', 'Increment', {}, 'InvalidDataType'],
    ['LeaseTime', 'Increment', {}, 'ReadOnlyAttribute'],
  ] as const)('of %s, %s with %o is %s', async (name, type, options, reason) => {
    await expect(adjust(name, type, options)).rejects.toMatchObject({ reason });
  });
});

describe('the name of a custom attribute', () => {
  test.each(['1.4', '2.1'] as const)(
    'needs a character after its hyphen in KMIP %s',
    async (protocolVersion) => {
      const by = kms.client({ protocolVersion });
      const id = await by.create();
      const value = { type: 'TextString', value: 'v' } as const;
      const reason = protocolVersion === '2.1' ? 'UnsupportedAttribute' : 'InvalidField';
      for (const name of ['x-', 'y-'] as const)
        await expect(by.addAttribute(id, { name, value })).rejects.toMatchObject({ reason });
      await by.addAttribute(id, { name: 'x--', value });
      expect(await by.getAttributes(id, ['x--'])).toEqual([{ name: 'x--', value }]);
    },
  );
});

test('values that a version does not have are left out of its answers, and nothing else', async () => {
  const [newer, older] = [kms.client({ protocolVersion: '2.1' }), kms.client({ protocolVersion: '1.4' })];
  const id = await newer.create();
  const wrapping = await newer.create();
  const link = (type: 'WrappingKeyLink' | 'ReplacementObjectLink') =>
    attributeOf('Link', { type, linkedObjectIdentifier: wrapping });
  await newer.addAttribute(id, link('WrappingKeyLink'));
  await newer.addAttribute(id, link('ReplacementObjectLink'));
  expect(await newer.getAttributes(id, ['Link'])).toHaveLength(2);
  expect(await older.getAttributes(id, ['Link', 'State'])).toEqual([
    { ...link('ReplacementObjectLink'), index: 1 },
    attributeOf('State', 'PreActive'),
  ]);

  const { privateKeyUniqueIdentifier } = await newer.createKeyPair({ algorithm: 'Ed25519', lengthBits: 256 });
  const names = ['CryptographicAlgorithm', 'State'] as const;
  expect(await newer.getAttributes(privateKeyUniqueIdentifier, names)).toHaveLength(2);
  expect(await older.getAttributes(privateKeyUniqueIdentifier, names)).toEqual([
    attributeOf('State', 'PreActive'),
  ]);
  expect(await newer.getAttributeList(privateKeyUniqueIdentifier)).toContain('CryptographicAlgorithm');
  expect(await older.getAttributeList(privateKeyUniqueIdentifier)).not.toContain('CryptographicAlgorithm');
});
