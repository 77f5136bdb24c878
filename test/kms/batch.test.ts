import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { BatchRequest } from '../../kms/client.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';

let pki: TestPki;
let kms: TestKms;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const create = (name: string): BatchRequest => ({
  operation: 'Create',
  payload: {
    objectType: 'SymmetricKey',
    templateAttribute: {
      attributes: [
        attributeOf('CryptographicAlgorithm', 'AES'),
        attributeOf('CryptographicUsageMask', 12),
        attributeOf('Name', { value: name, type: 'UninterpretedTextString' }),
      ],
    },
  },
});
const failing: BatchRequest = { operation: 'Get', payload: { uniqueIdentifier: 'no such object' } };
const named = (value: string) => [attributeOf('Name', { value, type: 'UninterpretedTextString' })];

describe('when an item of a batch fails', () => {
  test('Stop leaves the later items out and keeps the earlier ones', async () => {
    const client = kms.client();
    const results = await client.request([create('stop-1'), failing, create('stop-2')]);
    expect(results.map((result) => result.error?.reason)).toEqual([undefined, 'ItemNotFound']);
    expect(await client.locate(named('stop-1'))).toHaveLength(1);
    expect(await client.locate(named('stop-2'))).toEqual([]);
  });

  test('Continue goes on with the later items', async () => {
    const client = kms.client();
    const results = await client.request([create('go-1'), failing, create('go-2')], {
      batchErrorContinuationOption: 'Continue',
    });
    expect(results.map((result) => result.error?.reason)).toEqual([undefined, 'ItemNotFound', undefined]);
    expect(await client.locate(named('go-2'))).toHaveLength(1);
  });

  test('Undo undoes the earlier items', async () => {
    const client = kms.client();
    const results = await client.request([create('undo-1'), failing, create('undo-2')], {
      batchErrorContinuationOption: 'Undo',
    });
    expect(results).toHaveLength(2);
    expect(results[0]?.error?.message).toMatch(/OperationUndone/);
    expect(await client.locate(named('undo-1'))).toEqual([]);
  });
});

test('the ID Placeholder links the items of a batch', async () => {
  const client = kms.client();
  const results = await client.request(
    [
      create('linked'),
      { operation: 'Activate', payload: {} },
      { operation: 'GetAttributes', payload: { attributeNames: ['State'] } },
    ],
    { batchOrderOption: true },
  );
  expect(results[2]?.payload).toMatchObject({ attributes: [{ name: 'State', value: 'Active' }] });
});

test('in KMIP 2.1 items refer to what an earlier operation returned', async () => {
  const client = kms.client({ protocolVersion: '2.1' });
  const attributes = [
    attributeOf('CryptographicAlgorithm', 'AES'),
    attributeOf('CryptographicUsageMask', 12),
  ];
  const results = await client.request([
    { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes } },
    { operation: 'Create', payload: { objectType: 'SymmetricKey', attributes } },
    { operation: 'Activate', payload: { uniqueIdentifier: { index: 0 } } },
    { operation: 'Destroy', payload: { uniqueIdentifier: { of: 'Create' } } },
  ]);
  const ids = results.map((result) => (result.payload as { uniqueIdentifier: string }).uniqueIdentifier);
  expect(ids[2]).toBe(ids[0]);
  expect(ids[3]).toBe(ids[1]);
});

test('a response larger than the client allows is Response Too Large, and nothing is changed', async () => {
  const client = kms.client();
  const [alone] = await client.request([create('too-large')], { maximumResponseSize: 16 });
  expect(alone?.error?.reason).toBe('ResponseTooLarge');
  const several = [create('too-large'), create('too-large-2')];
  await expect(client.request(several, { maximumResponseSize: 16 })).rejects.toMatchObject({
    reason: 'ResponseTooLarge',
  });
  expect(await client.locate(named('too-large'))).toEqual([]);
});

test('many clients that change one object at once all succeed, one after another', async () => {
  const id = await kms.client().create();
  const client = kms.client({ poolSize: 8 });
  await Promise.all(
    Array.from({ length: 8 }, (_, number) =>
      client.addAttribute(id, { name: `x-race-${number}`, value: 'yes' }),
    ),
  );
  const names = await client.getAttributeList(id);
  expect(names.filter((name) => name.startsWith('x-race-'))).toHaveLength(8);
});

test('dates that come move the state by themselves', async () => {
  await using own = await startKms(pki);
  const client = own.client();
  const now = Math.floor(own.clock.now() / 1000);
  const id = await client.create({
    attributes: [attributeOf('ActivationDate', now + 60), attributeOf('DeactivationDate', now + 120)],
  });
  const state = async () => (await client.getAttributes(id, ['State']))[0]?.value;
  expect(await state()).toBe('PreActive');
  own.clock.advance(61_000);
  expect(await state()).toBe('Active');
  own.clock.advance(60_000);
  expect(await state()).toBe('Deactivated');
  await client.destroy(id);
  expect(await state()).toBe('Destroyed');
});

test('an answer in KMIP 1.0 holds nothing newer', async () => {
  const id = await kms.client({ protocolVersion: '1.4' }).create();
  const names = await kms.client({ protocolVersion: '1.0' }).getAttributeList(id);
  expect(names).toContain('Digest');
  for (const newer of ['Fresh', 'OriginalCreationDate', 'Sensitive', 'KeyFormatType'])
    expect(names).not.toContain(newer);
  const [digest] = await kms.client({ protocolVersion: '1.0' }).getAttributes(id, ['Digest']);
  expect(digest?.value).not.toHaveProperty('keyFormatType');
});
