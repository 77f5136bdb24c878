import { dateTime } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';
import { MANAGED_OBJECTS } from '../structures/managed-object.js';

/** KMIP 1.4 §4.24, KMIP 2.1 §6.1.57. */
export const validateRequest = structure('Validate Request Payload', {
  certificates: multiple('Certificate', MANAGED_OBJECTS.Certificate),
  uniqueIdentifiers: multiple('UniqueIdentifier', identifierReference),
  validityDate: optional('ValidityDate', dateTime),
});

/** KMIP 1.4 §4.24, KMIP 2.1 §6.1.57. */
export const validateResponse = structure('Validate Response Payload', {
  validityIndicator: required('ValidityIndicator', enumeration('ValidityIndicator')),
});
