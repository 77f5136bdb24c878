import { afterAll, beforeAll, expect, test } from 'vitest';

import type { Attribute, ProtocolVersionName, ResponseMessage } from '../../wire/kmip/index.js';
import {
  attributeOf,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  protocolVersionOf,
} from '../../wire/kmip/index.js';
import type { TestKms, TestPki } from './harness.js';
import { makePki, startKms } from './harness.js';
import type { Item } from './messages.js';
import { item, onlyItem } from './messages.js';
import { RawClient } from './raw-client.js';

let pki: TestPki;
let kms: TestKms;

beforeAll(async () => {
  pki = await makePki();
  kms = await startKms(pki);
});
afterAll(() => kms[Symbol.asyncDispose]());

/** Where the minor number of the version is in every message. */
const MINOR_OFFSET = 48;

const comment = attributeOf('Comment', 'of 1.4');
const name = attributeOf('Name', { value: 'a template', type: 'UninterpretedTextString' });
const keyOf = (algorithm: 'AES' | 'ChaCha20', ...more: Attribute[]): Item =>
  item('Create', {
    objectType: 'SymmetricKey',
    templateAttribute: {
      attributes: [
        attributeOf('CryptographicAlgorithm', algorithm),
        attributeOf('CryptographicLength', 256),
        attributeOf('CryptographicUsageMask', 12),
        ...more,
      ],
    },
  });

/** A message of KMIP 1.4 that says it is of another 1.x. */
function relabelled(bytes: Buffer, version: ProtocolVersionName): Buffer {
  bytes.writeInt32BE(protocolVersionOf(version).minor, MINOR_OFFSET);
  return bytes;
}

/** The answer to a request that is written in the words of KMIP 1.4 and says it is of another 1.x. */
async function answerIn(version: ProtocolVersionName, one: Item): Promise<ResponseMessage> {
  await using client = await RawClient.open(pki, kms.port);
  const request = encodeRequest({
    header: { protocolVersion: protocolVersionOf('1.4'), batchCount: 1 },
    batchItems: [one],
  });
  return decodeResponse((await client.exchange(relabelled(request, version)))!);
}

test.each<[string, Item, string, ProtocolVersionName?]>([
  [
    'an attribute in a template',
    item('Register', {
      objectType: 'Template',
      templateAttribute: {},
      object: { objectType: 'Template', attributes: [name, comment] },
    }),
    "'Comment' is no attribute of KMIP 1.2.",
  ],
  [
    'an attribute in a Key Value',
    item('Register', {
      objectType: 'SymmetricKey',
      templateAttribute: { attributes: [attributeOf('CryptographicUsageMask', 12)] },
      object: {
        objectType: 'SymmetricKey',
        keyBlock: {
          keyFormatType: 'Raw',
          keyValue: { keyMaterial: Buffer.alloc(16, 1), attributes: [comment] },
          cryptographicAlgorithm: 'AES',
          cryptographicLength: 128,
        },
      },
    }),
    "'Comment' is no attribute of KMIP 1.2.",
  ],
  ['an attribute', keyOf('AES', comment), "'Comment' is no attribute of KMIP 1.2."],
  [
    'an operation',
    item('Hash', { data: Buffer.alloc(1), cryptographicParameters: { hashingAlgorithm: 'SHA_256' } }),
    'Hash is not performed here in KMIP 1.1.',
    '1.1',
  ],
  [
    'a type of link',
    keyOf('AES', attributeOf('Link', { type: 'ParentLink', linkedObjectIdentifier: 'x' })),
    'Link has a value that is none of KMIP 1.1.',
    '1.1',
  ],
  ['an algorithm', keyOf('ChaCha20'), 'Cryptographic Algorithm has a value that is none of KMIP 1.2.'],
])(
  '%s that a later version brought is refused before that version',
  async (_what, one, message, before: ProtocolVersionName = '1.2') => {
    expect(onlyItem(await answerIn('1.4', one))).toMatchObject({ resultStatus: 'Success' });
    expect(onlyItem(await answerIn(before, one))).toMatchObject({
      resultStatus: 'OperationFailed',
      resultMessage: message,
    });
  },
);

test('attributes go by the names of the specification, not by those of their tags', () => {
  const request = encodeRequest({
    header: { protocolVersion: protocolVersionOf('1.4'), batchCount: 1 },
    batchItems: [item('Locate', { attributes: [attributeOf('CryptographicLength', 256)] })],
  });
  const misspelt = Buffer.from(
    request.toString('latin1').replace('Cryptographic Length', 'CryptographicLength\0'),
    'latin1',
  );
  // the text is one byte shorter; its padding takes the place
  const at = misspelt.indexOf('CryptographicLength');
  misspelt.writeInt32BE('CryptographicLength'.length, at - 4);
  expect(() => decodeRequest(misspelt)).toThrow("'CryptographicLength' is no attribute of KMIP 1.4.");
});

test('an attribute of which a version can express nothing is none there', async () => {
  const { privateKeyUniqueIdentifier: id } = await kms
    .client({ protocolVersion: '2.1' })
    .perform('CreateKeyPair', {
      commonAttributes: [attributeOf('CryptographicAlgorithm', 'Ed25519')],
      privateKeyAttributes: [attributeOf('CryptographicUsageMask', 1)],
      publicKeyAttributes: [attributeOf('CryptographicUsageMask', 2)],
    });
  const names = ['CryptographicDomainParameters', 'CryptographicLength'];
  const listed = (protocolVersion: ProtocolVersionName) =>
    kms.client({ protocolVersion }).getAttributes(id, names);
  const length = attributeOf('CryptographicLength', 256);
  expect(await listed('2.0')).toEqual([
    attributeOf('CryptographicDomainParameters', { recommendedCurve: 'CURVE25519' }),
    length,
  ]);
  expect(await listed('1.4')).toEqual([length]);
});

test('answers may hold what came with later versions', () => {
  const answer = relabelled(
    encodeResponse({
      header: { protocolVersion: protocolVersionOf('1.4'), timeStamp: 0, batchCount: 2 },
      batchItems: [
        { resultStatus: 'OperationFailed', resultReason: 'Sensitive', resultMessage: 'no' },
        {
          operation: 'GetAttributes',
          resultStatus: 'Success',
          responsePayload: { uniqueIdentifier: 'a', attributes: [comment] },
        },
      ],
    }),
    '1.2',
  );
  expect(decodeResponse(answer).batchItems).toMatchObject([
    { resultReason: 'Sensitive' },
    { responsePayload: { attributes: [comment] } },
  ]);
});
