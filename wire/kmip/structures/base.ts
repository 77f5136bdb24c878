import { boolean, byteString, integer, longInteger, textString } from '../schema/codec.js';
import type { Codec, ValueOf } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, required, structure } from '../schema/structure.js';
import { RANK_2_0 } from '../versions.js';
import { identifierReference } from './identifier.js';

/** KMIP 1.4 §3.2. */
export const name = structure('Name', {
  value: required('NameValue', textString),
  type: required('NameType', enumeration('NameType')),
});
/** A {@link name}. */
export type Name = ValueOf<typeof name>;

/** KMIP 1.4 §3.40. */
export const alternativeName = structure('Alternative Name', {
  value: required('AlternativeNameValue', textString),
  type: required('AlternativeNameType', enumeration('AlternativeNameType')),
});

/** KMIP 1.4 §3.35. */
export const link = structure('Link', {
  type: required('LinkType', enumeration('LinkType')),
  linkedObjectIdentifier: required('LinkedObjectIdentifier', identifierReference),
});
/** A {@link link}. */
export type Link = ValueOf<typeof link>;

/** KMIP 1.4 §3.17. */
export const digest = structure('Digest', {
  hashingAlgorithm: required('HashingAlgorithm', enumeration('HashingAlgorithm')),
  digestValue: optional('DigestValue', byteString),
  keyFormatType: optional('KeyFormatType', enumeration('KeyFormatType'), { since: '1.1' }),
});

/** KMIP 1.4 §3.6. */
export const cryptographicParameters = structure('Cryptographic Parameters', {
  blockCipherMode: optional('BlockCipherMode', enumeration('BlockCipherMode')),
  paddingMethod: optional('PaddingMethod', enumeration('PaddingMethod')),
  hashingAlgorithm: optional('HashingAlgorithm', enumeration('HashingAlgorithm')),
  keyRoleType: optional('KeyRoleType', enumeration('KeyRoleType')),
  digitalSignatureAlgorithm: optional('DigitalSignatureAlgorithm', enumeration('DigitalSignatureAlgorithm'), {
    since: '1.2',
  }),
  cryptographicAlgorithm: optional('CryptographicAlgorithm', enumeration('CryptographicAlgorithm'), {
    since: '1.2',
  }),
  randomIv: optional('RandomIV', boolean, { since: '1.2' }),
  ivLength: optional('IVLength', integer, { since: '1.2' }),
  tagLength: optional('TagLength', integer, { since: '1.2' }),
  fixedFieldLength: optional('FixedFieldLength', integer, { since: '1.2' }),
  invocationFieldLength: optional('InvocationFieldLength', integer, { since: '1.2' }),
  counterLength: optional('CounterLength', integer, { since: '1.2' }),
  initialCounterValue: optional('InitialCounterValue', integer, { since: '1.2' }),
  saltLength: optional('SaltLength', integer, { since: '1.4' }),
  maskGenerator: optional('MaskGenerator', enumeration('MaskGenerator'), { since: '1.4' }),
  maskGeneratorHashingAlgorithm: optional('MaskGeneratorHashingAlgorithm', enumeration('HashingAlgorithm'), {
    since: '1.4',
  }),
  pSource: optional('PSource', byteString, { since: '1.4' }),
  trailerField: optional('TrailerField', integer, { since: '1.4' }),
});
/** {@link cryptographicParameters}. */
export type CryptographicParameters = ValueOf<typeof cryptographicParameters>;

/** KMIP 1.4 §3.7. */
export const cryptographicDomainParameters = structure('Cryptographic Domain Parameters', {
  qLength: optional('Qlength', integer),
  recommendedCurve: optional('RecommendedCurve', enumeration('RecommendedCurve')),
});

/** KMIP 1.4 §3.21. */
export const usageLimits = structure('Usage Limits', {
  total: required('UsageLimitsTotal', longInteger),
  count: optional('UsageLimitsCount', longInteger),
  unit: required('UsageLimitsUnit', enumeration('UsageLimitsUnit')),
});

/** KMIP 1.4 §3.31. */
export const revocationReason = structure('Revocation Reason', {
  code: required('RevocationReasonCode', enumeration('RevocationReasonCode')),
  message: optional('RevocationMessage', textString),
});

