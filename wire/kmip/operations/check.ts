import { integer, interval, longInteger, textString } from '../schema/codec.js';
import { optional, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';

const CHECKED = {
  usageLimitsCount: optional('UsageLimitsCount', longInteger),
  cryptographicUsageMask: optional('CryptographicUsageMask', integer),
  leaseTime: optional('LeaseTime', interval),
} as const;

/** KMIP 1.4 §4.10, KMIP 2.1 §6.1.7. */
export const checkRequest = structure('Check Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  ...CHECKED,
});

/** The identifier, or of a refused Check the values for which it was refused. KMIP 1.4 §4.10, KMIP 2.1 §6.1.7. */
export const checkResponse = structure('Check Response Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', textString),
  ...CHECKED,
});
