import { boolean, byteString, integer, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { optional, required, structure } from '../schema/structure.js';
import { cryptographicParameters } from '../structures/base.js';
import { identifierReference } from '../structures/identifier.js';

const SINCE_1_3 = { since: '1.3' } as const;
const SINCE_1_4 = { since: '1.4' } as const;

/** What requests of all operations with a key begin with. */
const keyFields = {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  cryptographicParameters: optional('CryptographicParameters', cryptographicParameters),
} as const;

/** How a request belongs to an operation in several parts. KMIP 1.4 §2.1.15 to §2.1.17. */
const partFields = {
  correlationValue: optional('CorrelationValue', byteString, SINCE_1_3),
  initIndicator: optional('InitIndicator', boolean, SINCE_1_3),
  finalIndicator: optional('FinalIndicator', boolean, SINCE_1_3),
} as const;

const correlationValue = optional('CorrelationValue', byteString, SINCE_1_3);
const additionalData = optional('AuthenticatedEncryptionAdditionalData', byteString, SINCE_1_4);
const tag = optional('AuthenticatedEncryptionTag', byteString, SINCE_1_4);
const usedKey = required('UniqueIdentifier', textString);
const data = optional('Data', byteString);
const digestedData = optional('DigestedData', byteString, SINCE_1_4);

/** KMIP 1.4 §4.29, KMIP 2.1 §6.1.17. */
export const encryptRequest = structure('Encrypt Request Payload', {
  ...keyFields,
  data,
  ivCounterNonce: optional('IVCounterNonce', byteString),
  ...partFields,
  additionalData,
});

/** KMIP 1.4 §4.29, KMIP 2.1 §6.1.17. */
export const encryptResponse = structure('Encrypt Response Payload', {
  uniqueIdentifier: usedKey,
  data,
  ivCounterNonce: optional('IVCounterNonce', byteString),
  correlationValue,
  tag,
});

/** KMIP 1.4 §4.30, KMIP 2.1 §6.1.11. */
export const decryptRequest = structure('Decrypt Request Payload', {
  ...keyFields,
  data,
  ivCounterNonce: optional('IVCounterNonce', byteString),
  ...partFields,
  additionalData,
  tag,
});

/** KMIP 1.4 §4.30, KMIP 2.1 §6.1.11. */
export const decryptResponse = structure('Decrypt Response Payload', {
  uniqueIdentifier: usedKey,
  data,
  correlationValue,
});

/** KMIP 1.4 §4.31, KMIP 2.1 §6.1.55. */
export const signRequest = structure('Sign Request Payload', {
  ...keyFields,
  data,
  digestedData,
  ...partFields,
});

/** KMIP 1.4 §4.31, KMIP 2.1 §6.1.55. */
export const signResponse = structure('Sign Response Payload', {
  uniqueIdentifier: usedKey,
  signatureData: optional('SignatureData', byteString),
  correlationValue,
});

/** KMIP 1.4 §4.32, KMIP 2.1 §6.1.56. */
export const signatureVerifyRequest = structure('Signature Verify Request Payload', {
  ...keyFields,
  data,
  digestedData,
  signatureData: optional('SignatureData', byteString),
  ...partFields,
});

/** KMIP 1.4 §4.32, KMIP 2.1 §6.1.56. */
export const signatureVerifyResponse = structure('Signature Verify Response Payload', {
  uniqueIdentifier: usedKey,
  validityIndicator: optional('ValidityIndicator', enumeration('ValidityIndicator')),
  data,
  correlationValue,
});

/** KMIP 1.4 §4.33, KMIP 2.1 §6.1.32. */
export const macRequest = structure('MAC Request Payload', { ...keyFields, data, ...partFields });

/** KMIP 1.4 §4.33, KMIP 2.1 §6.1.32. */
export const macResponse = structure('MAC Response Payload', {
  uniqueIdentifier: usedKey,
  macData: optional('MACData', byteString),
  correlationValue,
});

/** KMIP 1.4 §4.34, KMIP 2.1 §6.1.33. */
export const macVerifyRequest = structure('MAC Verify Request Payload', {
  ...keyFields,
  data,
  macData: optional('MACData', byteString),
  ...partFields,
});

/** KMIP 1.4 §4.34, KMIP 2.1 §6.1.33. */
export const macVerifyResponse = structure('MAC Verify Response Payload', {
  uniqueIdentifier: usedKey,
  validityIndicator: optional('ValidityIndicator', enumeration('ValidityIndicator')),
  correlationValue,
});

/** KMIP 1.4 §4.37, KMIP 2.1 §6.1.24. */
export const hashRequest = structure('Hash Request Payload', {
  cryptographicParameters: required('CryptographicParameters', cryptographicParameters),
  data,
  ...partFields,
});

/** KMIP 1.4 §4.37, KMIP 2.1 §6.1.24. */
export const hashResponse = structure('Hash Response Payload', { data, correlationValue });

/** KMIP 1.4 §4.35, KMIP 2.1 §6.1.49. */
export const rngRetrieveRequest = structure('RNG Retrieve Request Payload', {
  dataLength: required('DataLength', integer),
});

/** KMIP 1.4 §4.35, KMIP 2.1 §6.1.49. */
export const rngRetrieveResponse = structure('RNG Retrieve Response Payload', {
  data: required('Data', byteString),
});

/** KMIP 1.4 §4.36, KMIP 2.1 §6.1.50. */
export const rngSeedRequest = structure('RNG Seed Request Payload', { data: required('Data', byteString) });

/** KMIP 1.4 §4.36, KMIP 2.1 §6.1.50. */
export const rngSeedResponse = structure('RNG Seed Response Payload', {
  dataLength: required('DataLength', integer),
});
