import { attribute, attributes } from '../attributes/attribute.js';
import { boolean, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, needed, optional, required, structure } from '../schema/structure.js';
import { managedObjectField } from '../structures/managed-object.js';
import { getRequest } from './get.js';

/** KMIP 1.4 §4.40, KMIP 2.1 §6.1.18: the fields of Get, with the same meanings. */
export const exportRequest = structure('Export Request Payload', getRequest.shape);

/** KMIP 1.4 §4.40, KMIP 2.1 §6.1.18. A destroyed object has its attributes only. */
export const exportResponse = structure('Export Response Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  uniqueIdentifier: required('UniqueIdentifier', textString),
  attributes: multiple('Attribute', attribute, { since: '1.4', until: '1.4' }),
  attributesStructure: needed('Attributes', attributes, { since: '2.0' }),
  object: managedObjectField('optional'),
});

/** KMIP 1.4 §4.41, where Object Type is not a field of its own; KMIP 2.1 §6.1.25. */
export const importRequest = structure('Import Request Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  objectType: optional('ObjectType', enumeration('ObjectType')),
  replaceExisting: optional('ReplaceExisting', boolean),
  keyWrapType: optional('KeyWrapType', enumeration('KeyWrapType')),
  attributes: multiple('Attribute', attribute, { since: '1.4', until: '1.4' }),
  attributesStructure: needed('Attributes', attributes, { since: '2.0' }),
  object: managedObjectField('required'),
});

/** KMIP 1.4 §4.41, KMIP 2.1 §6.1.25. */
export const importResponse = structure('Import Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
});
