import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Logger } from '../../core/logging.js';
import { silentLogger } from '../../core/logging.js';
import type { Pkcs11Function } from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import type { Item } from './messages.js';
import { createItem, exchange, item, onlyItem, outcomes, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

/* Operations of KMIP 2.x about the connection between client and server rather than about objects. */

const lines: unknown[] = [];
const log: Logger = Object.assign(Object.create(silentLogger) as Logger, {
  info: (fields: unknown) => {
    lines.push(fields);
  },
});

let pki: TestPki;
let kms: TestKms;
let client: RawClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, { credentialRequired: true }, { log });
  client = await RawClient.open(pki, kms.port);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await kms[Symbol.asyncDispose]();
});

const ask = (...items: Item[]) => exchange(client, '2.1', items);

test('Ping is answered without a credential', async () => {
  expect(payloadOf(onlyItem(await ask(item('Ping', {}))), 'Ping')).toEqual({});
  expect(outcomes(await ask(item('Log', { logMessage: 'hello' })))).toEqual(['AuthenticationNotSuccessful']);
});

describe('with no credential needed', () => {
  beforeAll(async () => {
    await client[Symbol.asyncDispose]();
    await kms[Symbol.asyncDispose]();
    kms = await startKms(
      pki,
      { vendorIdentification: 'ACME', interopReset: true, ownerPolicy: 'per-client' },
      { log },
    );
    client = await RawClient.open(pki, kms.port);
  });

  test('Log writes into the log of the server', async () => {
    expect(outcomes(await ask(item('Log', { logMessage: 'Registered a symmetric key.' })))).toEqual([
      'Success',
    ]);
    expect(lines).toContainEqual({ client: 'vc-east', message: 'Registered a symmetric key.' });
  });

  test('Set Endpoint Role keeps the roles as they are', async () => {
    const server = payloadOf(
      onlyItem(await ask(item('SetEndpointRole', { endpointRole: 'Server' }))),
      'SetEndpointRole',
    );
    expect(server).toEqual({ endpointRole: 'Server' });
    expect(outcomes(await ask(item('SetEndpointRole', { endpointRole: 'Client' })))).toEqual([
      'PermissionDenied',
    ]);
    expect(outcomes(await ask(item('Ping', {})))).toEqual(['Success']);
  });

  test('Interop Reset removes the client’s objects, and only those', async () => {
    const { certificatePem: cert, privateKeyPem: key } = pki.west;
    await using other = await RawClient.open(pki, kms.port, { cert, key });
    const mine = payloadOf(onlyItem(await ask(createItem('2.1'))), 'Create').uniqueIdentifier;
    const theirs = payloadOf(
      onlyItem(await exchange(other, '2.1', [createItem('2.1')])),
      'Create',
    ).uniqueIdentifier;
    for (const interopFunction of ['Begin', 'End', 'Reset'] as const) {
      const answer = await ask(item('Interop', { interopFunction, interopIdentifier: 'case' }));
      expect(outcomes(answer)).toEqual(['Success']);
      const kept = interopFunction === 'Reset' ? 'ObjectNotFound' : 'Success';
      expect(outcomes(await ask(item('Get', { uniqueIdentifier: mine })))).toEqual([kept]);
    }
    expect(outcomes(await exchange(other, '2.1', [item('Get', { uniqueIdentifier: theirs })]))).toEqual([
      'Success',
    ]);
  });

  test.each(['Notify', 'Put'] as const)('%s is for servers to send', async (operation) => {
    expect(outcomes(await ask({ operation, requestPayload: [] }))).toEqual(['OperationNotSupported']);
  });

  describe('PKCS#11', () => {
    const call = async (called: Pkcs11Function, correlationValue?: Buffer, more = {}) =>
      onlyItem(await ask(item('PKCS_11', { function: called, correlationValue, ...more })));

    test('begins with C_Initialize and ends with C_Finalize', async () => {
      const { correlationValue, returnCode } = payloadOf(await call('C_Initialize'), 'PKCS_11');
      expect(returnCode).toBe('OK');
      const information = payloadOf(await call('C_GetInfo', correlationValue), 'PKCS_11').outputParameters!;
      expect(information).toHaveLength(76);
      expect(information.subarray(2, 34).toString()).toBe('ACME'.padEnd(32));
      for (const expected of ['OK', 'CRYPTOKI_NOT_INITIALIZED'])
        expect(payloadOf(await call('C_Finalize', correlationValue), 'PKCS_11').returnCode).toBe(expected);
      expect(payloadOf(await call('C_GetInfo', correlationValue), 'PKCS_11')).toEqual({
        function: 'C_GetInfo',
        returnCode: 'CRYPTOKI_NOT_INITIALIZED',
      });
    });

    test('is for the client that initialised it', async () => {
      const { correlationValue } = payloadOf(await call('C_Initialize'), 'PKCS_11');
      const { certificatePem: cert, privateKeyPem: key } = pki.west;
      await using other = await RawClient.open(pki, kms.port, { cert, key });
      const asked = item('PKCS_11', { function: 'C_GetInfo', correlationValue });
      expect(payloadOf(onlyItem(await exchange(other, '2.1', [asked])), 'PKCS_11').returnCode).toBe(
        'CRYPTOKI_NOT_INITIALIZED',
      );
    });

    test('says of every other function whether there is such a one', async () => {
      const { correlationValue } = payloadOf(await call('C_Initialize'), 'PKCS_11');
      expect(payloadOf(await call('C_GetSlotList', correlationValue), 'PKCS_11').returnCode).toBe(
        'FUNCTION_NOT_SUPPORTED',
      );
      expect((await call(93, correlationValue)).resultReason).toBe('PKCS_11InvalidFunction');
      expect((await call({ vendorDefined: 1 }, correlationValue)).resultReason).toBe(
        'PKCS_11InvalidFunction',
      );
      expect((await call('C_GetInfo', correlationValue, { interface: 'Vendor X' })).resultReason).toBe(
        'PKCS_11InvalidInterface',
      );
    });
  });
});

test('Interop Reset must be let by the configuration', async () => {
  await using own = await startKms(pki);
  await using raw = await RawClient.open(pki, own.port);
  const reset = item('Interop', { interopFunction: 'Reset', interopIdentifier: 'case' });
  expect(outcomes(await exchange(raw, '2.1', [createItem('2.1'), reset]))).toEqual([
    'Success',
    'PermissionDenied',
  ]);
  expect(await own.client().locate([])).toHaveLength(1);
});
