import type { EnumerationRow } from './row.js';

/* Enumerations: what messages and operations are made of. KMIP 1.4 §9.1.3.2, KMIP 2.1 §11. */

/** Operation Enumeration. */
export const OperationValues = {
  Create: { value: 0x00000001, since: '1.0' },
  CreateKeyPair: { value: 0x00000002, since: '1.0' },
  Register: { value: 0x00000003, since: '1.0' },
  ReKey: { value: 0x00000004, since: '1.0' },
  DeriveKey: { value: 0x00000005, since: '1.0' },
  Certify: { value: 0x00000006, since: '1.0' },
  ReCertify: { value: 0x00000007, since: '1.0' },
  Locate: { value: 0x00000008, since: '1.0' },
  Check: { value: 0x00000009, since: '1.0' },
  Get: { value: 0x0000000a, since: '1.0' },
  GetAttributes: { value: 0x0000000b, since: '1.0' },
  GetAttributeList: { value: 0x0000000c, since: '1.0' },
  AddAttribute: { value: 0x0000000d, since: '1.0' },
  ModifyAttribute: { value: 0x0000000e, since: '1.0' },
  DeleteAttribute: { value: 0x0000000f, since: '1.0' },
  ObtainLease: { value: 0x00000010, since: '1.0' },
  GetUsageAllocation: { value: 0x00000011, since: '1.0' },
  Activate: { value: 0x00000012, since: '1.0' },
  Revoke: { value: 0x00000013, since: '1.0' },
  Destroy: { value: 0x00000014, since: '1.0' },
  Archive: { value: 0x00000015, since: '1.0' },
  Recover: { value: 0x00000016, since: '1.0' },
  Validate: { value: 0x00000017, since: '1.0' },
  Query: { value: 0x00000018, since: '1.0' },
  Cancel: { value: 0x00000019, since: '1.0' },
  Poll: { value: 0x0000001a, since: '1.0' },
  Notify: { value: 0x0000001b, since: '1.0' },
  Put: { value: 0x0000001c, since: '1.0' },
  ReKeyKeyPair: { value: 0x0000001d, since: '1.1' },
  DiscoverVersions: { value: 0x0000001e, since: '1.1' },
  Encrypt: { value: 0x0000001f, since: '1.2' },
  Decrypt: { value: 0x00000020, since: '1.2' },
  Sign: { value: 0x00000021, since: '1.2' },
  SignatureVerify: { value: 0x00000022, since: '1.2' },
  MAC: { value: 0x00000023, since: '1.2' },
  MACVerify: { value: 0x00000024, since: '1.2' },
  RNGRetrieve: { value: 0x00000025, since: '1.2' },
  RNGSeed: { value: 0x00000026, since: '1.2' },
  Hash: { value: 0x00000027, since: '1.2' },
  CreateSplitKey: { value: 0x00000028, since: '1.2' },
  JoinSplitKey: { value: 0x00000029, since: '1.2' },
  Import: { value: 0x0000002a, since: '1.4' },
  Export: { value: 0x0000002b, since: '1.4' },
  Log: { value: 0x0000002c, since: '2.0' },
  Login: { value: 0x0000002d, since: '2.0' },
  Logout: { value: 0x0000002e, since: '2.0' },
  DelegatedLogin: { value: 0x0000002f, since: '2.0' },
  AdjustAttribute: { value: 0x00000030, since: '2.0' },
  SetAttribute: { value: 0x00000031, since: '2.0' },
  SetEndpointRole: { value: 0x00000032, since: '2.0' },
  PKCS_11: { value: 0x00000033, since: '2.0' },
  Interop: { value: 0x00000034, since: '2.0' },
  ReProvision: { value: 0x00000035, since: '2.0' },
  SetDefaults: { value: 0x00000036, since: '2.1' },
  SetConstraints: { value: 0x00000037, since: '2.1' },
  GetConstraints: { value: 0x00000038, since: '2.1' },
  QueryAsynchronousRequests: { value: 0x00000039, since: '2.1' },
  Process: { value: 0x0000003a, since: '2.1' },
  Ping: { value: 0x0000003b, since: '2.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Result Status Enumeration. */
export const ResultStatusValues = {
  Success: { value: 0x00000000, since: '1.0' },
  OperationFailed: { value: 0x00000001, since: '1.0' },
  OperationPending: { value: 0x00000002, since: '1.0' },
  OperationUndone: { value: 0x00000003, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Result Reason Enumeration. */
export const ResultReasonValues = {
  ItemNotFound: { value: 0x00000001, since: '1.0' },
  ResponseTooLarge: { value: 0x00000002, since: '1.0' },
  AuthenticationNotSuccessful: { value: 0x00000003, since: '1.0' },
  InvalidMessage: { value: 0x00000004, since: '1.0' },
  OperationNotSupported: { value: 0x00000005, since: '1.0' },
  MissingData: { value: 0x00000006, since: '1.0' },
  InvalidField: { value: 0x00000007, since: '1.0' },
  FeatureNotSupported: { value: 0x00000008, since: '1.0' },
  OperationCanceledByRequester: { value: 0x00000009, since: '1.0' },
  CryptographicFailure: { value: 0x0000000a, since: '1.0' },
  IllegalOperation: { value: 0x0000000b, since: '1.0', until: '1.4' },
  PermissionDenied: { value: 0x0000000c, since: '1.0' },
  ObjectArchived: { value: 0x0000000d, since: '1.0' },
  IndexOutOfBounds: { value: 0x0000000e, since: '1.0', until: '1.4' },
  ApplicationNamespaceNotSupported: { value: 0x0000000f, since: '1.0' },
  KeyFormatTypeNotSupported: { value: 0x00000010, since: '1.0' },
  KeyCompressionTypeNotSupported: { value: 0x00000011, since: '1.0' },
  EncodingOptionError: { value: 0x00000012, since: '1.1' },
  KeyValueNotPresent: { value: 0x00000013, since: '1.2' },
  AttestationRequired: { value: 0x00000014, since: '1.2' },
  AttestationFailed: { value: 0x00000015, since: '1.2' },
  Sensitive: { value: 0x00000016, since: '1.4' },
  NotExtractable: { value: 0x00000017, since: '1.4' },
  ObjectAlreadyExists: { value: 0x00000018, since: '1.4' },
  InvalidTicket: { value: 0x00000019, since: '2.0' },
  UsageLimitExceeded: { value: 0x0000001a, since: '2.0' },
  NumericRange: { value: 0x0000001b, since: '2.0' },
  InvalidDataType: { value: 0x0000001c, since: '2.0' },
  ReadOnlyAttribute: { value: 0x0000001d, since: '2.0' },
  MultiValuedAttribute: { value: 0x0000001e, since: '2.0' },
  UnsupportedAttribute: { value: 0x0000001f, since: '2.0' },
  AttributeInstanceNotFound: { value: 0x00000020, since: '2.0' },
  AttributeNotFound: { value: 0x00000021, since: '2.0' },
  AttributeReadOnly: { value: 0x00000022, since: '2.0' },
  AttributeSingleValued: { value: 0x00000023, since: '2.0' },
  BadCryptographicParameters: { value: 0x00000024, since: '2.0' },
  BadPassword: { value: 0x00000025, since: '2.0' },
  CodecError: { value: 0x00000026, since: '2.0' },
  IllegalObjectType: { value: 0x00000028, since: '2.0' },
  IncompatibleCryptographicUsageMask: { value: 0x00000029, since: '2.0' },
  InternalServerError: { value: 0x0000002a, since: '2.0' },
  InvalidAsynchronousCorrelationValue: { value: 0x0000002b, since: '2.0' },
  InvalidAttribute: { value: 0x0000002c, since: '2.0' },
  InvalidAttributeValue: { value: 0x0000002d, since: '2.0' },
  InvalidCorrelationValue: { value: 0x0000002e, since: '2.0' },
  InvalidCSR: { value: 0x0000002f, since: '2.0' },
  InvalidObjectType: { value: 0x00000030, since: '2.0' },
  KeyWrapTypeNotSupported: { value: 0x00000032, since: '2.0' },
  MissingInitializationVector: { value: 0x00000034, since: '2.0' },
  NonUniqueNameAttribute: { value: 0x00000035, since: '2.0' },
  ObjectDestroyed: { value: 0x00000036, since: '2.0' },
  ObjectNotFound: { value: 0x00000037, since: '2.0' },
  NotAuthorised: { value: 0x00000039, since: '2.0' },
  ServerLimitExceeded: { value: 0x0000003a, since: '2.0' },
  UnknownEnumeration: { value: 0x0000003b, since: '2.0' },
  UnknownMessageExtension: { value: 0x0000003c, since: '2.0' },
  UnknownTag: { value: 0x0000003d, since: '2.0' },
  UnsupportedCryptographicParameters: { value: 0x0000003e, since: '2.0' },
  UnsupportedProtocolVersion: { value: 0x0000003f, since: '2.0' },
  WrappingObjectArchived: { value: 0x00000040, since: '2.0' },
  WrappingObjectDestroyed: { value: 0x00000041, since: '2.0' },
  WrappingObjectNotFound: { value: 0x00000042, since: '2.0' },
  WrongKeyLifecycleState: { value: 0x00000043, since: '2.0' },
  ProtectionStorageUnavailable: { value: 0x00000044, since: '2.0' },
  PKCS_11CodecError: { value: 0x00000045, since: '2.0' },
  PKCS_11InvalidFunction: { value: 0x00000046, since: '2.0' },
  PKCS_11InvalidInterface: { value: 0x00000047, since: '2.0' },
  PrivateProtectionStorageUnavailable: { value: 0x00000048, since: '2.1' },
  PublicProtectionStorageUnavailable: { value: 0x00000049, since: '2.1' },
  UnknownObjectGroup: { value: 0x0000004a, since: '2.1' },
  ConstraintViolation: { value: 0x0000004b, since: '2.1' },
  DuplicateProcessRequest: { value: 0x0000004c, since: '2.1' },
  GeneralFailure: { value: 0x00000100, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Batch Error Continuation Option Enumeration. */
export const BatchErrorContinuationOptionValues = {
  Continue: { value: 0x00000001, since: '1.0' },
  Stop: { value: 0x00000002, since: '1.0' },
  Undo: { value: 0x00000003, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Credential Type Enumeration. */
export const CredentialTypeValues = {
  UsernameAndPassword: { value: 0x00000001, since: '1.0' },
  Device: { value: 0x00000002, since: '1.1' },
  Attestation: { value: 0x00000003, since: '1.2' },
  OneTimePassword: { value: 0x00000004, since: '2.0' },
  HashedPassword: { value: 0x00000005, since: '2.0' },
  Ticket: { value: 0x00000006, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Query Function Enumeration. */
export const QueryFunctionValues = {
  QueryOperations: { value: 0x00000001, since: '1.0' },
  QueryObjects: { value: 0x00000002, since: '1.0' },
  QueryServerInformation: { value: 0x00000003, since: '1.0' },
  QueryApplicationNamespaces: { value: 0x00000004, since: '1.0' },
  QueryExtensionList: { value: 0x00000005, since: '1.1' },
  QueryExtensionMap: { value: 0x00000006, since: '1.1' },
  QueryAttestationTypes: { value: 0x00000007, since: '1.2' },
  QueryRNGs: { value: 0x00000008, since: '1.3' },
  QueryValidations: { value: 0x00000009, since: '1.3' },
  QueryProfiles: { value: 0x0000000a, since: '1.3' },
  QueryCapabilities: { value: 0x0000000b, since: '1.3' },
  QueryClientRegistrationMethods: { value: 0x0000000c, since: '1.3' },
  QueryDefaultsInformation: { value: 0x0000000d, since: '2.0' },
  QueryStorageProtectionMasks: { value: 0x0000000e, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Cancellation Result Enumeration. */
export const CancellationResultValues = {
  Canceled: { value: 0x00000001, since: '1.0' },
  UnableToCancel: { value: 0x00000002, since: '1.0' },
  Completed: { value: 0x00000003, since: '1.0' },
  Failed: { value: 0x00000004, since: '1.0' },
  Unavailable: { value: 0x00000005, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Validity Indicator Enumeration. */
export const ValidityIndicatorValues = {
  Valid: { value: 0x00000001, since: '1.0' },
  Invalid: { value: 0x00000002, since: '1.0' },
  Unknown: { value: 0x00000003, since: '1.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Attestation Type Enumeration. */
export const AttestationTypeValues = {
  TPMQuote: { value: 0x00000001, since: '1.2' },
  TCGIntegrityReport: { value: 0x00000002, since: '1.2' },
  SAMLAssertion: { value: 0x00000003, since: '1.2' },
} as const satisfies Record<string, EnumerationRow>;

/** Asynchronous Indicator Enumeration. */
export const AsynchronousIndicatorValues = {
  Mandatory: { value: 0x00000001, since: '2.0' },
  Optional: { value: 0x00000002, since: '2.0' },
  Prohibited: { value: 0x00000003, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Adjustment Type Enumeration. */
export const AdjustmentTypeValues = {
  Increment: { value: 0x00000001, since: '2.0' },
  Decrement: { value: 0x00000002, since: '2.0' },
  Negate: { value: 0x00000003, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Endpoint Role Enumeration. */
export const EndpointRoleValues = {
  Client: { value: 0x00000001, since: '2.1' },
  Server: { value: 0x00000002, since: '2.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Interop Function Enumeration. */
export const InteropFunctionValues = {
  Begin: { value: 0x00000001, since: '2.0' },
  End: { value: 0x00000002, since: '2.0' },
  Reset: { value: 0x00000003, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Processing Stage Enumeration. */
export const ProcessingStageValues = {
  Submitted: { value: 0x00000001, since: '2.1' },
  InProcess: { value: 0x00000002, since: '2.1' },
  Completed: { value: 0x00000003, since: '2.1' },
} as const satisfies Record<string, EnumerationRow>;

/** Ticket Type Enumeration. */
export const TicketTypeValues = {
  Login: { value: 0x00000001, since: '2.0' },
} as const satisfies Record<string, EnumerationRow>;

/** Destroy Action Enumeration. */
export const DestroyActionValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  KeyMaterialDeleted: { value: 0x00000002, since: '1.3' },
  KeyMaterialShredded: { value: 0x00000003, since: '1.3' },
  MetaDataDeleted: { value: 0x00000004, since: '1.3' },
  MetaDataShredded: { value: 0x00000005, since: '1.3' },
  Deleted: { value: 0x00000006, since: '1.3' },
  Shredded: { value: 0x00000007, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** Shredding Algorithm Enumeration. */
export const ShreddingAlgorithmValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  Cryptographic: { value: 0x00000002, since: '1.3' },
  Unsupported: { value: 0x00000003, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** Client Registration Method Enumeration. */
export const ClientRegistrationMethodValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  ServerPreGenerated: { value: 0x00000002, since: '1.3' },
  ServerOnDemand: { value: 0x00000003, since: '1.3' },
  ClientGenerated: { value: 0x00000004, since: '1.3' },
  ClientRegistered: { value: 0x00000005, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** Validation Authority Type Enumeration. */
export const ValidationAuthorityTypeValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  NISTCMVP: { value: 0x00000002, since: '1.3' },
  CommonCriteria: { value: 0x00000003, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;

/** Validation Type Enumeration. */
export const ValidationTypeValues = {
  Unspecified: { value: 0x00000001, since: '1.3' },
  Hardware: { value: 0x00000002, since: '1.3' },
  Software: { value: 0x00000003, since: '1.3' },
  Firmware: { value: 0x00000004, since: '1.3' },
  Hybrid: { value: 0x00000005, since: '1.3' },
} as const satisfies Record<string, EnumerationRow>;
