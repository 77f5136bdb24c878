import type { ValueOf } from '../schema/codec.js';
import type { OperationName } from '../schema/enumeration.js';
import {
  cancelResponse,
  pendingRequest,
  queryAsynchronousRequestsRequest,
  queryAsynchronousRequestsResponse,
} from './asynchronous.js';
import { adjustAttributeRequest } from './adjust-attribute.js';
import {
  addAttributeRequest,
  changedAttributeResponse,
  deleteAttributeRequest,
  getAttributeListResponse,
  getAttributesRequest,
  getAttributesResponse,
  modifyAttributeRequest,
} from './attributes.js';
import { certifyRequest, certifyResponse, recertifyRequest } from './certify.js';
import { checkRequest, checkResponse } from './check.js';
import { createRequest, createResponse } from './create.js';
import { createKeyPairRequest, keyPairResponse } from './create-key-pair.js';
import {
  decryptRequest,
  decryptResponse,
  encryptRequest,
  encryptResponse,
  hashRequest,
  hashResponse,
  macRequest,
  macResponse,
  macVerifyRequest,
  macVerifyResponse,
  rngRetrieveRequest,
  rngRetrieveResponse,
  rngSeedRequest,
  rngSeedResponse,
  signRequest,
  signResponse,
  signatureVerifyRequest,
  signatureVerifyResponse,
} from './cryptographic.js';
import { deriveKeyRequest, deriveKeyResponse } from './derive-key.js';
import { discoverVersions } from './discover-versions.js';
import { emptyPayload } from './empty.js';
import { exportRequest, exportResponse, importRequest, importResponse } from './export.js';
import { getRequest, getResponse } from './get.js';
import { interopRequest } from './interop.js';
import { locateRequest, locateResponse } from './locate.js';
import { logRequest } from './log.js';
import { delegatedLoginRequest, loginRequest, ticketPayload } from './login.js';
import { objectRequest, objectResponse } from './object-identifier.js';
import { obtainLeaseResponse } from './obtain-lease.js';
import { pkcs11Request, pkcs11Response } from './pkcs11.js';
import { queryRequest, queryResponse } from './query.js';
import { registerRequest, registerResponse } from './register.js';
import { rekeyRequest, rekeyResponse } from './rekey.js';
import { rekeyKeyPairRequest } from './rekey-key-pair.js';
import { revokeRequest } from './revoke.js';
import { setEndpointRole } from './set-endpoint-role.js';
import {
  createSplitKeyRequest,
  createSplitKeyResponse,
  joinSplitKeyRequest,
  joinSplitKeyResponse,
} from './split-key.js';
import { getUsageAllocationRequest } from './usage-allocation.js';
import { validateRequest, validateResponse } from './validate.js';

/** Payloads by operation. Those of operations that are not here are kept as a list of items. */
export const PAYLOADS = {
  Create: { request: createRequest, response: createResponse },
  CreateKeyPair: { request: createKeyPairRequest, response: keyPairResponse },
  Register: { request: registerRequest, response: registerResponse },
  ReKey: { request: rekeyRequest, response: rekeyResponse },
  DeriveKey: { request: deriveKeyRequest, response: deriveKeyResponse },
  Certify: { request: certifyRequest, response: certifyResponse },
  ReCertify: { request: recertifyRequest, response: certifyResponse },
  Locate: { request: locateRequest, response: locateResponse },
  Check: { request: checkRequest, response: checkResponse },
  Get: { request: getRequest, response: getResponse },
  GetAttributes: { request: getAttributesRequest, response: getAttributesResponse },
  GetAttributeList: { request: objectRequest, response: getAttributeListResponse },
  AddAttribute: { request: addAttributeRequest, response: changedAttributeResponse },
  AdjustAttribute: { request: adjustAttributeRequest, response: objectResponse },
  SetAttribute: { request: addAttributeRequest, response: objectResponse },
  ModifyAttribute: { request: modifyAttributeRequest, response: changedAttributeResponse },
  DeleteAttribute: { request: deleteAttributeRequest, response: changedAttributeResponse },
  ObtainLease: { request: objectRequest, response: obtainLeaseResponse },
  GetUsageAllocation: { request: getUsageAllocationRequest, response: objectResponse },
  Activate: { request: objectRequest, response: objectResponse },
  Revoke: { request: revokeRequest, response: objectResponse },
  Destroy: { request: objectRequest, response: objectResponse },
  Archive: { request: objectRequest, response: objectResponse },
  Recover: { request: objectRequest, response: objectResponse },
  Validate: { request: validateRequest, response: validateResponse },
  Query: { request: queryRequest, response: queryResponse },
  Cancel: { request: pendingRequest, response: cancelResponse },
  Poll: { request: pendingRequest, response: emptyPayload },
  DiscoverVersions: { request: discoverVersions, response: discoverVersions },
  ReKeyKeyPair: { request: rekeyKeyPairRequest, response: keyPairResponse },
  Encrypt: { request: encryptRequest, response: encryptResponse },
  Decrypt: { request: decryptRequest, response: decryptResponse },
  Sign: { request: signRequest, response: signResponse },
  SignatureVerify: { request: signatureVerifyRequest, response: signatureVerifyResponse },
  MAC: { request: macRequest, response: macResponse },
  MACVerify: { request: macVerifyRequest, response: macVerifyResponse },
  RNGRetrieve: { request: rngRetrieveRequest, response: rngRetrieveResponse },
  RNGSeed: { request: rngSeedRequest, response: rngSeedResponse },
  Hash: { request: hashRequest, response: hashResponse },
  CreateSplitKey: { request: createSplitKeyRequest, response: createSplitKeyResponse },
  JoinSplitKey: { request: joinSplitKeyRequest, response: joinSplitKeyResponse },
  Import: { request: importRequest, response: importResponse },
  Export: { request: exportRequest, response: exportResponse },
  Log: { request: logRequest, response: emptyPayload },
  Login: { request: loginRequest, response: ticketPayload },
  Logout: { request: ticketPayload, response: emptyPayload },
  DelegatedLogin: { request: delegatedLoginRequest, response: ticketPayload },
  SetEndpointRole: { request: setEndpointRole, response: setEndpointRole },
  PKCS_11: { request: pkcs11Request, response: pkcs11Response },
  Interop: { request: interopRequest, response: emptyPayload },
  QueryAsynchronousRequests: {
    request: queryAsynchronousRequestsRequest,
    response: queryAsynchronousRequestsResponse,
  },
  Process: { request: pendingRequest, response: emptyPayload },
  Ping: { request: emptyPayload, response: emptyPayload },
} as const satisfies Partial<Record<OperationName, unknown>>;

/** An operation whose payloads have a schema. */
export type TypedOperation = keyof typeof PAYLOADS;

/** Request payload of an operation. */
export type RequestPayload<O extends TypedOperation> = ValueOf<(typeof PAYLOADS)[O]['request']>;

/** Response payload of an operation. */
export type ResponsePayload<O extends TypedOperation> = ValueOf<(typeof PAYLOADS)[O]['response']>;
