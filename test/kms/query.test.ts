import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { VERSION } from '../../core/version.js';
import { supportedOperations } from '../../kms/operations/registry.js';
import type { NameIn, ProtocolVersionName, ResponsePayload } from '../../wire/kmip/index.js';
import {
  PROTOCOL_VERSIONS,
  attributeOf,
  enumerationExistsIn,
  enumerationRows,
  rankOf,
} from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import { createItem, exchange, item, onlyItem, outcomes, payloadOf } from './messages.js';
import { RawClient } from './raw-client.js';

const EVERY_FUNCTION = Object.keys(enumerationRows('QueryFunction')) as NameIn<'QueryFunction'>[];

let pki: TestPki;
let kms: TestKms;
let client: RawClient;
beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki, {
    name: 'kms-east',
    vendorIdentification: 'kpsim test',
    serverInformation: {
      serverSerialNumber: '4711',
      alternateFailoverEndpoints: ['kms-2:5696', 'kms-3:5696'],
    },
    applicationNamespaces: ['VOLUME'],
    extensions: [{ name: 'ACME LOCATION', tag: 0x54aa01, type: 'TextString' }],
    attestation: { accepted: ['0a0b'], types: ['TPMQuote', 'SAMLAssertion'] },
  });
  client = await RawClient.open(pki, kms.port);
});
afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await kms[Symbol.asyncDispose]();
});

async function query(
  version: ProtocolVersionName,
  ...queryFunctions: NameIn<'QueryFunction'>[]
): Promise<ResponsePayload<'Query'>> {
  return payloadOf(onlyItem(await exchange(client, version, [item('Query', { queryFunctions })])), 'Query');
}

test.each(PROTOCOL_VERSIONS)(
  'KMIP %s: every function that there is can be asked for together',
  async (version) => {
    const rank = rankOf(version);
    const functions = EVERY_FUNCTION.filter((name) => enumerationExistsIn('QueryFunction', name, rank));
    const answer = await query(version, ...functions);
    expect(answer.operations).toEqual(supportedOperations(rank));
    expect(answer.applicationNamespaces).toEqual(['VOLUME']);
    expect(answer.capabilityInformation?.length).toBe(rank >= rankOf('1.3') ? 1 : undefined);
  },
);

describe('Server Information', () => {
  test('has the fields of KMIP 2.1', async () => {
    expect(await query('2.1', 'QueryServerInformation')).toEqual({
      vendorIdentification: 'kpsim test',
      serverInformation: {
        serverName: 'kms-east',
        serverSerialNumber: '4711',
        serverVersion: VERSION,
        productName: 'kpsim',
        alternateFailoverEndpoints: ['kms-2:5696', 'kms-3:5696'],
      },
      protectionStorageMasks: {},
    });
  });

  test('is empty in KMIP 1.x, which has no fields for it', async () => {
    expect(await query('1.4', 'QueryServerInformation')).toEqual({
      vendorIdentification: 'kpsim test',
      serverInformation: {},
    });
  });
});

describe('extensions', () => {
  const listed = { extensionName: 'ACME LOCATION' };
  const mapped = { ...listed, extensionTag: 0x54aa01, extensionType: 7 };

  test.each(['1.1', '2.1'] as const)(
    'KMIP %s: the map tells tag and type, and goes before the list',
    async (version) => {
      expect((await query(version, 'QueryExtensionList')).extensionInformation).toEqual([listed]);
      expect((await query(version, 'QueryExtensionMap')).extensionInformation).toEqual([mapped]);
      for (const both of [
        ['QueryExtensionMap', 'QueryExtensionList'],
        ['QueryExtensionList', 'QueryExtensionMap'],
      ] as const)
        expect((await query(version, ...both)).extensionInformation).toEqual([mapped]);
    },
  );
});

test('attestation is offered if anything is right to be attested', async () => {
  const functions = ['QueryAttestationTypes', 'QueryCapabilities'] as const;
  const offered = await query('1.4', ...functions);
  expect(offered.attestationTypes).toEqual(['TPMQuote', 'SAMLAssertion']);
  expect(offered.capabilityInformation).toMatchObject([{ attestationCapability: true }]);
  await using own = await startKms(pki);
  const answer = await own.client().query([...functions]);
  expect(answer.attestationTypes).toBeUndefined();
  expect(answer.capabilityInformation).toMatchObject([{ attestationCapability: false }]);
});

test('profiles are told by the names of the version spoken', async () => {
  const names = async (version: ProtocolVersionName) =>
    (await query(version, 'QueryProfiles')).profileInformation?.map(({ profileName }) => profileName);
  expect(await names('1.3')).toBeUndefined();
  expect(await names('1.4')).toContain('TapeLibraryServerKMIPV1_4');
  expect(await names('2.1')).toContain('TapeLibraryServer');
  expect((await query('2.1', 'QueryProfiles')).profileInformation?.[0]?.profileVersion).toEqual({
    major: 2,
    minor: 1,
  });
});

test('what is not configured is not asserted', async () => {
  expect(await query('2.1', 'QueryValidations')).toEqual({ protectionStorageMasks: {} });
  expect(await query('1.4', 'QueryValidations')).toEqual({});
});

test('keys are protected by software', async () => {
  const { protectionStorageMasks } = await query('2.1', 'QueryStorageProtectionMasks');
  expect(protectionStorageMasks).toEqual({ masks: [1] });
});

test('an Object Group that is asked about must be there', async () => {
  const ask = async (group: string) =>
    outcomes(
      await exchange(client, '2.1', [
        item('Query', {
          queryFunctions: ['QueryOperations'],
          objectGroups: { objectGroups: [group] },
        }),
      ]),
    );
  expect(await ask('default')).toEqual(['Success']);
  expect(await ask('night')).toEqual(['UnknownObjectGroup']);
  const joined = item('AddAttribute', { newAttribute: attributeOf('ObjectGroup', 'night') });
  expect(outcomes(await exchange(client, '2.1', [createItem('2.1'), joined]))).toEqual([
    'Success',
    'Success',
  ]);
  expect(await ask('night')).toEqual(['Success']);
});
