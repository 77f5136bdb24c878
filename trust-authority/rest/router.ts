import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

import type { ServiceContext } from '../../core/context.js';
import type { RequestFaultAction } from '../../core/fault-spec.js';
import { VAPI_ERROR_TYPES, VapiError, toVapiError } from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import { AttestationError, PRINCIPAL_HEADER } from '../../wire/attestation/index.js';
import { admitted, clientIdentityOf } from './client-identity.js';
import type { Rights } from './client-identity.js';
import type { Operation } from './operation.js';
import { refusalOf } from './refusal.js';
import { hasLongBodyToCome, readBody } from './request-body.js';
import { Routes } from './routes.js';
import type { Route } from './routes.js';

/** What a router needs besides its operations. */
export interface RouterOptions {
  /** Name of the service instance, as faults match it. */
  readonly service: string;
  readonly context: ServiceContext;
  /** Common names of administrators' certificates. */
  readonly administrators: readonly string[];
  /** Whether a certificate, told by its `x5t#S256`, is one of a service of the same cluster; none is unless told. */
  readonly isMember?: (certificateSha256: string) => boolean;
  /** Prefix of the metrics' names, for example `kpsim_attestation`. */
  readonly metricsPrefix: string;
}

/**
 * Routes requests to operations: who may call, faults, journal and metrics are the same for all of them. A caller is
 * let in before anything of its body is read.
 *
 * Requests come straight from Node's HTTPS server: a stack of middleware costs more than an appraisal does.
 */
export function operationListener(operations: readonly Operation[], options: RouterOptions): RequestListener {
  const routes = new Routes(operations);
  const observe = observerOf(options);
  const rights: Rights = {
    administrators: new Set(options.administrators),
    isMember: options.isMember ?? (() => false),
  };
  return (request, response) => {
    const answered = (async () => {
      const route = routes.find(request.method ?? '', request.url ?? '');
      if (route) await perform(route, request, response, { options, rights, observe });
      else throw noSuchOperation(request);
    })();
    answered.catch((error: unknown) => refuse(request, response, error));
  };
}

type Observe = (row: Operation, outcome: string, seconds: number) => void;

function observerOf({ context, metricsPrefix }: RouterOptions): Observe {
  const countRequest = context.metrics.tally(
    `${metricsPrefix}_requests_total`,
    'Requests by operation and outcome.',
    ['operation', 'outcome'],
  );
  const took = context.metrics.durationsBy(
    'operation',
    `${metricsPrefix}_request_duration_seconds`,
    'Duration of requests by operation.',
  );
  return (row, outcome, seconds) => {
    countRequest(row.name, outcome);
    took(row.name, seconds);
  };
}

/** Carries one operation out and answers. @throws whatever the answer is to be an error for */
async function perform(
  { operation: row, parameters }: Route,
  request: IncomingMessage,
  response: ServerResponse,
  {
    options: { context, service },
    rights,
    observe,
  }: { readonly options: RouterOptions; readonly rights: Rights; readonly observe: Observe },
): Promise<void> {
  const began = performance.now();
  const client = clientIdentityOf(request);
  let outcome = 'success';
  let details: Readonly<Record<string, unknown>> | undefined;
  try {
    const fault = context.faults.match({
      service,
      operation: row.name,
      client: client?.name,
      object: Object.values(parameters)[0],
    });
    if (fault) outcome = `fault: ${fault.kind}`;
    if (fault && !(await proceeds(fault, response))) return;
    const caller = admitted(client, row.access, rights);
    const { authorization, [PRINCIPAL_HEADER]: principal } = request.headers;
    const call = {
      client: caller,
      parameters,
      body: await readBody(row, request, response),
      authorization,
      principal: principal?.toString(),
    };
    const answer: unknown = await row.run(call);
    details = row.journal?.(call, answer);
    send(row, response, answer, fault);
  } catch (error) {
    const refusal = error instanceof AttestationError ? refusalOf(error) : toVapiError(error);
    outcome = error instanceof AttestationError ? error.reason : refusal.type;
    if (refusal.status >= 500 && !(error instanceof AttestationError)) {
      context.log.error({ operation: row.name, err: error }, 'request failed');
    }
    throw refusal;
  } finally {
    observe(row, outcome, (performance.now() - began) / 1000);
    context.journal.record({
      operation: row.name,
      client: client?.name,
      outcome,
      ...(details && { details }),
    });
  }
}

/** Does what a fault does before the work; false if there is nothing more to do. */
async function proceeds(fault: RequestFaultAction, response: ServerResponse): Promise<boolean> {
  switch (fault.kind) {
    case 'delay':
      await delay(fault.delayMs, response);
      return !response.destroyed;
    case 'drop':
      return fault.when === 'after';
    case 'reset':
    case 'hangUp':
      response.socket?.destroy();
      return false;
    case 'error':
      throw faultError(fault.reason);
    case 'truncate':
    case 'corrupt':
      return true;
  }
}

/** Waits, but no longer than the connection lives. */
function delay(delayMs: number, response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    response.once('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function faultError(reason: string): VapiError {
  return Object.hasOwn(VAPI_ERROR_TYPES, reason)
    ? new VapiError(reason as VapiErrorType, 'A fault was injected into this operation.')
    : new VapiError('ERROR', reason);
}

function send(
  row: Operation,
  response: ServerResponse,
  answer: unknown,
  fault: RequestFaultAction | undefined,
): void {
  if (fault?.kind === 'drop') return;
  if (fault?.kind === 'truncate') {
    truncated(response, JSON.stringify(answer ?? ''));
    return;
  }
  const body = fault?.kind === 'corrupt' && row.corrupt ? row.corrupt(answer) : answer;
  if (body === undefined) response.writeHead(204).end();
  else sendJson(response, row.status ?? 200, body);
}

function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = JSON.stringify(body);
  response
    .writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      ...headers,
    })
    .end(text);
}

/** Sends the first half of an answer that was announced whole, then cuts the connection. */
function truncated(response: ServerResponse, text: string): void {
  const bytes = Buffer.from(text);
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': bytes.length });
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
}

/** Answers with an error; a body that was not read ends the connection, so that nobody has to take it in. */
function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const { status, body, challenge } = toVapiError(error);
  sendJson(response, status, body, {
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
    ...(hasLongBodyToCome(request) && { connection: 'close' }),
  });
}

function noSuchOperation({ method, url }: IncomingMessage): VapiError {
  const path = (url ?? '').split('?', 1)[0] ?? '';
  return new VapiError(
    'OPERATION_NOT_FOUND',
    `There is no operation ${method ?? ''} ${path.slice(0, 200)}; check path, method and action.`,
  );
}
