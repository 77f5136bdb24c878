import * as z from 'zod';

import type { DataValue, VapiType } from './types.js';
import { VapiDecodeError } from './errors.js';

/** Error codes of JSON-RPC 2.0 §5.1, and the vAPI's own for headers that name another operation than the body. */
export const JSON_RPC_ERRORS = {
  parse: { code: -32700, message: 'Parse error.' },
  invalidRequest: { code: -32600, message: 'Invalid Request.' },
  methodNotFound: { code: -32601, message: 'Method not found.' },
  invalidParams: { code: -32602, message: 'Invalid params.' },
  internal: { code: -32603, message: 'Internal error.' },
  invalidOperation: {
    code: -31001,
    message: 'Mismatching operation identifier in HTTP header and payload',
  },
} as const satisfies Record<string, { readonly code: number; readonly message: string }>;

/** Which error of JSON-RPC. */
export type JsonRpcErrorName = keyof typeof JSON_RPC_ERRORS;

/** Id of a request, echoed in its answer. */
export type JsonRpcId = string | number | null;

/** A request that is none, or none that can be served. */
export class JsonRpcError extends Error {
  readonly reason: JsonRpcErrorName;
  readonly id: JsonRpcId;

  /** @param detail told to the client in `error.data` */
  constructor(reason: JsonRpcErrorName, id: JsonRpcId, detail: string) {
    super(detail);
    this.reason = reason;
    this.id = id;
  }
}

/** Who calls, as the security context of a message says it. */
export type SecurityContext =
  | { readonly scheme: 'session'; readonly sessionId: string }
  | { readonly scheme: 'password'; readonly userName: string; readonly password: string }
  | { readonly scheme: 'none' };

/** A call of an operation (`invoke`). */
export interface Invocation {
  readonly id: JsonRpcId;
  /** For example `com.vmware.vcenter.trusted_infrastructure.principal`. */
  readonly service: string;
  /** For example `create$task`. */
  readonly operation: string;
  /** Not read yet: what it is, the operation's input type says. */
  readonly input: unknown;
  readonly security: SecurityContext;
}

const SESSION_SCHEME = 'com.vmware.vapi.std.security.session_id';
const PASSWORD_SCHEME = 'com.vmware.vapi.std.security.user_pass';

const requestId = z.union([z.string().max(256), z.int(), z.null()]);
const name = z.string().min(1).max(256);
const security = z.union([
  z.object({ schemeId: z.literal(SESSION_SCHEME), sessionId: z.string().max(256) }),
  z.object({
    schemeId: z.literal(PASSWORD_SCHEME),
    userName: z.string().max(1024),
    password: z.string().max(1024),
  }),
]);
const envelope = z.object({
  jsonrpc: z.literal('2.0'),
  method: z.string().max(256),
  params: z.unknown(),
});
const parameters = z.object({
  serviceId: name,
  operationId: name,
  input: z.unknown(),
  ctx: z.object({ securityCtx: z.unknown().optional() }).optional(),
});

/**
 * Reads a message of the vAPI's JSON-RPC (`POST /api`). Of its methods there is `invoke`.
 *
 * @throws JsonRpcError
 */
export function readInvocation(message: unknown): Invocation {
  const id = idOf(message);
  const request = envelope.safeParse(message);
  if (!request.success)
    throw new JsonRpcError('invalidRequest', id, 'Send a JSON-RPC 2.0 request with an id.');
  if (request.data.method !== 'invoke') {
    throw new JsonRpcError('methodNotFound', id, 'Call the method invoke.');
  }
  const params = parameters.safeParse(request.data.params);
  if (!params.success) {
    throw new JsonRpcError('invalidParams', id, 'Give serviceId, operationId, input and ctx.');
  }
  const { serviceId, operationId, input, ctx } = params.data;
  return {
    id,
    service: serviceId,
    operation: operationId,
    input,
    security: securityOf(ctx?.securityCtx, id),
  };
}

function idOf(message: unknown): JsonRpcId {
  const given: unknown =
    typeof message === 'object' && message !== null && 'id' in message ? message.id : null;
  const parsed = requestId.safeParse(given);
  return parsed.success ? parsed.data : null;
}

function securityOf(given: unknown, id: JsonRpcId): SecurityContext {
  if (given === undefined || given === null) return { scheme: 'none' };
  const parsed = security.safeParse(given);
  if (!parsed.success) {
    throw new JsonRpcError('invalidParams', id, 'Log in with user name and password, or with a session id.');
  }
  if (parsed.data.schemeId === SESSION_SCHEME) return { scheme: 'session', sessionId: parsed.data.sessionId };
  const { userName, password } = parsed.data;
  return { scheme: 'password', userName, password };
}

/** Reads an operation's input with its type. @throws JsonRpcError `invalidParams` that says where it is wrong */
export function readInput(type: VapiType, { input, id }: Invocation): unknown {
  try {
    return type.decode(input, 'input');
  } catch (error) {
    if (error instanceof VapiDecodeError) throw new JsonRpcError('invalidParams', id, error.message);
    throw error;
  }
}

/** An answer with a result. */
export function outputMessage(id: JsonRpcId, output: DataValue): unknown {
  return { jsonrpc: '2.0', id, result: { output } };
}

/** An answer with an error of the operation, as `encodeError` writes it. */
export function errorMessage(id: JsonRpcId, error: DataValue): unknown {
  return { jsonrpc: '2.0', id, result: { error } };
}

/** An answer to what could not be taken for a call. */
export function rpcErrorMessage({ reason, id, message }: JsonRpcError): unknown {
  return { jsonrpc: '2.0', id, error: { ...JSON_RPC_ERRORS[reason], data: message } };
}
