import { KmipError, RANK_2_0 } from '../wire/kmip/index.js';
import type { ResultReasonName } from '../wire/kmip/index.js';

/** The reason of a refusal in KMIP 1.x (1.4 §11) and in 2.x, which tells more apart (2.1 §11.46). */
interface RefusalRow {
  readonly v1: ResultReasonName;
  readonly v2: ResultReasonName;
}

/** Why requests are refused, where the two major versions use different reasons. */
export const REFUSALS = {
  objectNotFound: { v1: 'ItemNotFound', v2: 'ObjectNotFound' },
  objectDestroyed: { v1: 'ItemNotFound', v2: 'ObjectDestroyed' },
  wrongState: { v1: 'PermissionDenied', v2: 'WrongKeyLifecycleState' },
  wrongObjectType: { v1: 'IllegalOperation', v2: 'InvalidObjectType' },
  unknownObjectType: { v1: 'InvalidField', v2: 'InvalidObjectType' },
  objectDestroyedAlready: { v1: 'PermissionDenied', v2: 'ObjectDestroyed' },
  attributeNotSettable: { v1: 'PermissionDenied', v2: 'ReadOnlyAttribute' },
  attributeReadOnly: { v1: 'PermissionDenied', v2: 'AttributeReadOnly' },
  attributeNotForObject: { v1: 'PermissionDenied', v2: 'InvalidAttribute' },
  attributeSingleValued: { v1: 'IllegalOperation', v2: 'AttributeSingleValued' },
  multiValuedAttribute: { v1: 'IllegalOperation', v2: 'MultiValuedAttribute' },
  attributeValueRepeated: { v1: 'IllegalOperation', v2: 'InvalidAttributeValue' },
  attributeUnknown: { v1: 'InvalidField', v2: 'UnsupportedAttribute' },
  attributeValueInvalid: { v1: 'InvalidField', v2: 'InvalidAttributeValue' },
  attributeMissing: { v1: 'InvalidField', v2: 'InvalidAttribute' },
  attributeToModifyNotFound: { v1: 'InvalidField', v2: 'AttributeNotFound' },
  attributeNotFound: { v1: 'ItemNotFound', v2: 'AttributeNotFound' },
  attributeInstanceNotFound: { v1: 'ItemNotFound', v2: 'AttributeInstanceNotFound' },
  attributeNamedTwice: { v1: 'InvalidMessage', v2: 'InvalidMessage' },
  nameTaken: { v1: 'InvalidField', v2: 'NonUniqueNameAttribute' },
  nameTakenByAnother: { v1: 'IllegalOperation', v2: 'NonUniqueNameAttribute' },
  tooManyInstances: { v1: 'IndexOutOfBounds', v2: 'ServerLimitExceeded' },
  templateNotFound: { v1: 'ItemNotFound', v2: 'ItemNotFound' },
  keyWrapTypeNotSupported: { v1: 'FeatureNotSupported', v2: 'KeyWrapTypeNotSupported' },
  wrappingObjectNotFound: { v1: 'ItemNotFound', v2: 'WrappingObjectNotFound' },
  wrappingObjectDestroyed: { v1: 'ItemNotFound', v2: 'WrappingObjectDestroyed' },
  wrappingObjectArchived: { v1: 'ObjectArchived', v2: 'WrappingObjectArchived' },
  wrappingObjectNoKey: { v1: 'IllegalOperation', v2: 'InvalidObjectType' },
  wrappingParametersMissing: { v1: 'ItemNotFound', v2: 'BadCryptographicParameters' },
  notRekeyable: { v1: 'PermissionDenied', v2: 'InvalidObjectType' },
  notReplaceable: { v1: 'PermissionDenied', v2: 'InvalidField' },
  offsetWithoutActivation: { v1: 'IllegalOperation', v2: 'InvalidField' },
  derivationObjectUnsuitable: { v1: 'InvalidField', v2: 'InvalidObjectType' },
  derivationUsageMissing: { v1: 'InvalidField', v2: 'IncompatibleCryptographicUsageMask' },
  derivationParametersInvalid: { v1: 'InvalidField', v2: 'BadCryptographicParameters' },
  splitParametersInvalid: { v1: 'InvalidField', v2: 'BadCryptographicParameters' },
  usageNotLimited: { v1: 'IllegalOperation', v2: 'AttributeNotFound' },
  usageNotAllowed: { v1: 'IllegalOperation', v2: 'InvalidObjectType' },
  usageLimitExceeded: { v1: 'PermissionDenied', v2: 'UsageLimitExceeded' },
  incompatibleUsageMask: { v1: 'PermissionDenied', v2: 'IncompatibleCryptographicUsageMask' },
  objectNotUsable: { v1: 'PermissionDenied', v2: 'InvalidObjectType' },
  // 2.1 has reasons of its own for these two, but its text (§6.1.17) and OASIS's cases (CS-BC-M-7, -11) those of 1.x.
  usageLimitSpent: { v1: 'PermissionDenied', v2: 'PermissionDenied' },
  missingIv: { v1: 'InvalidMessage', v2: 'InvalidMessage' },
  badCryptographicParameters: { v1: 'CryptographicFailure', v2: 'BadCryptographicParameters' },
  unsupportedCryptographicParameters: { v1: 'FeatureNotSupported', v2: 'UnsupportedCryptographicParameters' },
  correlationUnknown: { v1: 'ItemNotFound', v2: 'InvalidCorrelationValue' },
  streamTooLong: { v1: 'CryptographicFailure', v2: 'ServerLimitExceeded' },
  tooManyStreams: { v1: 'GeneralFailure', v2: 'ServerLimitExceeded' },
  objectNotCheckable: { v1: 'IllegalOperation', v2: 'IllegalObjectType' },
  leaseNotGranted: { v1: 'PermissionDenied', v2: 'PermissionDenied' },
  unknownExtension: { v1: 'FeatureNotSupported', v2: 'UnknownMessageExtension' },
  asynchronousRequestNotFound: { v1: 'ItemNotFound', v2: 'InvalidAsynchronousCorrelationValue' },
  tooManyAsynchronousRequests: { v1: 'GeneralFailure', v2: 'ServerLimitExceeded' },
  searchTooLong: { v1: 'GeneralFailure', v2: 'ServerLimitExceeded' },
  tooManyTickets: { v1: 'GeneralFailure', v2: 'ServerLimitExceeded' },
  passwordLinkWrong: { v1: 'InvalidField', v2: 'BadPassword' },
  passwordNotActive: { v1: 'PermissionDenied', v2: 'BadPassword' },
  noIdPlaceholder: { v1: 'InvalidField', v2: 'InvalidField' },
} as const satisfies Record<string, RefusalRow>;

