import type { AttributeName, NameIn } from '../../wire/kmip/index.js';
import { isCustomAttributeName } from '../../wire/kmip/index.js';

/** A lifecycle state. */
export type StateName = NameIn<'State'>;
/** An object type. */
export type ObjectTypeName = NameIn<'ObjectType'>;

/** Who may do what with an attribute. KMIP 1.4 §3 (Table 54 explains the columns), KMIP 2.1 §4. */
export interface AttributeRule {
  /** Whether a client may give it when an object is created or registered. */
  readonly givenAtCreation: boolean;
  /** Whether a client may add it later. */
  readonly addable: boolean;
  /** When a client may modify it: never, always, or in these states (dates: as long as they are not reached). */
  readonly modifiable: 'never' | 'always' | readonly StateName[];
  readonly deletable: boolean;
  /** Whether it may have several values; in some cases for objects of one type only. */
  readonly multiple: boolean | ObjectTypeName;
  readonly appliesTo: keyof typeof OBJECT_KINDS;
}

const KEYS = ['SymmetricKey', 'PublicKey', 'PrivateKey', 'SplitKey', 'PGPKey'] as const;
const CRYPTOGRAPHIC = [...KEYS, 'Certificate', 'CertificateRequest', 'SecretData'] as const;

/** A set of object types that attributes apply to. */
interface ObjectKind {
  readonly types: readonly ObjectTypeName[];
  /** Whether KMIP 2.x narrows it likewise; there most attributes apply to all objects. */
  readonly everyVersion?: true;
}

/** Sets of object types, by what KMIP 1.4 §3 calls them. Secret Data counts as a key: Derive Key gives it a length. */
export const OBJECT_KINDS = {
  all: { types: [...CRYPTOGRAPHIC, 'OpaqueObject', 'Template'] },
  /** All but templates. */
  lasting: { types: [...CRYPTOGRAPHIC, 'OpaqueObject'] },
  cryptographic: { types: CRYPTOGRAPHIC },
  cryptographicOrTemplate: { types: [...CRYPTOGRAPHIC, 'Template'] },
  keysOrCertificates: { types: [...KEYS, 'SecretData', 'Certificate', 'CertificateRequest', 'Template'] },
  keys: { types: [...KEYS, 'SecretData', 'Template'] },
  /** Those whose Key Value may be elsewhere. */
  withKeyValue: { types: ['SymmetricKey', 'PrivateKey', 'SplitKey', 'SecretData'] },
  asymmetric: { types: ['PublicKey', 'PrivateKey', 'Template'], everyVersion: true },
  certificates: { types: ['Certificate'], everyVersion: true },
  signed: { types: ['Certificate', 'PGPKey'], everyVersion: true },
  opaque: { types: ['OpaqueObject'], everyVersion: true },
} as const satisfies Record<string, ObjectKind>;

/** Set by the server alone. */
const READ_ONLY = { givenAtCreation: false, addable: false, modifiable: 'never', deletable: false } as const;
/** Given with the object or found in it, then fixed. */
const FIXED = { givenAtCreation: true, addable: false, modifiable: 'never', deletable: false } as const;
/** Given once, at any time, then fixed. */
const ONCE = { givenAtCreation: true, addable: true, modifiable: 'never', deletable: false } as const;
/** The client's own. */
const FREE = { givenAtCreation: true, addable: true, modifiable: 'always', deletable: true } as const;
/** As {@link FREE}, but kept once set. */
const KEPT = { givenAtCreation: true, addable: true, modifiable: 'always', deletable: false } as const;
const DATE = { givenAtCreation: true, addable: true, deletable: false, multiple: false } as const;
const UNTIL_ACTIVE = ['PreActive'] as const;
const UNTIL_DEACTIVATED = ['PreActive', 'Active'] as const;

