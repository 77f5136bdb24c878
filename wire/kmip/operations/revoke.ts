import { dateTime } from '../schema/codec.js';
import { optional, required, structure } from '../schema/structure.js';
import { revocationReason } from '../structures/base.js';
import { identifierReference } from '../structures/identifier.js';

/** KMIP 1.4 §4.20. */
export const revokeRequest = structure('Revoke Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  revocationReason: required('RevocationReason', revocationReason),
  compromiseOccurrenceDate: optional('CompromiseOccurrenceDate', dateTime),
});
