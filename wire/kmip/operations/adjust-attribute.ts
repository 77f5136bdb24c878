import { attributeReference } from '../attributes/attribute.js';
import { anyValue } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';

/** KMIP 2.1 §6.1.3. */
export const adjustAttributeRequest = structure('Adjust Attribute Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  attributeReference: required('AttributeReference', attributeReference),
  adjustmentType: required('AdjustmentType', enumeration('AdjustmentType')),
  adjustmentValue: optional('AdjustmentValue', anyValue),
});