/** Name of a row of {@link REFUSALS}. */
export type RefusalName = keyof typeof REFUSALS;

/** A refusal whose reason depends on the version spoken. */
export class Refusal extends KmipError {
  readonly refusal: RefusalName;

  constructor(refusal: RefusalName, message: string) {
    super(REFUSALS[refusal].v2, message);
    this.refusal = refusal;
  }
}

/** A refusal whose batch item says more in its payload. */
export class RefusalWithPayload extends Refusal {
  readonly payload: unknown;

  constructor(refusal: RefusalName, message: string, payload: unknown) {
    super(refusal, message);
    this.payload = payload;
  }
}

/** Reasons of an error that some versions do not have, and what comes nearest in them. */
const NEAREST_REASONS: Partial<Record<ResultReasonName, ResultReasonName>> = {
  Sensitive: 'PermissionDenied',
  NotExtractable: 'PermissionDenied',
  ObjectAlreadyExists: 'IllegalOperation',
  KeyValueNotPresent: 'IllegalOperation',
  EncodingOptionError: 'InvalidField',
  AttestationFailed: 'PermissionDenied',
  InvalidTicket: 'AuthenticationNotSuccessful',
  // KMIP 1.4 §11.8, §11.9.
  InvalidCSR: 'InvalidField',
  UnknownObjectGroup: 'ItemNotFound',
  // Gone in 2.0, which has more special ones; those are given as refusals.
  IllegalOperation: 'InvalidField',
  IndexOutOfBounds: 'InvalidField',
};

/** The reason of an error in the version of this rank. */
export function reasonIn(
  error: KmipError,
  rank: number,
  exists: (reason: ResultReasonName) => boolean,
): ResultReasonName {
  if (error instanceof Refusal) return REFUSALS[error.refusal][rank >= RANK_2_0 ? 'v2' : 'v1'];
  if (exists(error.reason)) return error.reason;
  const nearest = NEAREST_REASONS[error.reason];
  return nearest !== undefined && exists(nearest) ? nearest : 'GeneralFailure';
}

/**
 * Demands a value of an enumeration that the version of the request has.
 *
 * @param field its name in the specification
 * @throws KmipError `InvalidField` (KMIP 1.4 §11.1)
 */
export function demandKnown(field: string, value: string | number | undefined): void {
  if (typeof value !== 'number') return;
  throw new KmipError(
    'InvalidField',
    `There is no ${field} 0x${value.toString(16)} in this version of KMIP.`,
  );
}
