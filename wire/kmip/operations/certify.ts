import { attributes } from '../attributes/attribute.js';
import { byteString, interval, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { optional, required, structure } from '../schema/structure.js';
import { identifierReference } from '../structures/identifier.js';
import { templateAttribute } from '../structures/template-attribute.js';
import { protectionStorageMasks } from './create.js';

const V1 = { since: '1.0', until: '1.4' } as const;
const V2 = { since: '2.0' } as const;

const request = {
  certificateRequestType: optional('CertificateRequestType', enumeration('CertificateRequestType')),
  certificateRequest: optional('CertificateRequest', byteString, V1),
  certificateRequestValue: optional('CertificateRequestValue', byteString, V2),
} as const;
const wanted = {
  templateAttribute: optional('TemplateAttribute', templateAttribute, V1),
  attributes: optional('Attributes', attributes, V2),
  protectionStorageMasks: optional('ProtectionStorageMasks', protectionStorageMasks, V2),
} as const;

/** KMIP 1.4 §4.7, KMIP 2.1 §6.1.6. */
export const certifyRequest = structure('Certify Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  ...request,
  ...wanted,
});

/** KMIP 1.4 §4.8, KMIP 2.1 §6.1.45. */
export const recertifyRequest = structure('Re-certify Request Payload', {
  uniqueIdentifier: optional('UniqueIdentifier', identifierReference),
  certificateRequestUniqueIdentifier: optional('CertificateRequestUniqueIdentifier', identifierReference, V2),
  ...request,
  offset: optional('Offset', interval),
  ...wanted,
});

/** KMIP 1.4 §4.7 and §4.8. */
export const certifyResponse = structure('Certify Response Payload', {
  uniqueIdentifier: required('UniqueIdentifier', textString),
  templateAttribute: optional('TemplateAttribute', templateAttribute, V1),
});
