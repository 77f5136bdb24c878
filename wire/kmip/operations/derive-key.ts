import { attributes } from '../attributes/attribute.js';
import type { ValueOf } from '../schema/codec.js';
import { byteString, integer, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, needed, optional, repeated, required, structure } from '../schema/structure.js';
import { cryptographicParameters } from '../structures/base.js';
import { identifierReference } from '../structures/identifier.js';
import { templateAttribute } from '../structures/template-attribute.js';

/** KMIP 1.4 §4.6, Tables 182 and 183; KMIP 2.1 §7.12, where Derivation Data may be repeated. */
export const derivationParameters = structure('Derivation Parameters', {
  cryptographicParameters: optional('CryptographicParameters', cryptographicParameters),
  initializationVector: optional('InitializationVector', byteString),
  derivationData: multiple('DerivationData', byteString),
  salt: optional('Salt', byteString),
  iterationCount: optional('IterationCount', integer),
});
/** {@link derivationParameters}. */
export type DerivationParameters = ValueOf<typeof derivationParameters>;

/** KMIP 1.4 §4.6, KMIP 2.1 §6.1.14. */
export const deriveKeyRequest = structure('Derive Key Request Payload', {
  objectType: required('ObjectType', enumeration('ObjectType')),
  uniqueIdentifiers: repeated('UniqueIdentifier', identifierReference),
  derivationMethod: required('DerivationMethod', enumeration('DerivationMethod')),
  derivationParameters: required('DerivationParameters', derivationParameters),
  templateAttribute: needed('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
  attributes: needed('Attributes', attributes, { since: '2.0' }),
});

/** KMIP 1.4 §4.6, KMIP 2.1 §6.1.14. */
export const deriveKeyResponse = structure('Derive Key Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, { since: '1.0', until: '1.4' }),
});
