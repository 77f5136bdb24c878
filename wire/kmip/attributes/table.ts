import type { Codec, ValueOf } from '../schema/codec.js';
import { boolean, byteString, dateTime, integer, interval, textString } from '../schema/codec.js';
import { enumeration } from '../schema/enumeration.js';
import { isStructure } from '../schema/structure.js';
import {
  alternativeName,
  applicationSpecificInformation,
  certificateIdentifier,
  certificateIssuer,
  certificateSubject,
  cryptographicDomainParameters,
  cryptographicParameters,
  digest,
  keyValueLocation,
  link,
  name,
  revocationReason,
  rngParameters,
  rotateName,
  usageLimits,
  x509CertificateIdentifier,
  x509CertificateIssuer,
  x509CertificateSubject,
} from '../structures/base.js';
import type { TagName } from '../tables/tag-names.js';
import type { TtlvValue } from '../ttlv/tree.js';
import type { VersionRange } from '../versions.js';

/** How one attribute is named and encoded. Who may set it and when is the server's table, not this one. */
export interface AttributeRow extends VersionRange {
  /** Attribute Name in KMIP 1.x; 2.x uses the tag, which is the row's key. */
  readonly text: string;
  // The codecs of a table have as many types as rows; each is used with its own values only.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly codec: Codec<any>;
}

/** An Enumeration without values of its own (all are extensions). */
const anyEnumeration: Codec<number> = {
  read: (reader) => reader.enumeration(),
  write: (writer, tag, value) => writer.enumeration(tag, value),
};

