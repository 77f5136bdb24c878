import type { EnumerationRow } from './row.js';

/* Enumerations: what managed objects and their attributes are made of. KMIP 1.4 §9.1.3.2, KMIP 2.1 §11. */

/** Object Type Enumeration. */
export const ObjectTypeValues = {
  Certificate: { value: 0x00000001, since: '1.0' },
  SymmetricKey: { value: 0x00000002, since: '1.0' },
  PublicKey: { value: 0x00000003, since: '1.0' },
  PrivateKey: { value: 0x00000004, since: '1.0' },
  SplitKey: { value: 0x00000005, since: '1.0' },
  Template: { value: 0x00000006, since: '1.0', until: '1.4' },
  SecretData: { value: 0x00000007, since: '1.0' },
  OpaqueObject: { value: 0x00000008, since: '1.0' },
  PGPKey: { value: 0x00000009, since: '1.2' },
  CertificateRequest: { value: 0x0000000a, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** State Enumeration. */
export const StateValues = {
  PreActive: { value: 0x00000001, since: '1.0' },
  Active: { value: 0x00000002, since: '1.0' },
  Deactivated: { value: 0x00000003, since: '1.0' },
  Compromised: { value: 0x00000004, since: '1.0' },
  Destroyed: { value: 0x00000005, since: '1.0' },
  DestroyedCompromised: { value: 0x00000006, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Key Format Type Enumeration. */
export const KeyFormatTypeValues = {
  Raw: { value: 0x00000001, since: '1.0' },
  Opaque: { value: 0x00000002, since: '1.0' },
  PKCS_1: { value: 0x00000003, since: '1.0' },
  PKCS_8: { value: 0x00000004, since: '1.0' },
  X_509: { value: 0x00000005, since: '1.0' },
  ECPrivateKey: { value: 0x00000006, since: '1.0' },
  TransparentSymmetricKey: { value: 0x00000007, since: '1.0' },
  TransparentDSAPrivateKey: { value: 0x00000008, since: '1.0' },
  TransparentDSAPublicKey: { value: 0x00000009, since: '1.0' },
  TransparentRSAPrivateKey: { value: 0x0000000a, since: '1.0' },
  TransparentRSAPublicKey: { value: 0x0000000b, since: '1.0' },
  TransparentDHPrivateKey: { value: 0x0000000c, since: '1.0' },
  TransparentDHPublicKey: { value: 0x0000000d, since: '1.0' },
  TransparentECDSAPrivateKey: { value: 0x0000000e, since: '1.0', until: '1.4' },
  TransparentECDSAPublicKey: { value: 0x0000000f, since: '1.0', until: '1.4' },
  TransparentECDHPrivateKey: { value: 0x00000010, since: '1.0', until: '1.4' },
  TransparentECDHPublicKey: { value: 0x00000011, since: '1.0', until: '1.4' },
  TransparentECMQVPrivateKey: { value: 0x00000012, since: '1.0', until: '1.4' },
  TransparentECMQVPublicKey: { value: 0x00000013, since: '1.0', until: '1.4' },
  TransparentECPrivateKey: { value: 0x00000014, since: '1.3' },
  TransparentECPublicKey: { value: 0x00000015, since: '1.3' },
  PKCS_12: { value: 0x00000016, since: '1.4' },
  PKCS_10: { value: 0x00000017, since: '2.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Key Compression Type Enumeration. */
export const KeyCompressionTypeValues = {
  ECPublicKeyTypeUncompressed: { value: 0x00000001, since: '1.0' },
  ECPublicKeyTypeX9_62CompressedPrime: { value: 0x00000002, since: '1.0' },
  ECPublicKeyTypeX9_62CompressedChar2: { value: 0x00000003, since: '1.0' },
  ECPublicKeyTypeX9_62Hybrid: { value: 0x00000004, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Certificate Type Enumeration. */
export const CertificateTypeValues = {
  X_509: { value: 0x00000001, since: '1.0' },
  PGP: { value: 0x00000002, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Certificate Request Type Enumeration. */
export const CertificateRequestTypeValues = {
  CRMF: { value: 0x00000001, since: '1.0' },
  PKCS_10: { value: 0x00000002, since: '1.0' },
  PEM: { value: 0x00000003, since: '1.0' },
  PGP: { value: 0x00000004, since: '1.0', until: '1.4' },
} as const satisfies Record<string, EnumerationRow>;

/** Secret Data Type Enumeration. */
export const SecretDataTypeValues = {
  Password: { value: 0x00000001, since: '1.0' },
  Seed: { value: 0x00000002, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Name Type Enumeration. */
export const NameTypeValues = {
  UninterpretedTextString: { value: 0x00000001, since: '1.0' },
  URI: { value: 0x00000002, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Alternative Name Type Enumeration. */
export const AlternativeNameTypeValues = {
  UninterpretedTextString: { value: 0x00000001, since: '1.2' },
  URI: { value: 0x00000002, since: '1.2' },
  ObjectSerialNumber: { value: 0x00000003, since: '1.2' },
  EmailAddress: { value: 0x00000004, since: '1.2' },
  DNSName: { value: 0x00000005, since: '1.2' },
  X_500DistinguishedName: { value: 0x00000006, since: '1.2' },
  IPAddress: { value: 0x00000007, since: '1.2' },
} as const satisfies Record<string, EnumerationRow>;

/** Link Type Enumeration. */
export const LinkTypeValues = {
  CertificateLink: { value: 0x00000101, since: '1.0' },
  PublicKeyLink: { value: 0x00000102, since: '1.0' },
  PrivateKeyLink: { value: 0x00000103, since: '1.0' },
  DerivationBaseObjectLink: { value: 0x00000104, since: '1.0' },
  DerivedKeyLink: { value: 0x00000105, since: '1.0' },
  ReplacementObjectLink: { value: 0x00000106, since: '1.0' },
  ReplacedObjectLink: { value: 0x00000107, since: '1.0' },
  ParentLink: { value: 0x00000108, since: '1.2' },
  ChildLink: { value: 0x00000109, since: '1.2' },
  PreviousLink: { value: 0x0000010a, since: '1.2' },
  NextLink: { value: 0x0000010b, since: '1.2' },
  PKCS_12CertificateLink: { value: 0x0000010c, since: '1.4' },
  PKCS_12PasswordLink: { value: 0x0000010d, since: '1.4' },
  WrappingKeyLink: { value: 0x0000010e, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Key Value Location Type Enumeration. */
export const KeyValueLocationTypeValues = {
  UninterpretedTextString: { value: 0x00000001, since: '1.2' },
  URI: { value: 0x00000002, since: '1.2' },
} as const satisfies Record<string, EnumerationRow>;

/** Usage Limits Unit Enumeration. */
export const UsageLimitsUnitValues = {
  Byte: { value: 0x00000001, since: '1.0' },
  Object: { value: 0x00000002, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Object Group Member Enumeration. */
export const ObjectGroupMemberValues = {
  GroupMemberFresh: { value: 0x00000001, since: '1.1' },
  GroupMemberDefault: { value: 0x00000002, since: '1.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Protection Level Enumeration. */
export const ProtectionLevelValues = {
  High: { value: 0x00000001, since: '2.0' },
  Low: { value: 0x00000002, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** NISTKey Type Enumeration. */
export const NISTKeyTypeValues = {
  PrivateSignatureKey: { value: 0x00000001, since: '2.0' },
  PublicSignatureVerificationKey: { value: 0x00000002, since: '2.0' },
  SymmetricAuthenticationKey: { value: 0x00000003, since: '2.0' },
  PrivateAuthenticationKey: { value: 0x00000004, since: '2.0' },
  PublicAuthenticationKey: { value: 0x00000005, since: '2.0' },
  SymmetricDataEncryptionKey: { value: 0x00000006, since: '2.0' },
  SymmetricKeyWrappingKey: { value: 0x00000007, since: '2.0' },
  SymmetricRandomNumberGenerationKey: { value: 0x00000008, since: '2.0' },
  SymmetricMasterKey: { value: 0x00000009, since: '2.0' },
  PrivateKeyTransportKey: { value: 0x0000000a, since: '2.0' },
  PublicKeyTransportKey: { value: 0x0000000b, since: '2.0' },
  SymmetricKeyAgreementKey: { value: 0x0000000c, since: '2.0' },
  PrivateStaticKeyAgreementKey: { value: 0x0000000d, since: '2.0' },
  PublicStaticKeyAgreementKey: { value: 0x0000000e, since: '2.0' },
  PrivateEphemeralKeyAgreementKey: { value: 0x0000000f, since: '2.0' },
  PublicEphemeralKeyAgreementKey: { value: 0x00000010, since: '2.0' },
  SymmetricAuthorizationKey: { value: 0x00000011, since: '2.0' },
  PrivateAuthorizationKey: { value: 0x00000012, since: '2.0' },
  PublicAuthorizationKey: { value: 0x00000013, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Rotate Name Type Enumeration. */
export const RotateNameTypeValues = {
  UninterpretedTextString: { value: 0x00000001, since: '2.1' },
  URI: { value: 0x00000002, since: '2.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Revocation Reason Code Enumeration. */
export const RevocationReasonCodeValues = {
  Unspecified: { value: 0x00000001, since: '1.0' },
  KeyCompromise: { value: 0x00000002, since: '1.0' },
  CACompromise: { value: 0x00000003, since: '1.0' },
  AffiliationChanged: { value: 0x00000004, since: '1.0' },
  Superseded: { value: 0x00000005, since: '1.0' },
  CessationOfOperation: { value: 0x00000006, since: '1.0' },
  PrivilegeWithdrawn: { value: 0x00000007, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Unique Identifier Enumeration. */
export const UniqueIdentifierValues = {
  IDPlaceholder: { value: 0x00000001, since: '2.0' },
  Certify: { value: 0x00000002, since: '2.0' },
  Create: { value: 0x00000003, since: '2.0' },
  CreateKeyPair: { value: 0x00000004, since: '2.0' },
  CreateKeyPairPrivateKey: { value: 0x00000005, since: '2.0' },
  CreateKeyPairPublicKey: { value: 0x00000006, since: '2.0' },
  CreateSplitKey: { value: 0x00000007, since: '2.0' },
  DeriveKey: { value: 0x00000008, since: '2.0' },
  Import: { value: 0x00000009, since: '2.0' },
  JoinSplitKey: { value: 0x0000000a, since: '2.0' },
  Locate: { value: 0x0000000b, since: '2.0' },
  Register: { value: 0x0000000c, since: '2.0' },
  ReKey: { value: 0x0000000d, since: '2.0' },
  ReCertify: { value: 0x0000000e, since: '2.0' },
  ReKeyKeyPair: { value: 0x0000000f, since: '2.0' },
  ReKeyKeyPairPrivateKey: { value: 0x00000010, since: '2.0' },
  ReKeyKeyPairPublicKey: { value: 0x00000011, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Data Enumeration. */
export const DataValues = {
  Decrypt: { value: 0x00000001, since: '2.0' },
  Encrypt: { value: 0x00000002, since: '2.0' },
  Hash: { value: 0x00000003, since: '2.0' },
  MACMACData: { value: 0x00000004, since: '2.0' },
  RNGRetrieve: { value: 0x00000005, since: '2.0' },
  SignSignatureData: { value: 0x00000006, since: '2.0' },
  SignatureVerify: { value: 0x00000007, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Put Function Enumeration. */
export const PutFunctionValues = {
  New: { value: 0x00000001, since: '1.0' },
  Replace: { value: 0x00000002, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;
