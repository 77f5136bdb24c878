import { attributes } from '../attributes/attribute.js';
import { bigInteger, integer, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { needed, optional, repeated, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';
import { templateAttribute } from '../structures/template-attribute.js';
import { protectionStorageMasks } from './create.js';

/** KMIP 1.4 §4.38, KMIP 2.1 §6.1.10. */
export const createSplitKeyRequest = structure('Create Split Key Request Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  splitKeyParts: required('SplitKeyParts', integer),
  splitKeyThreshold: required('SplitKeyThreshold', integer),
  splitKeyMethod: required('SplitKeyMethod', enumeration('SplitKeyMethod')),
  primeFieldSize: optional('PrimeFieldSize', bigInteger),
  templateAttribute: needed('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
  attributes: needed('Attributes', attributes, { since: '2.0' }),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});

/** KMIP 1.4 §4.38, KMIP 2.1 §6.1.10. The identifiers are in the order of the Key Part Identifiers. */
export const createSplitKeyResponse = structure('Create Split Key Response Payload', {
  uniqueIdentifiers: repeated('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
});

/** KMIP 1.4 §4.39, KMIP 2.1 §6.1.27. */
export const joinSplitKeyRequest = structure('Join Split Key Request Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  uniqueIdentifiers: repeated('UniqueIdentifier', identifierReference),
  secretDataType: optional('SecretDataType', enumeration('SecretDataType')),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
  attributes: optional('Attributes', attributes, { since: '2.0' }),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});

/** KMIP 1.4 §4.39, KMIP 2.1 §6.1.27. */
export const joinSplitKeyResponse = structure('Join Split Key Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
});