/** The rule of every standard attribute. */
export const ATTRIBUTE_RULES = {
  UniqueIdentifier: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  Name: { ...FREE, multiple: true, appliesTo: 'all' },
  ObjectType: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  CryptographicAlgorithm: { ...FIXED, multiple: false, appliesTo: 'keysOrCertificates' },
  CryptographicLength: { ...FIXED, multiple: false, appliesTo: 'keysOrCertificates' },
  CryptographicParameters: { ...FREE, multiple: true, appliesTo: 'keysOrCertificates' },
  CryptographicDomainParameters: { ...ONCE, multiple: false, appliesTo: 'asymmetric' },
  CertificateType: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateLength: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  X_509CertificateIdentifier: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  X_509CertificateSubject: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  X_509CertificateIssuer: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateIdentifier: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateSubject: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateIssuer: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  DigitalSignatureAlgorithm: { ...FIXED, multiple: 'PGPKey', appliesTo: 'signed' },
  CertificateSubjectCN: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectO: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectOU: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectEmail: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectC: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectST: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectL: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectUID: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectSerialNumber: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectTitle: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectDC: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateSubjectDNQualifier: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerCN: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerO: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerOU: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerEmail: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerC: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerST: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerL: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerUID: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerSerialNumber: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerTitle: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerDC: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  CertificateIssuerDNQualifier: { ...FIXED, multiple: true, appliesTo: 'certificates' },
  Digest: { ...READ_ONLY, multiple: true, appliesTo: 'lasting' },
  OperationPolicyName: { ...FIXED, multiple: false, appliesTo: 'all' },
  CryptographicUsageMask: { ...ONCE, multiple: false, appliesTo: 'cryptographicOrTemplate' },
  LeaseTime: { ...READ_ONLY, multiple: false, appliesTo: 'cryptographic' },
  UsageLimits: { ...FREE, multiple: false, appliesTo: 'keys' },
  State: { ...READ_ONLY, multiple: false, appliesTo: 'cryptographic' },
  InitialDate: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  ActivationDate: { ...DATE, modifiable: UNTIL_ACTIVE, appliesTo: 'cryptographicOrTemplate' },
  // 1.4 §3.25 has them for symmetric keys, but OASIS's mandatory CS-AC-M-8-14 gives them to both halves of a pair.
  ProcessStartDate: { ...DATE, modifiable: UNTIL_DEACTIVATED, appliesTo: 'keys' },
  ProtectStopDate: { ...DATE, modifiable: UNTIL_DEACTIVATED, appliesTo: 'keys' },
  DeactivationDate: { ...DATE, modifiable: UNTIL_DEACTIVATED, appliesTo: 'cryptographicOrTemplate' },
  DestroyDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  CompromiseOccurrenceDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  CompromiseDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  RevocationReason: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  ArchiveDate: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  ObjectGroup: { ...FREE, multiple: true, appliesTo: 'all' },
  Fresh: { ...FIXED, multiple: false, appliesTo: 'cryptographic' },
  Link: { ...FREE, multiple: true, appliesTo: 'all' },
  ApplicationSpecificInformation: { ...FREE, multiple: true, appliesTo: 'all' },
  ContactInformation: { ...FREE, multiple: false, appliesTo: 'all' },
  LastChangeDate: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  AlternativeName: { ...FREE, multiple: true, appliesTo: 'all' },
  KeyValuePresent: { ...READ_ONLY, multiple: false, appliesTo: 'withKeyValue' },
  KeyValueLocation: { ...FREE, multiple: true, appliesTo: 'withKeyValue' },
  OriginalCreationDate: { ...ONCE, multiple: false, appliesTo: 'all' },
  RandomNumberGenerator: { ...ONCE, multiple: false, appliesTo: 'cryptographic' },
  PKCS_12FriendlyName: { ...FREE, multiple: false, appliesTo: 'cryptographic' },
  Description: { ...FREE, multiple: false, appliesTo: 'all' },
  Comment: { ...FREE, multiple: false, appliesTo: 'all' },
  Sensitive: { ...KEPT, multiple: false, appliesTo: 'all' },
  AlwaysSensitive: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  Extractable: { ...KEPT, multiple: false, appliesTo: 'all' },
  NeverExtractable: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  KeyFormatType: { ...FIXED, multiple: false, appliesTo: 'lasting' },
  NISTKeyType: { ...ONCE, multiple: true, appliesTo: 'lasting' },
  OpaqueDataType: { ...READ_ONLY, multiple: false, appliesTo: 'opaque' },
  ProtectionLevel: { ...FREE, multiple: false, appliesTo: 'lasting' },
  ProtectionPeriod: { ...FREE, multiple: false, appliesTo: 'lasting' },
  ProtectionStorageMask: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  QuantumSafe: { ...FREE, multiple: false, appliesTo: 'lasting' },
  ShortUniqueIdentifier: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  RotateAutomatic: { ...ONCE, multiple: false, appliesTo: 'lasting' },
  RotateDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  RotateGeneration: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  RotateInterval: { ...ONCE, multiple: false, appliesTo: 'lasting' },
  RotateLatest: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  RotateName: { ...FREE, multiple: false, appliesTo: 'lasting' },
  RotateOffset: { ...ONCE, multiple: false, appliesTo: 'lasting' },
} as const satisfies Record<AttributeName, AttributeRule>;

/** Attributes `x-…` and those of vendors: the client's own (KMIP 1.4 §3.39). */
export const CLIENT_CUSTOM_RULE: AttributeRule = { ...FREE, multiple: true, appliesTo: 'all' };

/** Attributes `y-…`: the server's own. */
export const SERVER_CUSTOM_RULE: AttributeRule = { ...READ_ONLY, multiple: true, appliesTo: 'all' };

const RULES: ReadonlyMap<string, AttributeRule> = new Map(Object.entries(ATTRIBUTE_RULES));

/** The rule of an attribute of any name; undefined for a name that is neither standard nor custom. */
export function attributeRule(name: string): AttributeRule | undefined {
  const rule = RULES.get(name);
  if (rule) return rule;
  if (!isCustomAttributeName(name)) return undefined;
  return name.startsWith('y-') ? SERVER_CUSTOM_RULE : CLIENT_CUSTOM_RULE;
}

/** Whether an object of a type may have several values of the attribute. */
export function isMultiple(rule: AttributeRule, objectType: ObjectTypeName): boolean {
  return typeof rule.multiple === 'boolean' ? rule.multiple : rule.multiple === objectType;
}

/** Whether objects of a type may have the attribute, in KMIP 1.x or in 2.x. */
export function appliesTo(rule: AttributeRule, objectType: ObjectTypeName, speaks2: boolean): boolean {
  const kind: ObjectKind = OBJECT_KINDS[rule.appliesTo];
  return (speaks2 && kind.everyVersion !== true) || kind.types.includes(objectType);
}
