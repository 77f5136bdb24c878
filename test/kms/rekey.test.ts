import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { AdjustableClock } from '../../core/clock.js';
import type { KmipClient } from '../../kms/client.js';
import type { Attribute, RequestPayload } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

/** Time stands still, so that dates are exact. */
const clock = new AdjustableClock({ now: () => Date.UTC(2026, 0, 1) });
const now = (): number => clock.now() / 1000;

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, {}, { clock });
  client = kms.client({ protocolVersion: '2.1' });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

async function rekey(
  uniqueIdentifier: string,
  rest: Partial<RequestPayload<'ReKey'>> = {},
  speaker: KmipClient = client,
): Promise<string> {
  return (await speaker.perform('ReKey', { uniqueIdentifier, ...rest })).uniqueIdentifier;
}

async function valuesOf(id: string, ...names: readonly string[]): Promise<unknown[]> {
  return (await client.getAttributes(id, names)).map(({ value }) => value);
}

const named = (value: string) => ({ value, type: 'UninterpretedTextString' as const });

describe('Re-key', () => {
  test('makes a new key that takes over the names and the attributes, and links the two', async () => {
    const id = await client.create({
      name: 'rekeyed',
      lengthBits: 192,
      attributes: [
        attributeOf('ContactInformation', 'someone'),
        attributeOf('Sensitive', false),
        { name: 'x-Product', value: 'VMware vSphere' },
      ],
    });
    const before = await client.get(id);
    const replacement = await rekey(id);
    const after = await client.get(replacement);
    expect(after.lengthBits).toBe(192);
    expect(after.keyBytes.equals(before.keyBytes)).toBe(false);
    expect(await valuesOf(replacement, 'Name', 'ContactInformation', 'CryptographicUsageMask')).toEqual([
      named('rekeyed'),
      'someone',
      12,
    ]);
    expect(await valuesOf(replacement, 'x-Product')).toEqual([
      { type: 'TextString', value: 'VMware vSphere' },
    ]);
    expect(await valuesOf(id, 'Name')).toEqual([]);
    expect(await valuesOf(id, 'Link')).toEqual([
      { type: 'ReplacementObjectLink', linkedObjectIdentifier: replacement },
    ]);
    expect(await valuesOf(replacement, 'Link')).toEqual([
      { type: 'ReplacedObjectLink', linkedObjectIdentifier: id },
    ]);
  });

  test('shifts the dates by an Offset, and copies them without one', async () => {
    const start = now() - 1000;
    const dates: Attribute[] = [
      attributeOf('ActivationDate', start),
      attributeOf('ProcessStartDate', start + 10),
      attributeOf('ProtectStopDate', start + 5000),
      attributeOf('DeactivationDate', start + 9000),
    ];
    const names = dates.map(({ name }) => name);
    const first = await rekey(await client.create({ attributes: dates }));
    expect(await valuesOf(first, ...names)).toEqual(dates.map(({ value }) => value));
    const second = await rekey(first, { offset: 60 });
    expect(await valuesOf(second, ...names)).toEqual([60, 70, 5060, 9060].map((shift) => now() + shift));
    expect(await valuesOf(second, 'State')).toEqual(['PreActive']);
  });

  test('starts without a compromise, and with whole Usage Limits', async () => {
    const total = 100n;
    const id = await client.create({
      attributes: [
        attributeOf('ActivationDate', now() - 10),
        attributeOf('UsageLimits', { total, unit: 'Byte' }),
      ],
    });
    await client.perform('GetUsageAllocation', { uniqueIdentifier: id, usageLimitsCount: 40n });
    await client.revoke(id, 'KeyCompromise');
    const replacement = await rekey(id);
    expect(await valuesOf(replacement, 'State', 'UsageLimits', 'CompromiseDate', 'RevocationReason')).toEqual(
      ['Active', { total, count: total, unit: 'Byte' }],
    );
  });

  test('counts generations, and marks the latest', async () => {
    const first = await client.create();
    const second = await rekey(first);
    const third = await rekey(second);
    const rotation = ['RotateGeneration', 'RotateLatest'];
    expect(await valuesOf(third, ...rotation)).toEqual([2, true]);
    expect(await valuesOf(second, ...rotation, 'RotateDate')).toEqual([1, false, now()]);
    expect(await valuesOf(first, 'RotateLatest')).toEqual([false]);
  });

  test('in a version that does not know them keeps attributes of later ones', async () => {
    const id = await client.create({ attributes: [attributeOf('Sensitive', true)] });
    const replacement = await rekey(id, {}, kms.client({ protocolVersion: '1.1' }));
    expect(await valuesOf(replacement, 'Sensitive', 'AlwaysSensitive')).toEqual([true, true]);
  });
});

describe('Re-key is refused', () => {
  const reasons = async (id: string, rest: Partial<RequestPayload<'ReKey'>> = {}): Promise<unknown[]> => {
    const found: unknown[] = [];
    for (const protocolVersion of ['1.4', '2.1'] as const) {
      const error: unknown = await rekey(id, rest, kms.client({ protocolVersion })).catch(
        (it: unknown) => it,
      );
      found.push((error as { reason?: unknown }).reason);
    }
    return found;
  };

  test('for an Offset beside a date, or without an Activation Date to count from', async () => {
    const attributes = [attributeOf('ActivationDate', now())];
    const both = { offset: 1, attributes, templateAttribute: { attributes } };
    expect(await reasons(await client.create(), both)).toEqual(['InvalidMessage', 'InvalidMessage']);
    const undated = await client.create({ attributes: [attributeOf('DeactivationDate', now() + 99)] });
    expect(await reasons(undated, { offset: 1 })).toEqual(['IllegalOperation', 'InvalidField']);
  });

  test('for an Offset that shifts a date beyond those that are kept', async () => {
    const latest = Number.MAX_SAFE_INTEGER;
    const id = await client.create({
      attributes: [attributeOf('ActivationDate', 0), attributeOf('DeactivationDate', latest)],
    });
    expect(await reasons(id, { offset: 1 })).toEqual(['InvalidField', 'InvalidAttributeValue']);
    expect(await valuesOf(await rekey(id), 'DeactivationDate')).toEqual([latest]);
  });

  test('for what is replaced already, destroyed, or no symmetric key', async () => {
    const replaced = await client.create();
    await rekey(replaced);
    expect(await reasons(replaced)).toEqual(['PermissionDenied', 'InvalidField']);
    const destroyed = await client.create();
    await client.destroy(destroyed);
    expect(await reasons(destroyed)).toEqual(['ItemNotFound', 'ObjectDestroyed']);
    const secret = await client.register({
      objectType: 'SecretData',
      secretDataType: 'Password',
      keyBlock: { keyFormatType: 'Raw', keyValue: { keyMaterial: Buffer.from('x') } },
    });
    expect(await reasons(secret)).toEqual(['PermissionDenied', 'InvalidObjectType']);
  });

  test('and nothing is changed', async () => {
    const id = await client.create({ name: 'unchanged' });
    const attributes = [attributeOf('CryptographicLength', 77)];
    await expect(rekey(id, { attributes })).rejects.toThrow();
    expect(await valuesOf(id, 'Name', 'Link')).toEqual([named('unchanged')]);
  });
});
