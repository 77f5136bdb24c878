import { attributeOf, decodeResponse, encodeRequest, protocolVersionOf } from '../../wire/kmip/index.js';
import type { OperationName } from '../../wire/kmip/index.js';

/** KMIP 1.1, as vCenter speaks it. */
function requestOf(operation: OperationName, requestPayload: unknown): Buffer {
  return encodeRequest({
    header: { protocolVersion: protocolVersionOf('1.1'), batchCount: 1 },
    batchItems: [{ operation, requestPayload }],
  });
}

/** Create as vCenter sends it: AES, Encrypt and Decrypt, 256 bits. */
export function createRequest(): Buffer {
  const attributes = [
    attributeOf('CryptographicAlgorithm', 'AES'),
    attributeOf('CryptographicUsageMask', 0x0c),
    attributeOf('CryptographicLength', 256),
  ];
  return requestOf('Create', { objectType: 'SymmetricKey', templateAttribute: { attributes } });
}

/** Get of a key as it is stored. */
export function getRequest(uniqueIdentifier: string): Buffer {
  return requestOf('Get', { uniqueIdentifier });
}

/** The Unique Identifier in the response to a Create. */
export function createdIdentifier(response: Buffer): string {
  const payload = decodeResponse(response).batchItems[0]?.responsePayload;
  if (typeof payload === 'object' && payload !== null && 'uniqueIdentifier' in payload) {
    return String(payload.uniqueIdentifier);
  }
  throw new Error('the response to Create names no object');
}
