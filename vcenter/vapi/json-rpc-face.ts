import type { ErrorRequestHandler, Request, RequestHandler, Router } from 'express';
import express from 'express';

import { VapiError, jsonBody } from '../../core/http/index.js';
import { SESSION_HEADER } from '../../core/http/vi-json.js';
import type { Invocation, SecurityContext } from '../../wire/vapi/index.js';
import {
  JsonRpcError,
  encodeError,
  errorMessage,
  outputMessage,
  readInput,
  readInvocation,
  rpcErrorMessage,
} from '../../wire/vapi/index.js';
import type { Session } from '../access/sessions.js';
import { openSession } from '../rest/session.js';
import type { Vcenter } from '../vcenter.js';
import type { VapiDispatcher } from './dispatcher.js';
import { vapiErrorOf } from './errors.js';
import { LargeRpcBodies } from './large-body.js';
import { fullName } from './operation.js';
import type { SessionCalls } from './session-calls.js';
import { SESSION_SERVICE, sessionCalls } from './session-calls.js';

/** Headers of JSON-RPC 1.1 of the vAPI: what the body calls, told before it. */
const SERVICE_HEADER = 'vapi-service';
const OPERATION_HEADER = 'vapi-operation';

/** The vAPI's JSON-RPC, `POST /api`: what VMware's Python and Java clients speak. */
export function jsonRpcRouter(vcenter: Vcenter, dispatcher: VapiDispatcher): Router {
  const router = express.Router();
  const calls = sessionCalls(vcenter);
  const usual = jsonBody('anything');
  const largeBodies = new LargeRpcBodies(vcenter.sessions, usual);
  const read: RequestHandler = (request, response, next) => {
    const large = largeBody(dispatcher, request);
    const parse = large === undefined ? usual : largeBodies.reader(request, large);
    parse(request, response, next);
  };
  router.post('/api', read, async (request, response) => {
    response.json(await answer(vcenter, dispatcher, calls, request));
  });
  router.use('/api', unreadable);
  return router;
}

/** How large a body may be that is longer than usual: only for an operation that needs it, named in the headers. */
function largeBody(dispatcher: VapiDispatcher, request: Request): number | undefined {
  const [service, operation] = [request.get(SERVICE_HEADER), request.get(OPERATION_HEADER)];
  const row = dispatcher.operations.find(
    (one) => one.maxBodyBytes !== undefined && fullName(one) === `${service ?? ''}.${operation ?? ''}`,
  );
  return row?.maxBodyBytes;
}

async function answer(
  vcenter: Vcenter,
  dispatcher: VapiDispatcher,
  calls: SessionCalls,
  request: Request,
): Promise<unknown> {
  const began = process.hrtime.bigint();
  let operation = 'unknown';
  let outcome = 'success';
  let client: string | undefined;
  try {
    const call = readInvocation(request.body);
    checkHeaders(call, request);
    try {
      if (call.service === SESSION_SERVICE) {
        operation = `${SESSION_SERVICE}.${Object.hasOwn(calls, call.operation) ? call.operation : 'unknown'}`;
        const { type, value } = await sessionCall(vcenter, calls, call, request);
        return outputMessage(call.id, type.encode(value));
      }
      const session = callerOf(vcenter, call.security, request);
      client = session.principal.name;
      const row = dispatcher.find(call.service, call.operation);
      operation = fullName(row);
      const value = await dispatcher.perform(row, session, readInput(row.input, call));
      return outputMessage(call.id, dispatcher.answerType(row).encode(value));
    } catch (error) {
      if (error instanceof JsonRpcError) throw error;
      const refusal = vapiErrorOf(error);
      outcome = refusal.type;
      if (refusal.status >= 500) vcenter.context.log.error({ err: error, operation }, 'call failed');
      return errorMessage(call.id, encodeError(refusal.body));
    }
  } catch (error) {
    if (!(error instanceof JsonRpcError)) throw error;
    outcome = error.reason;
    return rpcErrorMessage(error);
  } finally {
    vcenter.metrics.duration.observe({ operation }, Number(process.hrtime.bigint() - began) / 1e9);
    vcenter.context.journal.record({ operation, client, outcome });
  }
}

/** @throws JsonRpcError `invalidOperation` if the headers name another operation than the body */
function checkHeaders({ id, service, operation }: Invocation, request: Request): void {
  const told = [request.get(SERVICE_HEADER) ?? service, request.get(OPERATION_HEADER) ?? operation];
  if (told[0] === service && told[1] === operation) return;
  throw new JsonRpcError(
    'invalidOperation',
    id,
    `Name the same operation in ${SERVICE_HEADER} and in the body.`,
  );
}

async function sessionCall(
  vcenter: Vcenter,
  calls: SessionCalls,
  call: Invocation,
  request: Request,
): Promise<Awaited<ReturnType<SessionCalls[keyof SessionCalls]>>> {
  if (call.operation === 'create') return calls.create(() => logIn(vcenter, call.security, request));
  if (call.operation === 'get') return calls.get(callerOf(vcenter, call.security, request));
  if (call.operation === 'delete') return calls.delete(callerOf(vcenter, call.security, request));
  throw new VapiError('OPERATION_NOT_FOUND', `Sessions have the operations create, get and delete.`);
}

async function logIn(vcenter: Vcenter, security: SecurityContext, request: Request): Promise<string> {
  if (security.scheme === 'password') {
    return openSession(vcenter, request, { userName: security.userName, password: security.password });
  }
  throw new VapiError('UNAUTHENTICATED', 'Give user name and password in the security context.');
}

/** @throws VapiError `UNAUTHENTICATED` */
function callerOf(vcenter: Vcenter, security: SecurityContext, request: Request): Session {
  const id = security.scheme === 'session' ? security.sessionId : request.get(SESSION_HEADER);
  const session = id === undefined ? undefined : vcenter.sessions.use(id);
  if (session) return session;
  throw new VapiError(
    'UNAUTHENTICATED',
    `Call ${SESSION_SERVICE}.create with user name and password, and send its answer as the session id.`,
  );
}

/** A body that is no JSON, or too long, is answered in JSON-RPC too. */
const unreadable: ErrorRequestHandler = (error: unknown, request, response, next) => {
  if (request.method !== 'POST' || request.originalUrl.split('?', 1)[0] !== '/api') {
    next(error);
    return;
  }
  const refusal = vapiErrorOf(error);
  const reason = refusal.status >= 500 ? 'internal' : 'parse';
  response.json(rpcErrorMessage(new JsonRpcError(reason, null, refusal.message)));
};
