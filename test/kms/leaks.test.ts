import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';

import type { KmipClient } from '../../kms/client.js';
import { Tickets } from '../../kms/server/tickets.js';
import type { ManagedObjectValue, Ticket } from '../../wire/kmip/index.js';
import { attributeOf, cryptographicUsageMask } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { exchange, item, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

/* Ways by which a client could get what it is not to have: key bytes, results of undone requests, a server's time. */

let pki: TestPki;
let kms: TestKms;
let client: KmipClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
  client = kms.client({ protocolVersion: '2.1' });
});
afterAll(async () => {
  await kms[Symbol.asyncDispose]();
});

const activeSince = (): ReturnType<typeof attributeOf> =>
  attributeOf('ActivationDate', Math.floor(kms.clock.now() / 1000) - 10);

function secretData(keyMaterial: Buffer): ManagedObjectValue {
  return {
    objectType: 'SecretData',
    secretDataType: 'Seed',
    keyBlock: { keyFormatType: 'Opaque', keyValue: { keyMaterial } },
  };
}

describe('a key that must not leave', () => {
  test('is no one-time pad, which would tell it', async () => {
    const uniqueIdentifier = await client.create({
      attributes: [activeSince(), attributeOf('Sensitive', true), attributeOf('Extractable', false)],
    });
    const asPad = client.perform('Encrypt', {
      uniqueIdentifier,
      cryptographicParameters: { cryptographicAlgorithm: 'OneTimePad' },
      data: Buffer.alloc(32),
    });
    await expect(asPad).rejects.toMatchObject({ reason: 'CryptographicFailure' });
  });

  test('makes what is derived from it stay as well', async () => {
    const usage = attributeOf('CryptographicUsageMask', cryptographicUsageMask('DeriveKey'));
    const known = await client.create({
      usageMask: cryptographicUsageMask('DeriveKey'),
      attributes: [activeSince()],
    });
    const sensitive = await client.register(secretData(Buffer.from('0123456789abcdef')), {
      attributes: [usage, activeSince(), attributeOf('Sensitive', true), attributeOf('Extractable', false)],
    });
    const { uniqueIdentifier } = await client.perform('DeriveKey', {
      objectType: 'SecretData',
      uniqueIdentifiers: [known, sensitive],
      derivationMethod: 'ENCRYPT',
      derivationParameters: {
        cryptographicParameters: { blockCipherMode: 'ECB', paddingMethod: 'None' },
      },
      attributes: [
        attributeOf('CryptographicLength', 128),
        attributeOf('Sensitive', false),
        attributeOf('Extractable', true),
      ],
    });
    await expect(client.getObject(uniqueIdentifier)).rejects.toMatchObject({ reason: 'NotExtractable' });
  });
});

describe('a batch that is undone', () => {
  test('gives out no results, and no ticket that lives on', async () => {
    await using raw = await RawClient.open(pki, kms.port);
    const uniqueIdentifier = await client.create({ attributes: [activeSince()] });
    const failing = item('Get', { uniqueIdentifier: 'absent' });
    const encrypt = item('Encrypt', {
      uniqueIdentifier,
      data: Buffer.alloc(16),
      cryptographicParameters: { blockCipherMode: 'ECB', paddingMethod: 'None' },
    });
    using issue = vi.spyOn(Tickets.prototype, 'issue');
    const items = [item('Get', { uniqueIdentifier }), encrypt, item('Login', {}), failing];
    const answer = await exchange(raw, '2.1', items, { batchErrorContinuationOption: 'Undo' });
    expect(answer.batchItems.map(({ resultStatus }) => resultStatus)).toEqual([
      'OperationUndone',
      'OperationUndone',
      'OperationUndone',
      'OperationFailed',
    ]);
    expect(answer.batchItems.map(({ responsePayload }) => responsePayload)).toEqual(
      items.map(() => undefined),
    );
    const ticket = issue.mock.results[0]?.value as Ticket;
    const authentication = { credentials: [{ type: 'Ticket' as const, value: { ticket } }] };
    const query = item('Query', { queryFunctions: ['QueryObjects'] });
    const { batchItems } = await exchange(raw, '2.1', [query], { authentication });
    expect(batchItems[0]?.resultReason).toBe('InvalidTicket');
  });
});

describe('a request that asks too much at once', () => {
  test('of splitting is refused before others have to wait', async () => {
    const uniqueIdentifier = await client.register(secretData(Buffer.alloc(100_000, 7)), {
      attributes: [attributeOf('CryptographicUsageMask', 0)],
    });
    const split = client.createSplitKey({
      uniqueIdentifier,
      parts: 255,
      threshold: 255,
      method: 'PolynomialSharingGF2_8',
    });
    await expect(split).rejects.toThrow(/bytes times parts times threshold/);
    const parts = await client.createSplitKey({ uniqueIdentifier, parts: 10, threshold: 10, method: 'XOR' });
    expect(parts).toHaveLength(10);
  });

  test('is refused before its answer takes the memory', async () => {
    const identifier = await client.register(
      { objectType: 'OpaqueObject', opaqueDataType: 0x80000001, opaqueDataValue: Buffer.alloc(900_000) },
      {},
    );
    await using raw = await RawClient.open(pki, kms.port);
    const gets = Array.from({ length: 64 }, () => item('Get', { uniqueIdentifier: identifier }));
    const answer = await exchange(raw, '2.1', gets);
    expect(answer.batchItems).toMatchObject([{ resultReason: 'ResponseTooLarge' }]);
    const few = await exchange(raw, '2.1', gets.slice(0, 2));
    expect(payloadOf(few.batchItems[1]!, 'Get').uniqueIdentifier).toBe(identifier);
  });
});
