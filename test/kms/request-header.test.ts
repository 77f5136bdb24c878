import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { RequestHeader } from '../../wire/kmip/index.js';
import { decodeResponse, encodeRequest, protocolVersionOf } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { createItem, exchange, item, outcomes, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

let pki: TestPki;
let kms: TestKms;
let client: RawClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { timeStampSkewSeconds: 30 });
  client = await RawClient.open(pki, kms.port);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await kms[Symbol.asyncDispose]();
});

describe('a Time Stamp', () => {
  const now = () => Math.floor(kms.clock.now() / 1000);

  test('near the server’s time is accepted, one far from it refused', async () => {
    const ask = (timeStamp: number) => exchange(client, '1.4', [item('DiscoverVersions', {})], { timeStamp });
    expect(outcomes(await ask(now()))).toEqual(['Success']);
    expect(outcomes(await ask(now() - 3600))).toEqual(['InvalidField']);
    expect(outcomes(await ask(now() + 3600))).toEqual(['InvalidField']);
  });

  test('is not looked at unless that is configured', async () => {
    await using own = await startKms(pki);
    await using raw = await RawClient.open(pki, own.port);
    expect(outcomes(await exchange(raw, '1.4', [item('DiscoverVersions', {})], { timeStamp: 1 }))).toEqual([
      'Success',
    ]);
  });
});

describe('correlation values', () => {
  test('of the server differ for each response and are journaled with that of the client', async () => {
    const header = { clientCorrelationValue: 'step 1' };
    const first = await exchange(client, '1.4', [item('DiscoverVersions', {})], header);
    const second = await exchange(client, '2.1', [item('Get', { uniqueIdentifier: 'absent' })], header);
    const values = [first, second].map((answer) => answer.header.serverCorrelationValue);
    expect(new Set(values).size).toBe(2);
    expect(values.every((value) => value !== undefined)).toBe(true);
    expect(first.header.clientCorrelationValue).toBeUndefined();
    const journaled = kms.context.journal.entries().map(({ details }) => details);
    expect(journaled).toContainEqual(
      expect.objectContaining({ clientCorrelationValue: 'step 1', serverCorrelationValue: values[0] }),
    );
    expect(journaled).toContainEqual(expect.objectContaining({ serverCorrelationValue: values[1] }));
  });

  test('of the server go to nobody who gave none', async () => {
    const { header } = await exchange(client, '1.4', [item('DiscoverVersions', {})]);
    expect(header.serverCorrelationValue).toBeUndefined();
    const [last] = kms.context.journal.entries(1);
    expect(last?.details?.serverCorrelationValue).toBeDefined();
  });

  test('are not in answers before KMIP 1.4', async () => {
    const { header } = await exchange(client, '1.3', [item('DiscoverVersions', {})]);
    expect(header.serverCorrelationValue).toBeUndefined();
  });
});

describe('a Message Extension', () => {
  const extension = (criticalityIndicator: boolean) => ({
    messageExtensions: [
      {
        vendorIdentification: 'kpsim.test',
        criticalityIndicator,
        vendorExtension: { type: 'Structure', value: [] } as const,
      },
    ],
  });

  test('that is not critical is passed over', async () => {
    expect(outcomes(await exchange(client, '1.4', [{ ...createItem('1.4'), ...extension(false) }]))).toEqual([
      'Success',
    ]);
  });

  test.each([
    ['1.4', 'FeatureNotSupported'],
    ['2.1', 'UnknownMessageExtension'],
  ] as const)('that is critical refuses the whole message in KMIP %s with %s', async (version, reason) => {
    const before = (await kms.client().locate([])).length;
    const items = [createItem(version), { ...createItem(version), ...extension(true) }];
    const answer = await exchange(client, version, items, { batchErrorContinuationOption: 'Continue' });
    expect(outcomes(answer)).toEqual([reason, reason]);
    expect(answer.batchItems.map(({ operation }) => operation)).toEqual(['Create', 'Create']);
    expect(await kms.client().locate([])).toHaveLength(before);
  });
});

describe('a header option', () => {
  test('that no version defines is refused', async () => {
    const header: Partial<RequestHeader> = { batchErrorContinuationOption: 0x80000001 };
    expect(outcomes(await exchange(client, '1.4', [item('DiscoverVersions', {})], header))).toEqual([
      'InvalidField',
    ]);
    const asynchronous: Partial<RequestHeader> = { asynchronousIndicator: 0x80000001 };
    expect(outcomes(await exchange(client, '2.1', [item('Ping', {})], asynchronous))).toEqual([
      'InvalidField',
    ]);
  });

  test('a batch of several items needs their IDs', async () => {
    const one = { operation: 'DiscoverVersions', requestPayload: {} } as const;
    const header = { protocolVersion: protocolVersionOf('2.1'), batchCount: 2 };
    const answer = await client.exchange(encodeRequest({ header, batchItems: [one, one] }));
    expect(outcomes(decodeResponse(answer!))).toEqual(['InvalidMessage']);
  });

  test('items that are undone keep their payloads', async () => {
    const items = [createItem('2.1'), item('Get', { uniqueIdentifier: 'absent' })];
    const { batchItems } = await exchange(client, '2.1', items, { batchErrorContinuationOption: 'Undo' });
    expect(batchItems[0]).toMatchObject({ resultStatus: 'OperationUndone' });
    expect(batchItems[0]!.responsePayload).toHaveProperty('uniqueIdentifier');
    expect(batchItems[1]).toMatchObject({ resultStatus: 'OperationFailed', resultReason: 'ObjectNotFound' });
  });
});

describe('an Ephemeral item', () => {
  test('is performed, but its data stay with the server', async () => {
    const hash = item('Hash', {
      cryptographicParameters: { hashingAlgorithm: 'SHA_256' },
      data: Buffer.from('kpsim'),
    });
    const items = [hash, { ...hash, ephemeral: true }];
    const { batchItems } = await exchange(client, '2.1', items);
    expect(payloadOf(batchItems[0]!, 'Hash').data).toHaveLength(32);
    expect(batchItems[1]).toMatchObject({ resultStatus: 'Success' });
    expect(payloadOf(batchItems[1]!, 'Hash')).toEqual({});
  });
});
