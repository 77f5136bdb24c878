import { textString } from '../schema/codec.js';
import { optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';

/** Request payload of an operation that needs nothing but an object; the ID Placeholder if it is left out. */
export const objectRequest = structure('Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
});

/** Response payload of an operation that returns nothing but the object's identifier. */
export const objectResponse = structure('Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
});
