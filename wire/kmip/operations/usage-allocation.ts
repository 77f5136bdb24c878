import { longInteger } from '../schema/codec.js';
import { optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';

/** KMIP 1.4 §4.18, KMIP 2.1 §6.1.23. */
export const getUsageAllocationRequest = structure('Get Usage Allocation Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  usageLimitsCount: required('UsageLimitsCount', longInteger),
});
