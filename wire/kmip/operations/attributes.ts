import {
  attribute,
  attributeNameText,
  attributeReference,
  attributes,
  oneAttribute,
} from '../attributes/attribute.js';
import { integer, textString } from '../schema/codec.js';
import { multiple, needed, optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';

const UNTIL_1_4 = { since: '1.0', until: '1.4' } as const;
const SINCE_2_0 = { since: '2.0' } as const;

/** KMIP 1.4 §4.12, KMIP 2.1 §6.1.20. */
export const getAttributesRequest = structure('Get Attributes Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  attributeNames: multiple('AttributeName', attributeNameText, UNTIL_1_4),
  attributeReferences: multiple('AttributeReference', attributeReference, SINCE_2_0),
});

/** KMIP 1.4 §4.12, KMIP 2.1 §6.1.20. */
export const getAttributesResponse = structure('Get Attributes Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  attributes: multiple('Attribute', attribute, UNTIL_1_4),
  attributesStructure: needed('Attributes', attributes, SINCE_2_0),
});

/** KMIP 1.4 §4.13, KMIP 2.1 §6.1.21. */
export const getAttributeListResponse = structure('Get Attribute List Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  attributeNames: multiple('AttributeName', attributeNameText, UNTIL_1_4),
  attributeReferences: multiple('AttributeReference', attributeReference, SINCE_2_0),
});

/** Add Attribute, and Set Attribute of 2.x. KMIP 1.4 §4.14, KMIP 2.1 §6.1.2 and §6.1.51. */
export const addAttributeRequest = structure('Add Attribute Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  attribute: needed('Attribute', attribute, UNTIL_1_4),
  newAttribute: needed('NewAttribute', oneAttribute, SINCE_2_0),
});

/** Add, Modify and Delete Attribute; 2.x returns the identifier only. KMIP 1.4 §4.14 to §4.16. */
export const changedAttributeResponse = structure('Attribute Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  attribute: needed('Attribute', attribute, UNTIL_1_4),
});

/** KMIP 1.4 §4.15, KMIP 2.1 §6.1.34. */
export const modifyAttributeRequest = structure('Modify Attribute Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  attribute: needed('Attribute', attribute, UNTIL_1_4),
  currentAttribute: optional('CurrentAttribute', oneAttribute, SINCE_2_0),
  newAttribute: needed('NewAttribute', oneAttribute, SINCE_2_0),
});

/** KMIP 1.4 §4.16, KMIP 2.1 §6.1.13. */
export const deleteAttributeRequest = structure('Delete Attribute Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  attributeName: needed('AttributeName', attributeNameText, UNTIL_1_4),
  attributeIndex: optional('AttributeIndex', integer, UNTIL_1_4),
  currentAttribute: optional('CurrentAttribute', oneAttribute, SINCE_2_0),
  attributeReference: optional('AttributeReference', attributeReference, SINCE_2_0),
});
