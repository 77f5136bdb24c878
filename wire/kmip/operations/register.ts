import { attributes } from '../attributes/attribute.js';
import { textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { needed, optional, required, structure } from '../schema/structure.js';
import { managedObjectField } from '../structures/managed-object.js';
import { templateAttribute } from '../structures/template-attribute.js';
import { protectionStorageMasks } from './create.js';

/** KMIP 1.4 §4.3, KMIP 2.1 §6.1.43. */
export const registerRequest = structure('Register Request Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  templateAttribute: needed('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
  attributes: needed('Attributes', attributes, { since: '2.0' }),
  object: managedObjectField('optional'),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});

/** KMIP 1.4 §4.3, KMIP 2.1 §6.1.43. */
export const registerResponse = structure('Register Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
});
