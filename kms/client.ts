/** The KMIP client: what other services, and users of `kpsim/kms`, have of this folder. */
import type { ResponsePayload, TypedOperation } from '../wire/kmip/index.js';
import type { BatchResult } from './client/session.js';
import { onlyPayload } from './client/session.js';

export type { OutstandingRequest, WaitOptions } from './client/asynchronous.js';
export { SubmittedRequest } from './client/asynchronous.js';
export type { KmipClientTls, KmipServerAddress } from './client/connection.js';
export type { DecryptOptions, EncryptOptions, Encrypted, Signed, UseOptions } from './client/cryptography.js';
export { KmipConnectionError } from './client/errors.js';
export type { HttpsForm } from './client/https-connection.js';
export type {
  CertificationRequest,
  DerivationRequest,
  JoinRequest,
  KeyHalfRequest,
  KeyPair,
  KeyPairRequest,
  KeyRequest,
  ReplacementOptions,
  SplitRequest,
} from './client/keys.js';
export { KmipClient } from './client/kmip-client.js';
export type { KmipClientOptions } from './client/kmip-client.js';
export type {
  CheckedUse,
  ExportedObject,
  ImportOptions,
  Lease,
  LocateOptions,
  NewObjectOptions,
  RetrievalForm,
  RetrievedKey,
} from './client/objects.js';
export type { OperationStream, PartAnswer, StreamedOperation } from './client/operation-stream.js';
export { KmipOperations } from './client/operations.js';
export type { LoginLimits } from './client/operations.js';
export type { BatchCarrier } from './client/performer.js';
export type { BatchRequest, BatchResult, HeaderOptions } from './client/session.js';
export type { AttributeInput } from './client/version-form.js';
// The words of KMIP that requests and answers are made of.
export {
  CRYPTOGRAPHIC_USAGE_MASK,
  KmipError,
  PROTOCOL_VERSIONS,
  STORAGE_STATUS_MASK,
  attributeOf,
  cryptographicUsageMask,
  keyMaterialBytes,
} from '../wire/kmip/index.js';
export type {
  Attribute,
  AttributeName,
  AttributeValueOf,
  Credential,
  CryptographicParameters,
  CryptographicUsageName,
  DerivationParameters,
  EnumerationName,
  EnumerationValue,
  KeyBlock,
  KeyMaterial,
  KeyWrappingSpecification,
  ManagedObjectValue,
  NameIn,
  ObjectTypeName,
  OperationName,
  ProtocolVersion,
  ProtocolVersionName,
  RequestPayload,
  ResponsePayload,
  ResultReasonName,
  Right,
  Ticket,
  TtlvItem,
  TtlvValue,
  TypedOperation,
  UsernameAndPassword,
} from '../wire/kmip/index.js';

/** The payload of an only result of a batch. @throws KmipError if it failed */
export function payloadOf<O extends TypedOperation>(
  _operation: O,
  results: readonly BatchResult[],
): ResponsePayload<O> {
  return onlyPayload<O>(results);
}

/** Unique Batch Item IDs as vCenter numbers them: `51 4c 4b 43 NN 00 00 00`, NN counting on (captures of 7.0.3, 8.0.1). */
export function vcenterBatchItemIds(): () => Buffer {
  let next = 0;
  return () => {
    const id = Buffer.from([0x51, 0x4c, 0x4b, 0x43, next & 0xff, 0, 0, 0]);
    next += 1;
    return id;
  };
}
