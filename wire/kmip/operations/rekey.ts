import { attributes } from '../attributes/attribute.js';
import { interval, textString } from '../schema/codec.js';
import { optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';
import { templateAttribute } from '../structures/template-attribute.js';
import { protectionStorageMasks } from './create.js';

/** KMIP 1.4 §4.4, KMIP 2.1 §6.1.46. */
export const rekeyRequest = structure('Re-key Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  offset: optional('Offset', interval),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
  attributes: optional('Attributes', attributes, { since: '2.0' }),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, { since: '2.0' }),
});

/** KMIP 1.4 §4.4, KMIP 2.1 §6.1.46. */
export const rekeyResponse = structure('Re-key Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
});
