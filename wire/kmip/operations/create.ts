import { attributes } from '../attributes/attribute.js';
import { integer, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, needed, optional, required, structure } from '../schema/structure.js';
import { templateAttribute } from '../structures/template-attribute.js';

/** KMIP 2.1 §7.33. */
export const protectionStorageMasks = structure('Protection Storage Masks', {
  masks: multiple('ProtectionStorageMask', integer),
});

/** KMIP 1.4 §4.1, KMIP 2.1 §6.1.8. */
export const createRequest = structure('Create Request Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  templateAttribute: needed('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
  attributes: needed('Attributes', attributes, { since: '2.0' }),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});

/** KMIP 1.4 §4.1, KMIP 2.1 §6.1.8. */
export const createResponse = structure('Create Response Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  uniqueIdentifier: required('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
});