/** KMIP 1.4 §3.36. */
export const applicationSpecificInformation = structure('Application Specific Information', {
  applicationNamespace: required('ApplicationNamespace', textString),
  applicationData: optional('ApplicationData', textString),
});

/** KMIP 1.4 §3.10. */
export const x509CertificateIdentifier = structure('X.509 Certificate Identifier', {
  issuerDistinguishedName: required('IssuerDistinguishedName', byteString),
  certificateSerialNumber: required('CertificateSerialNumber', byteString),
});

/** KMIP 1.4 §3.11. */
export const x509CertificateSubject = structure('X.509 Certificate Subject', {
  subjectDistinguishedName: required('SubjectDistinguishedName', byteString),
  subjectAlternativeNames: multiple('SubjectAlternativeName', byteString),
});

/** KMIP 1.4 §3.12. */
export const x509CertificateIssuer = structure('X.509 Certificate Issuer', {
  issuerDistinguishedName: required('IssuerDistinguishedName', byteString),
  issuerAlternativeNames: multiple('IssuerAlternativeName', byteString),
});

/** KMIP 1.4 §3.13, deprecated in 1.1. */
export const certificateIdentifier = structure('Certificate Identifier', {
  issuer: required('Issuer', textString),
  serialNumber: optional('SerialNumber', textString),
});

/** KMIP 1.4 §3.14, deprecated in 1.1. */
export const certificateSubject = structure('Certificate Subject', {
  distinguishedName: required('CertificateSubjectDistinguishedName', textString),
  alternativeNames: multiple('CertificateSubjectAlternativeName', textString),
});

/** KMIP 1.4 §3.15, deprecated in 1.1. */
export const certificateIssuer = structure('Certificate Issuer', {
  distinguishedName: required('CertificateIssuerDistinguishedName', textString),
  alternativeNames: multiple('CertificateIssuerAlternativeName', textString),
});

/** KMIP 1.4 §3.42. */
export const keyValueLocation = structure('Key Value Location', {
  value: required('KeyValueLocationValue', textString),
  type: required('KeyValueLocationType', enumeration('KeyValueLocationType')),
});

/** KMIP 1.4 §2.1.18. */
export const rngParameters = structure('RNG Parameters', {
  rngAlgorithm: required('RNGAlgorithm', enumeration('RNGAlgorithm')),
  cryptographicAlgorithm: optional('CryptographicAlgorithm', enumeration('CryptographicAlgorithm')),
  cryptographicLength: optional('CryptographicLength', integer),
  hashingAlgorithm: optional('HashingAlgorithm', enumeration('HashingAlgorithm')),
  drbgAlgorithm: optional('DRBGAlgorithm', enumeration('DRBGAlgorithm')),
  recommendedCurve: optional('RecommendedCurve', enumeration('RecommendedCurve')),
  fips186Variation: optional('FIPS186Variation', enumeration('FIPS186Variation')),
  predictionResistance: optional('PredictionResistance', boolean),
});

/** KMIP 2.1 §4.53. */
export const rotateName = structure('Rotate Name', {
  value: required('RotateNameValue', textString),
  type: required('RotateNameType', enumeration('RotateNameType')),
});

/** KMIP 1.4 §2.1.14. */
export const nonce = structure('Nonce', {
  nonceId: required('NonceID', byteString),
  nonceValue: required('NonceValue', byteString),
});

/** An Item Type: an Integer in KMIP 1.x, an Enumeration in 2.x (2.1 §7.13). */
const itemType: Codec<number> = {
  read: (reader) => (reader.rank >= RANK_2_0 ? reader.enumeration() : reader.integer()),
  write: (writer, tag, value) => {
    if (writer.rank >= RANK_2_0) writer.enumeration(tag, value);
    else writer.integer(tag, value);
  },
};

/** KMIP 1.4 §2.1.9, KMIP 2.1 §7.13. */
export const extensionInformation = structure('Extension Information', {
  extensionName: required('ExtensionName', textString),
  extensionTag: optional('ExtensionTag', integer),
  extensionType: optional('ExtensionType', itemType),
  extensionEnumeration: optional('ExtensionEnumeration', integer, { since: '2.0' }),
  extensionAttribute: optional('ExtensionAttribute', boolean, { since: '2.0' }),
  extensionParentStructureTag: optional('ExtensionParentStructureTag', integer, { since: '2.0' }),
  extensionDescription: optional('ExtensionDescription', textString, { since: '2.0' }),
});
