import type { ValueOf } from '../schema/codec.js';
import type { OperationName } from '../schema/enumeration.js';
import {
  addAttributeRequest,
  changedAttributeResponse,
  deleteAttributeRequest,
  getAttributeListResponse,
  getAttributesRequest,
  getAttributesResponse,
  modifyAttributeRequest,
} from './attributes.js';
import { createRequest, createResponse } from './create.js';
import { discoverVersions } from './discover-versions.js';
import { getRequest, getResponse } from './get.js';
import { locateRequest, locateResponse } from './locate.js';
import { objectRequest, objectResponse } from './object-identifier.js';
import { queryRequest, queryResponse } from './query.js';
import { registerRequest, registerResponse } from './register.js';
import { revokeRequest } from './revoke.js';

/** Payloads by operation. Those of operations that are not here are kept as a list of items. */
export const PAYLOADS = {
  Create: { request: createRequest, response: createResponse },
  Register: { request: registerRequest, response: registerResponse },
  Locate: { request: locateRequest, response: locateResponse },
  Get: { request: getRequest, response: getResponse },
  GetAttributes: { request: getAttributesRequest, response: getAttributesResponse },
  GetAttributeList: { request: objectRequest, response: getAttributeListResponse },
  AddAttribute: { request: addAttributeRequest, response: changedAttributeResponse },
  SetAttribute: { request: addAttributeRequest, response: objectResponse },
  ModifyAttribute: { request: modifyAttributeRequest, response: changedAttributeResponse },
  DeleteAttribute: { request: deleteAttributeRequest, response: changedAttributeResponse },
  Activate: { request: objectRequest, response: objectResponse },
  Revoke: { request: revokeRequest, response: objectResponse },
  Destroy: { request: objectRequest, response: objectResponse },
  Query: { request: queryRequest, response: queryResponse },
  DiscoverVersions: { request: discoverVersions, response: discoverVersions },
} as const satisfies Partial<Record<OperationName, unknown>>;

/** An operation whose payloads have a schema. */
export type TypedOperation = keyof typeof PAYLOADS;

/** Request payload of an operation. */
export type RequestPayload<O extends TypedOperation> = ValueOf<(typeof PAYLOADS)[O]['request']>;

/** Response payload of an operation. */
export type ResponsePayload<O extends TypedOperation> = ValueOf<(typeof PAYLOADS)[O]['response']>;
