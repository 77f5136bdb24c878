import { attributes } from '../attributes/attribute.js';
import { textString } from '../schema/codec.js';
import { optional, required, structure } from '../schema/structure.js';
import { templateAttribute } from '../structures/template-attribute.js';
import { protectionStorageMasks } from './create.js';

const V1 = { since: '1.0', until: '1.4' } as const;
const V2 = { since: '2.0' } as const;

/** What a request says about both halves of a key pair and about each. */
export const keyPairAttributeFields = {
  commonTemplateAttribute: optional('CommonTemplateAttribute', templateAttribute, V1),
  privateKeyTemplateAttribute: optional('PrivateKeyTemplateAttribute', templateAttribute, V1),
  publicKeyTemplateAttribute: optional('PublicKeyTemplateAttribute', templateAttribute, V1),
  commonAttributes: optional('CommonAttributes', attributes, V2),
  privateKeyAttributes: optional('PrivateKeyAttributes', attributes, V2),
  publicKeyAttributes: optional('PublicKeyAttributes', attributes, V2),
  commonProtectionStorageMasks: optional('CommonProtectionStorageMasks', protectionStorageMasks, V2),
  privateProtectionStorageMasks: optional('PrivateProtectionStorageMasks', protectionStorageMasks, V2),
  publicProtectionStorageMasks: optional('PublicProtectionStorageMasks', protectionStorageMasks, V2),
} as const;

/** KMIP 1.4 §4.2, KMIP 2.1 §6.1.9. */
export const createKeyPairRequest = structure('Create Key Pair Request Payload', keyPairAttributeFields);

/** KMIP 1.4 §4.2, KMIP 2.1 §6.1.9; Re-key Key Pair answers alike. */
export const keyPairResponse = structure('Create Key Pair Response Payload', {
  privateKeyUniqueIdentifier: required('PrivateKeyUniqueIdentifier', textString),
  publicKeyUniqueIdentifier: required('PublicKeyUniqueIdentifier', textString),
  privateKeyTemplateAttribute: optional('PrivateKeyTemplateAttribute', templateAttribute, V1),
  publicKeyTemplateAttribute: optional('PublicKeyTemplateAttribute', templateAttribute, V1),
});
