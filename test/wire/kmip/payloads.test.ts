import { describe, expect, test } from 'vitest';

import type { ProtocolVersionName, ServerInformation, TypedOperation } from '../../../wire/kmip/index.js';
import {
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  protocolVersionOf,
  tagValue,
} from '../../../wire/kmip/index.js';

/** A response payload after a round trip. */
function answered(
  version: ProtocolVersionName,
  operation: TypedOperation,
  responsePayload: unknown,
): unknown {
  const header = { protocolVersion: protocolVersionOf(version), timeStamp: 0, batchCount: 1 };
  const bytes = encodeResponse({
    header,
    batchItems: [{ operation, resultStatus: 'Success', responsePayload }],
  });
  return decodeResponse(bytes).batchItems[0]?.responsePayload;
}

/** A request payload after a round trip. */
function asked(version: ProtocolVersionName, operation: TypedOperation, requestPayload: unknown): unknown {
  const header = { protocolVersion: protocolVersionOf(version), batchCount: 1 };
  const bytes = encodeRequest({ header, batchItems: [{ operation, requestPayload }] });
  return decodeRequest(bytes).batchItems[0]?.requestPayload;
}

describe('Server Information', () => {
  const vendorSpecific = [
    { tag: 0x540001, type: 'Integer', value: 7 },
    { tag: tagValue('ServerName'), type: 'Integer', value: 1 },
  ] as const;
  const full: ServerInformation = {
    serverName: 'kms',
    serverSerialNumber: '1',
    serverVersion: '2',
    serverLoad: '3 %',
    productName: 'kpsim',
    buildLevel: '4',
    buildDate: '2026-11-24',
    clusterInfo: 'two of three',
    alternateFailoverEndpoints: ['a:5696', 'b:5696'],
    vendorSpecific,
  };

  test('is what was written in KMIP 2.1', () => {
    const payload = { serverInformation: full, protectionStorageMasks: {} };
    expect(answered('2.1', 'Query', payload)).toEqual(payload);
  });

  test('holds the vendor’s own fields alone in KMIP 1.4', () => {
    expect(answered('1.4', 'Query', { serverInformation: full })).toEqual({
      serverInformation: { vendorSpecific },
    });
  });
});

test('an Extension Type is an Integer in KMIP 1.x and an Enumeration in 2.x', () => {
  const extension = { extensionName: 'ACME LOCATION', extensionTag: 0x54aa01, extensionType: 7 };
  const described = { ...extension, extensionAttribute: true, extensionDescription: 'where it is' };
  const payload = { extensionInformation: [described], protectionStorageMasks: {} };
  expect(answered('2.1', 'Query', payload)).toEqual(payload);
  expect(answered('1.1', 'Query', payload)).toEqual({ extensionInformation: [extension] });
});

test.each([{ seconds: 60 }, { until: 1_700_000_000 }])(
  'the Lease Time of a ticket may be %o',
  (leaseTime) => {
    expect(asked('2.0', 'Login', { leaseTime })).toEqual({ leaseTime });
  },
);

test.each(['C_GetInfo', 0x7f, { vendorDefined: 3 }])('a PKCS#11 Function may be %o', (called) => {
  const payload = { function: called, inputParameters: Buffer.from([1]) };
  expect(asked('2.1', 'PKCS_11', payload)).toEqual(payload);
});

test('Rights name operations, objects and, from KMIP 2.1, object groups', () => {
  const right = {
    operations: { operations: ['Get', 'Locate'] },
    objects: { uniqueIdentifiers: ['one', { of: 'IDPlaceholder' }, { index: 0 }] },
    usageLimits: { total: 3n, unit: 'Object' },
  };
  const grouped = { ...right, objectGroups: { objectGroups: ['night'] } };
  expect(asked('2.1', 'DelegatedLogin', { rights: { rights: [grouped] } })).toEqual({
    rights: { rights: [grouped] },
  });
  expect(asked('2.0', 'DelegatedLogin', { rights: { rights: [grouped] } })).toEqual({
    rights: { rights: [right] },
  });
});

test('Defaults Information names attributes by object type', () => {
  const objectDefaults = [
    { objectType: 'SymmetricKey', attributes: [{ name: 'CryptographicLength', value: 256 }] },
    { objectTypes: { objectTypes: ['PublicKey', 'PrivateKey'] }, attributes: [] },
  ];
  const payload = { defaultsInformation: { objectDefaults }, protectionStorageMasks: {} };
  expect(answered('2.1', 'Query', payload)).toEqual(payload);
});
