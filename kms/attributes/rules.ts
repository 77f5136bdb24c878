import type { AttributeName, NameIn } from '../../wire/kmip/index.js';

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
  readonly multiple: boolean;
  readonly appliesTo: keyof typeof OBJECT_KINDS;
}

const KEYS = ['SymmetricKey', 'PublicKey', 'PrivateKey', 'SplitKey', 'PGPKey'] as const;
const CRYPTOGRAPHIC = [...KEYS, 'Certificate', 'CertificateRequest', 'SecretData'] as const;

/** Sets of object types that attributes apply to. KMIP 2.1 lets most apply to all; these are the union of the versions. */
export const OBJECT_KINDS = {
  all: [...CRYPTOGRAPHIC, 'OpaqueObject', 'Template'],
  /** All but templates. */
  lasting: [...CRYPTOGRAPHIC, 'OpaqueObject'],
  cryptographic: [...CRYPTOGRAPHIC, 'OpaqueObject', 'Template'],
  keys: [...KEYS, 'Certificate', 'SecretData', 'Template'],
  asymmetric: ['PublicKey', 'PrivateKey', 'Template'],
  symmetric: ['SymmetricKey', 'SplitKey', 'Template'],
  certificates: ['Certificate'],
  signed: ['Certificate', 'PGPKey'],
  opaque: ['OpaqueObject'],
} as const satisfies Record<string, readonly ObjectTypeName[]>;

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
  CryptographicAlgorithm: { ...FIXED, multiple: false, appliesTo: 'keys' },
  CryptographicLength: { ...FIXED, multiple: false, appliesTo: 'keys' },
  CryptographicParameters: { ...FREE, multiple: true, appliesTo: 'cryptographic' },
  CryptographicDomainParameters: { ...FIXED, multiple: false, appliesTo: 'asymmetric' },
  CertificateType: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateLength: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  X_509CertificateIdentifier: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  X_509CertificateSubject: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  X_509CertificateIssuer: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateIdentifier: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateSubject: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  CertificateIssuer: { ...FIXED, multiple: false, appliesTo: 'certificates' },
  DigitalSignatureAlgorithm: { ...FIXED, multiple: true, appliesTo: 'signed' },
  Digest: { ...READ_ONLY, multiple: true, appliesTo: 'lasting' },
  OperationPolicyName: { ...FIXED, multiple: false, appliesTo: 'all' },
  CryptographicUsageMask: { ...FIXED, multiple: false, appliesTo: 'cryptographic' },
  LeaseTime: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  UsageLimits: { ...FREE, multiple: false, appliesTo: 'cryptographic' },
  State: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  InitialDate: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  ActivationDate: { ...DATE, modifiable: UNTIL_ACTIVE, appliesTo: 'cryptographic' },
  ProcessStartDate: { ...DATE, modifiable: UNTIL_DEACTIVATED, appliesTo: 'symmetric' },
  ProtectStopDate: { ...DATE, modifiable: UNTIL_DEACTIVATED, appliesTo: 'symmetric' },
  DeactivationDate: { ...DATE, modifiable: UNTIL_DEACTIVATED, appliesTo: 'cryptographic' },
  DestroyDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  CompromiseOccurrenceDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  CompromiseDate: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  RevocationReason: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  ArchiveDate: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  ObjectGroup: { ...FREE, multiple: true, appliesTo: 'all' },
  Fresh: { ...FIXED, multiple: false, appliesTo: 'lasting' },
  Link: { ...FREE, multiple: true, appliesTo: 'all' },
  ApplicationSpecificInformation: { ...FREE, multiple: true, appliesTo: 'all' },
  ContactInformation: { ...FREE, multiple: false, appliesTo: 'all' },
  LastChangeDate: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  AlternativeName: { ...FREE, multiple: true, appliesTo: 'all' },
  KeyValuePresent: { ...READ_ONLY, multiple: false, appliesTo: 'lasting' },
  KeyValueLocation: { ...FREE, multiple: true, appliesTo: 'lasting' },
  OriginalCreationDate: { ...FIXED, multiple: false, appliesTo: 'all' },
  RandomNumberGenerator: { ...FIXED, multiple: false, appliesTo: 'lasting' },
  PKCS_12FriendlyName: { ...FREE, multiple: false, appliesTo: 'lasting' },
  Description: { ...FREE, multiple: false, appliesTo: 'all' },
  Comment: { ...FREE, multiple: false, appliesTo: 'all' },
  Sensitive: { ...KEPT, multiple: false, appliesTo: 'all' },
  AlwaysSensitive: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  Extractable: { ...KEPT, multiple: false, appliesTo: 'all' },
  NeverExtractable: { ...READ_ONLY, multiple: false, appliesTo: 'all' },
  KeyFormatType: { ...READ_ONLY, multiple: false, appliesTo: 'keys' },
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

/** The rule of an attribute of any name; undefined for a name that is neither standard nor custom. */
export function attributeRule(name: string): AttributeRule | undefined {
  if (Object.hasOwn(ATTRIBUTE_RULES, name)) return ATTRIBUTE_RULES[name as AttributeName];
  if (name.startsWith('y-')) return SERVER_CUSTOM_RULE;
  return name.includes('-') ? CLIENT_CUSTOM_RULE : undefined;
}

/** Whether objects of a type may have the attribute. */
export function appliesTo(rule: AttributeRule, objectType: ObjectTypeName): boolean {
  return (OBJECT_KINDS[rule.appliesTo] as readonly ObjectTypeName[]).includes(objectType);
}
