import type { Request, RequestHandler, Response, Router } from 'express';
import express from 'express';
import { TLSSocket } from 'node:tls';

import type { ServiceContext } from '../../core/context.js';
import type { RequestFaultAction } from '../../core/faults.js';
import {
  VAPI_ERROR_TYPES,
  VapiError,
  binaryBody,
  clientCertificateOf,
  jsonBody,
  toVapiError,
  validate,
} from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import { certificateX5tS256, commonNameOf } from '../../core/pki/index.js';
import { AttestationError, PRINCIPAL_HEADER } from '../../wire/attestation/index.js';
import type { ClientIdentity, Operation, OperationRequest } from './operation.js';
import { refusalOf } from './refusal.js';

/** What a router needs besides its operations. */
export interface RouterOptions {
  /** Name of the service instance, as faults match it. */
  readonly service: string;
  readonly context: ServiceContext;
  /** Common names of administrators' certificates. */
  readonly administrators: readonly string[];
  /** Prefix of the metrics' names, for example `kpsim_attestation`. */
  readonly metricsPrefix: string;
}

/** Routes requests to operations: who may call, faults, journal and metrics are the same for all of them. */
export function operationRouter(operations: readonly Operation[], options: RouterOptions): Router {
  const router = express.Router();
  const observe = observerOf(options);
  for (const row of operations) {
    const handlers = [...bodyHandlers(row), handlerOf(row, options, observe)];
    const method = row.method.toLowerCase() as Lowercase<Operation['method']>;
    router[method](row.path, onlyAction(row.action), ...handlers);
  }
  return router;
}

type Observe = (row: Operation, outcome: string, seconds: number) => void;

function observerOf({ context, metricsPrefix }: RouterOptions): Observe {
  const requests = context.metrics.counter(
    `${metricsPrefix}_requests_total`,
    'Requests by operation and outcome.',
    ['operation', 'outcome'],
  );
  const durations = context.metrics.histogram(
    `${metricsPrefix}_request_duration_seconds`,
    'Duration of requests by operation.',
    ['operation'],
  );
  return (row, outcome, seconds) => {
    requests.inc({ operation: row.name, outcome });
    durations.observe({ operation: row.name }, seconds);
  };
}

function onlyAction(action: string | undefined): RequestHandler {
  return (request, _response, next) => {
    if (request.query.action === action) next();
    else next('route');
  };
}

function bodyHandlers(row: Operation): RequestHandler[] {
  if (row.body === undefined) return [];
  if ('maxBytes' in row.body) return [binaryBody(row.body.maxBytes)];
  if (row.maxJsonBytes === undefined) return [jsonBody()];
  return [express.json({ limit: row.maxJsonBytes, strict: false })];
}

function handlerOf(row: Operation, options: RouterOptions, observe: Observe): RequestHandler {
  const administrators = new Set(options.administrators);
  const { context } = options;
  return async (request, response) => {
    const began = process.hrtime.bigint();
    const client = clientIdentityOf(request);
    let outcome = 'success';
    let details: Readonly<Record<string, unknown>> | undefined;
    try {
      const parameters = request.params as Readonly<Record<string, string>>;
      const fault = context.faults.match({
        service: options.service,
        operation: row.name,
        client: client?.name,
        object: Object.values(parameters)[0],
      });
      if (fault) outcome = `fault: ${fault.kind}`;
      if (fault && !(await proceeds(fault, response))) return;
      const call = { client: admitted(client, row, administrators), parameters, ...inputOf(row, request) };
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
      observe(row, outcome, Number(process.hrtime.bigint() - began) / 1e9);
      context.journal.record({
        operation: row.name,
        client: client?.name,
        outcome,
        ...(details && { details }),
      });
    }
  };
}

function inputOf(
  row: Operation,
  request: Request,
): Pick<OperationRequest, 'body' | 'authorization' | 'principal'> {
  const tokens = {
    authorization: request.headers.authorization,
    principal: request.headersDistinct[PRINCIPAL_HEADER]?.join(),
  };
  const raw: unknown = request.body;
  if (row.body === undefined) return { body: undefined, ...tokens };
  if ('maxBytes' in row.body) {
    if (Buffer.isBuffer(raw)) return { body: raw, ...tokens };
    throw new VapiError('INVALID_ARGUMENT', 'Send the file as the body of the request.');
  }
  return { body: validate(row.body, raw), ...tokens };
}

/** @throws AttestationError `client_certificate_missing`, VapiError `UNAUTHORIZED` */
function admitted(
  client: ClientIdentity | undefined,
  row: Operation,
  administrators: ReadonlySet<string>,
): ClientIdentity {
  if (client === undefined) throw new AttestationError('client_certificate_missing');
  if (row.access === 'administrator' && !administrators.has(client.name)) {
    throw new VapiError(
      'UNAUTHORIZED',
      `The client ${JSON.stringify(client.name)} is no administrator of this service. Use the certificate of one, or add the name to administrators.`,
    );
  }
  return client;
}

/** Identities of connections, so that a certificate is parsed once a connection and not once a request. */
const identities = new WeakMap<TLSSocket, ClientIdentity>();

/** Who sent a request; undefined without a verified client certificate. */
export function clientIdentityOf(request: Request): ClientIdentity | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket)) return undefined;
  const known = identities.get(socket);
  if (known) return known;
  const certificate = clientCertificateOf(request);
  if (!certificate) return undefined;
  const identity = {
    name: commonNameOf(certificate) ?? '',
    certificateSha256: certificateX5tS256(certificate),
  };
  identities.set(socket, identity);
  return identity;
}

/** Does what a fault does before the work; false if there is nothing more to do. */
async function proceeds(fault: RequestFaultAction, response: Response): Promise<boolean> {
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
function delay(delayMs: number, response: Response): Promise<void> {
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
  response: Response,
  answer: unknown,
  fault: RequestFaultAction | undefined,
): void {
  if (fault?.kind === 'drop') return;
  if (fault?.kind === 'truncate') {
    truncated(response, JSON.stringify(answer ?? ''));
    return;
  }
  const body = fault?.kind === 'corrupt' && row.corrupt ? row.corrupt(answer) : answer;
  if (body === undefined) response.status(204).end();
  else response.status(row.status ?? 200).json(body);
}

/** Sends the first half of an answer that was announced whole, then cuts the connection. */
function truncated(response: Response, text: string): void {
  const bytes = Buffer.from(text);
  response.status(200).type('application/json').setHeader('content-length', bytes.length);
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.socket?.destroy());
}

/** The last handler of a listener: what no operation answered. */
export function noSuchOperation(request: Request): never {
  throw new VapiError(
    'OPERATION_NOT_FOUND',
    `There is no operation ${request.method} ${request.path.slice(0, 200)}; check path, method and action.`,
  );
}
