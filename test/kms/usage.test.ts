import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { RawClient } from './raw-client.js';
import { requestBytes } from '../../kms/client/session.js';
import { decodeResponse } from '../../wire/kmip/index.js';

/* Check, Obtain Lease, Get Usage Allocation, Archive and Recover: KMIP 1.4 §4.10, §4.17, §4.18, §4.22, §4.23. */

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;
let modern: KmipClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { leaseSeconds: 600 });
  client = kms.client();
  modern = kms.client({ protocolVersion: '2.1' });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const limits = (total: bigint) => attributeOf('UsageLimits', { total, unit: 'Byte' });
const countOf = async (id: string) =>
  ((await client.getAttributes(id, ['UsageLimits']))[0]?.value as { count: bigint }).count;

describe('Check', () => {
  test.each([
    [{ cryptographicUsageMask: 4 }, undefined],
    [{ cryptographicUsageMask: 4 | 1 }, 'IncompatibleCryptographicUsageMask'],
    [{ usageLimitsCount: 100n }, undefined],
    [{ usageLimitsCount: 101n }, 'UsageLimitExceeded'],
    [{ leaseTime: 600 }, undefined],
    [{ leaseTime: 601 }, 'PermissionDenied'],
  ])('of %o is answered with %s', async (asked, reason) => {
    const uniqueIdentifier = await client.create({ attributes: [limits(100n)] });
    const answer = modern.perform('Check', { uniqueIdentifier, ...asked });
    if (reason === undefined) await expect(answer).resolves.toEqual({ uniqueIdentifier });
    else await expect(answer).rejects.toMatchObject({ reason });
    expect(await countOf(uniqueIdentifier)).toBe(100n);
  });

  test('that fails empties the ID Placeholder and tells what failed', async () => {
    await using raw = await RawClient.open(pki, kms.port);
    const id = await client.create({ attributes: [limits(5n)] });
    const asked = { uniqueIdentifier: id, usageLimitsCount: 6n, cryptographicUsageMask: 12, leaseTime: 700 };
    const bytes = requestBytes(
      { protocolVersion: '1.4' },
      [
        { operation: 'Check', payload: asked },
        { operation: 'Get', payload: {} },
      ],
      { batchErrorContinuationOption: 'Continue' },
    );
    const [checked, got] = decodeResponse((await raw.exchange(bytes))!).batchItems;
    expect(checked).toMatchObject({ resultStatus: 'OperationFailed', resultReason: 'PermissionDenied' });
    expect(checked?.responsePayload).toEqual({ usageLimitsCount: 6n, leaseTime: 700 });
    expect(got).toMatchObject({ resultReason: 'InvalidField' });
  });

  test('is not for templates', async () => {
    const template = await client.register({ objectType: 'Template', attributes: [] });
    await expect(client.perform('Check', { uniqueIdentifier: template })).rejects.toMatchObject({
      reason: 'IllegalOperation',
    });
  });
});

describe('Obtain Lease', () => {
  test('grants the server’s time and tells when the object changed last', async () => {
    const id = await client.create();
    const [changed] = await client.getAttributes(id, ['LastChangeDate']);
    expect(await client.perform('ObtainLease', { uniqueIdentifier: id })).toEqual({
      uniqueIdentifier: id,
      leaseTime: 600,
      lastChangeDate: changed?.value,
    });
  });

  test('is refused for what is compromised or destroyed', async () => {
    const id = await client.create();
    await client.revoke(id, 'KeyCompromise');
    const lease = () => client.perform('ObtainLease', { uniqueIdentifier: id });
    await expect(lease()).rejects.toMatchObject({ reason: 'PermissionDenied' });
    await client.destroy(id);
    await expect(lease()).rejects.toMatchObject({ reason: 'PermissionDenied' });
  });
});

describe('Get Usage Allocation', () => {
  const allocate = (id: string, usageLimitsCount: bigint, by = client) =>
    by.perform('GetUsageAllocation', { uniqueIdentifier: id, usageLimitsCount });

  test('takes from the limits until nothing is left', async () => {
    const id = await client.create({ attributes: [limits(1000n)] });
    await client.activate(id);
    await allocate(id, 400n);
    await allocate(id, 600n);
    expect(await countOf(id)).toBe(0n);
    await expect(allocate(id, 1n)).rejects.toMatchObject({ reason: 'PermissionDenied' });
    await expect(allocate(id, 1n, modern)).rejects.toMatchObject({ reason: 'UsageLimitExceeded' });
    expect(await countOf(id)).toBe(0n);
  });

  test('never gives out more than there is, however many ask at once', async () => {
    const id = await client.create({ attributes: [limits(5n)] });
    await client.activate(id);
    const many = kms.client({ poolSize: 8 });
    const settled = await Promise.allSettled(Array.from({ length: 8 }, () => allocate(id, 1n, many)));
    expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
    expect(await countOf(id)).toBe(0n);
  });

  test('needs limits, a protective usage, and an active key before its Protect Stop Date', async () => {
    const unlimited = await client.create();
    await client.activate(unlimited);
    await expect(allocate(unlimited, 1n)).rejects.toMatchObject({ reason: 'IllegalOperation' });
    const decrypting = await client.create({ usageMask: 8, attributes: [limits(5n)] });
    await client.activate(decrypting);
    await expect(allocate(decrypting, 1n)).rejects.toMatchObject({ reason: 'IllegalOperation' });
    const waiting = await client.create({ attributes: [limits(5n)] });
    await expect(allocate(waiting, 1n, modern)).rejects.toMatchObject({ reason: 'WrongKeyLifecycleState' });
    const stopped = await client.create({ attributes: [limits(5n), attributeOf('ProtectStopDate', 5)] });
    await client.activate(stopped);
    await expect(allocate(stopped, 1n, modern)).rejects.toMatchObject({ reason: 'WrongKeyLifecycleState' });
  });
});

describe('an archived object', () => {
  test('keeps its attributes readable and refuses everything else until it is recovered', async () => {
    const id = await client.create({ name: 'archived' });
    const key = (await client.get(id)).keyBytes;
    await client.perform('Archive', { uniqueIdentifier: id });
    expect(await client.getAttributes(id, ['State', 'ArchiveDate'])).toHaveLength(2);
    expect(await client.getAttributeList(id)).toContain('ArchiveDate');
    const attribute = attributeOf('Comment', 'no');
    const refused = [
      () => client.get(id),
      () => client.activate(id),
      () => client.destroy(id),
      () => client.revoke(id),
      () => client.addAttribute(id, attribute),
      () => client.modifyAttribute(id, attribute),
      () => client.deleteAttribute(id, 'Name'),
      () => client.perform('Check', { uniqueIdentifier: id }),
      () => client.perform('ObtainLease', { uniqueIdentifier: id }),
      () => client.perform('Archive', { uniqueIdentifier: id }),
    ];
    for (const attempt of refused)
      await expect(attempt()).rejects.toMatchObject({ reason: 'ObjectArchived' });
    await client.perform('Recover', { uniqueIdentifier: id });
    expect((await client.get(id)).keyBytes).toEqual(key);
    expect(await client.getAttributes(id, ['ArchiveDate'])).toEqual([]);
    await client.perform('Recover', { uniqueIdentifier: id });
  });
});