/** Every attribute, by its tag. KMIP 1.4 §3, KMIP 2.1 §4. */
export const ATTRIBUTES = {
  UniqueIdentifier: { text: 'Unique Identifier', codec: textString, since: '1.0' },
  Name: { text: 'Name', codec: name, since: '1.0' },
  ObjectType: { text: 'Object Type', codec: enumeration('ObjectType'), since: '1.0' },
  CryptographicAlgorithm: {
    text: 'Cryptographic Algorithm',
    codec: enumeration('CryptographicAlgorithm'),
    since: '1.0',
  },
  CryptographicLength: { text: 'Cryptographic Length', codec: integer, since: '1.0' },
  CryptographicParameters: { text: 'Cryptographic Parameters', codec: cryptographicParameters, since: '1.0' },
  CryptographicDomainParameters: {
    text: 'Cryptographic Domain Parameters',
    codec: cryptographicDomainParameters,
    since: '1.0',
  },
  CertificateType: { text: 'Certificate Type', codec: enumeration('CertificateType'), since: '1.0' },
  CertificateLength: { text: 'Certificate Length', codec: integer, since: '1.1' },
  X_509CertificateIdentifier: {
    text: 'X.509 Certificate Identifier',
    codec: x509CertificateIdentifier,
    since: '1.1',
  },
  X_509CertificateSubject: {
    text: 'X.509 Certificate Subject',
    codec: x509CertificateSubject,
    since: '1.1',
  },
  X_509CertificateIssuer: { text: 'X.509 Certificate Issuer', codec: x509CertificateIssuer, since: '1.1' },
  CertificateIdentifier: {
    text: 'Certificate Identifier',
    codec: certificateIdentifier,
    since: '1.0',
    until: '1.4',
  },
  CertificateSubject: { text: 'Certificate Subject', codec: certificateSubject, since: '1.0', until: '1.4' },
  CertificateIssuer: { text: 'Certificate Issuer', codec: certificateIssuer, since: '1.0', until: '1.4' },
  DigitalSignatureAlgorithm: {
    text: 'Digital Signature Algorithm',
    codec: enumeration('DigitalSignatureAlgorithm'),
    since: '1.1',
  },
  // The parts of a certificate's names (KMIP 2.1 §4.6, with tags since 1.4).
  CertificateSubjectCN: { text: 'Certificate Subject CN', codec: textString, since: '1.4' },
  CertificateSubjectO: { text: 'Certificate Subject O', codec: textString, since: '1.4' },
  CertificateSubjectOU: { text: 'Certificate Subject OU', codec: textString, since: '1.4' },
  CertificateSubjectEmail: { text: 'Certificate Subject Email', codec: textString, since: '1.4' },
  CertificateSubjectC: { text: 'Certificate Subject C', codec: textString, since: '1.4' },
  CertificateSubjectST: { text: 'Certificate Subject ST', codec: textString, since: '1.4' },
  CertificateSubjectL: { text: 'Certificate Subject L', codec: textString, since: '1.4' },
  CertificateSubjectUID: { text: 'Certificate Subject UID', codec: textString, since: '1.4' },
  CertificateSubjectSerialNumber: {
    text: 'Certificate Subject Serial Number',
    codec: textString,
    since: '1.4',
  },
  CertificateSubjectTitle: { text: 'Certificate Subject Title', codec: textString, since: '1.4' },
  CertificateSubjectDC: { text: 'Certificate Subject DC', codec: textString, since: '1.4' },
  CertificateSubjectDNQualifier: {
    text: 'Certificate Subject DN Qualifier',
    codec: textString,
    since: '1.4',
  },
  CertificateIssuerCN: { text: 'Certificate Issuer CN', codec: textString, since: '1.4' },
  CertificateIssuerO: { text: 'Certificate Issuer O', codec: textString, since: '1.4' },
  CertificateIssuerOU: { text: 'Certificate Issuer OU', codec: textString, since: '1.4' },
  CertificateIssuerEmail: { text: 'Certificate Issuer Email', codec: textString, since: '1.4' },
  CertificateIssuerC: { text: 'Certificate Issuer C', codec: textString, since: '1.4' },
  CertificateIssuerST: { text: 'Certificate Issuer ST', codec: textString, since: '1.4' },
  CertificateIssuerL: { text: 'Certificate Issuer L', codec: textString, since: '1.4' },
  CertificateIssuerUID: { text: 'Certificate Issuer UID', codec: textString, since: '1.4' },
  CertificateIssuerSerialNumber: {
    text: 'Certificate Issuer Serial Number',
    codec: textString,
    since: '1.4',
  },
  CertificateIssuerTitle: { text: 'Certificate Issuer Title', codec: textString, since: '1.4' },
  CertificateIssuerDC: { text: 'Certificate Issuer DC', codec: textString, since: '1.4' },
  CertificateIssuerDNQualifier: { text: 'Certificate Issuer DN Qualifier', codec: textString, since: '1.4' },
  Digest: { text: 'Digest', codec: digest, since: '1.0' },
  OperationPolicyName: { text: 'Operation Policy Name', codec: textString, since: '1.0', until: '1.4' },
  CryptographicUsageMask: { text: 'Cryptographic Usage Mask', codec: integer, since: '1.0' },
  LeaseTime: { text: 'Lease Time', codec: interval, since: '1.0' },
  UsageLimits: { text: 'Usage Limits', codec: usageLimits, since: '1.0' },
  State: { text: 'State', codec: enumeration('State'), since: '1.0' },
  InitialDate: { text: 'Initial Date', codec: dateTime, since: '1.0' },
  ActivationDate: { text: 'Activation Date', codec: dateTime, since: '1.0' },
  ProcessStartDate: { text: 'Process Start Date', codec: dateTime, since: '1.0' },
  ProtectStopDate: { text: 'Protect Stop Date', codec: dateTime, since: '1.0' },
  DeactivationDate: { text: 'Deactivation Date', codec: dateTime, since: '1.0' },
  DestroyDate: { text: 'Destroy Date', codec: dateTime, since: '1.0' },
  CompromiseOccurrenceDate: { text: 'Compromise Occurrence Date', codec: dateTime, since: '1.0' },
  CompromiseDate: { text: 'Compromise Date', codec: dateTime, since: '1.0' },
  RevocationReason: { text: 'Revocation Reason', codec: revocationReason, since: '1.0' },
  ArchiveDate: { text: 'Archive Date', codec: dateTime, since: '1.0' },
  ObjectGroup: { text: 'Object Group', codec: textString, since: '1.0' },
  Fresh: { text: 'Fresh', codec: boolean, since: '1.1' },
  Link: { text: 'Link', codec: link, since: '1.0' },
  ApplicationSpecificInformation: {
    text: 'Application Specific Information',
    codec: applicationSpecificInformation,
    since: '1.0',
  },
  ContactInformation: { text: 'Contact Information', codec: textString, since: '1.0' },
  LastChangeDate: { text: 'Last Change Date', codec: dateTime, since: '1.0' },
  AlternativeName: { text: 'Alternative Name', codec: alternativeName, since: '1.2' },
  KeyValuePresent: { text: 'Key Value Present', codec: boolean, since: '1.2' },
  KeyValueLocation: { text: 'Key Value Location', codec: keyValueLocation, since: '1.2' },
  OriginalCreationDate: { text: 'Original Creation Date', codec: dateTime, since: '1.2' },
  RandomNumberGenerator: { text: 'Random Number Generator', codec: rngParameters, since: '1.3' },
  PKCS_12FriendlyName: { text: 'PKCS#12 Friendly Name', codec: textString, since: '1.4' },
  Description: { text: 'Description', codec: textString, since: '1.4' },
  Comment: { text: 'Comment', codec: textString, since: '1.4' },
  Sensitive: { text: 'Sensitive', codec: boolean, since: '1.4' },
  AlwaysSensitive: { text: 'Always Sensitive', codec: boolean, since: '1.4' },
  Extractable: { text: 'Extractable', codec: boolean, since: '1.4' },
  NeverExtractable: { text: 'Never Extractable', codec: boolean, since: '1.4' },
  KeyFormatType: { text: 'Key Format Type', codec: enumeration('KeyFormatType'), since: '2.0' },
  NISTKeyType: { text: 'NIST Key Type', codec: enumeration('NISTKeyType'), since: '2.0' },
  OpaqueDataType: { text: 'Opaque Data Type', codec: anyEnumeration, since: '2.0' },
  ProtectionLevel: { text: 'Protection Level', codec: enumeration('ProtectionLevel'), since: '2.0' },
  ProtectionPeriod: { text: 'Protection Period', codec: interval, since: '2.0' },
  ProtectionStorageMask: { text: 'Protection Storage Mask', codec: integer, since: '2.0' },
  QuantumSafe: { text: 'Quantum Safe', codec: boolean, since: '2.0' },
  ShortUniqueIdentifier: { text: 'Short Unique Identifier', codec: byteString, since: '2.0' },
  RotateAutomatic: { text: 'Rotate Automatic', codec: boolean, since: '2.1' },
  RotateDate: { text: 'Rotate Date', codec: dateTime, since: '2.1' },
  RotateGeneration: { text: 'Rotate Generation', codec: integer, since: '2.1' },
  RotateInterval: { text: 'Rotate Interval', codec: interval, since: '2.1' },
  RotateLatest: { text: 'Rotate Latest', codec: boolean, since: '2.1' },
  RotateName: { text: 'Rotate Name', codec: rotateName, since: '2.1' },
  RotateOffset: { text: 'Rotate Offset', codec: interval, since: '2.1' },
} as const satisfies Partial<Record<TagName, AttributeRow>>;

/** Name of a standard attribute, as its tag. */
export type AttributeName = keyof typeof ATTRIBUTES;

/** Type of the values of a standard attribute. */
export type AttributeValueOf<N extends AttributeName> = ValueOf<(typeof ATTRIBUTES)[N]['codec']>;

const BY_TEXT = new Map<string, AttributeName>(
  Object.entries(ATTRIBUTES).map(([key, row]) => [row.text, key as AttributeName]),
);

/** Rows are looked up dozens of times for a request: a map answers in a third of the time that an object takes. */
const ROWS: ReadonlyMap<string, AttributeRow> = new Map(Object.entries(ATTRIBUTES));

/** Whether a name is that of a standard attribute. */
export function isStandard(attributeName: string): attributeName is AttributeName {
  return ROWS.has(attributeName);
}

/** The row of a standard attribute; undefined for custom and unknown ones. */
export function attributeRow(attributeName: string): AttributeRow | undefined {
  return ROWS.get(attributeName);
}

/** Name of an attribute from its Attribute Name of KMIP 1.x; custom and unknown names stay as they are. */
export function attributeNameFromText(text: string): string {
  return BY_TEXT.get(text) ?? text;
}

/** Fields of a standard attribute that is a structure; undefined for others, and for custom ones. */
export function attributeFields(attributeName: string): readonly string[] | undefined {
  const codec = attributeRow(attributeName)?.codec;
  return codec && isStructure(codec) ? Object.keys(codec.shape) : undefined;
}

const ZEROS = new Map<unknown, TtlvValue>([
  [integer, { type: 'Integer', value: 0 }],
  [interval, { type: 'Interval', value: 0 }],
  [dateTime, { type: 'DateTime', value: 0 }],
  [boolean, { type: 'Boolean', value: false }],
]);

/** What an attribute that is absent counts as when it is adjusted; undefined if it is of another type (KMIP 2.1 §6.1.3). */
export function zeroOf(attributeName: string): TtlvValue | undefined {
  return ZEROS.get(attributeRow(attributeName)?.codec);
}

/** Attribute Name of KMIP 1.x; custom names stay as they are. */
export function attributeTextOf(attributeName: string): string {
  return attributeRow(attributeName)?.text ?? attributeName;
}
