import type { ErrorRequestHandler, Request, Response, Router } from 'express';
import express from 'express';

import {
  VimFault,
  callMethod,
  decodeArguments,
  decodeJson,
  encodeFault,
  encodeJson,
  readProperty,
  toVimFault,
} from '../../wire/vim25/index.js';
import type { CallResult, ManagedObjectReference, VimBackend } from '../../wire/vim25/index.js';
import type { Logger } from '../logging.js';
import { JSON_LIMIT_BYTES, jsonBody } from './app.js';

/** The header in which a session id travels, in both directions. */
export const SESSION_HEADER = 'vmware-api-session-id';

/** Releases of the API that are answered, oldest and newest. */
const RELEASES = { oldest: [7, 0, 0, 0], newest: [9, 1, 1, 0] } as const;
const RELEASE = /^\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}$/;

/** Choices for {@link viJsonRouter}. */
export interface ViJsonOptions<C> {
  readonly backend: VimBackend<C>;
  /** Gets what nobody expected, which the client is told in generic words only. */
  readonly log: Logger;
}

/**
 * The VI/JSON dialect of the vSphere Web Services API over a service:
 * `POST /sdk/vim25/{release}/{moType}/{moId}/{method}` calls a method, `GET …/{property}` reads a property.
 * Nothing to return is 204; a fault is 500 with the fault as JSON; the session travels in
 * {@link SESSION_HEADER}. Source: vSphere Virtual Infrastructure JSON API.
 */
export function viJsonRouter<C>(options: ViJsonOptions<C>): Router {
  const { backend } = options;
  const router = express.Router();
  const path = '/sdk/vim25/:release/:moType/:moId/:member';
  /* Clients are known to send no content type, or another one. */
  const body = jsonBody('anything');

  router.post(path, body, (request, response) =>
    answer(backend, request, response, (caller, self) =>
      callMethod(backend, caller, self, request.params.member, (method) =>
        decodeArguments(method, request.body),
      ),
    ),
  );
  router.get(path, (request, response) =>
    answer(backend, request, response, (caller, self) =>
      readProperty(backend, caller, self, request.params.member),
    ),
  );
  router.post('/sdk', (_request, response) => {
    response.status(500).type('text/xml').send(SOAP_FAULT);
  });
  router.all('/sdk/vim25/{*rest}', () => {
    throw new VimFault(
      'InvalidRequest',
      'No such VI/JSON call. POST /sdk/vim25/{release}/{moType}/{moId}/{method} calls a method, GET …/{property} reads a property.',
    );
  });
  router.use('/sdk/vim25', faultHandler(options.log));
  return router;
}

/** What SOAP clients are told, in a form that they show to their users. */
const SOAP_FAULT = `<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>
<faultcode>ServerFaultCode</faultcode>
<faultstring>kpsim speaks VI/JSON, not SOAP. With govc 0.36 or later: export GOVC_VI_JSON=1 GOVC_VIM_VERSION=8.0.3.0</faultstring>
</soapenv:Fault></soapenv:Body></soapenv:Envelope>
`;

async function answer<C>(
  backend: VimBackend<C>,
  request: Request<{ release: string; moType: string; moId: string; member: string }>,
  response: Response,
  run: (caller: C, self: ManagedObjectReference) => Promise<CallResult>,
): Promise<void> {
  requireRelease(request.params.release);
  const self = selfOf(request.params.moType, request.params.moId);
  const sessionId = request.get(SESSION_HEADER);
  const caller = backend.caller({
    sessionId,
    ipAddress: request.socket.remoteAddress ?? '',
    userAgent: (request.get('user-agent') ?? '').slice(0, 200),
  });
  const { type, value } = await run(caller, self);
  const encoded = encodeJson(type, value);
  const newSessionId = backend.sessionId(caller);
  if (newSessionId !== undefined && newSessionId !== sessionId) {
    response.setHeader(SESSION_HEADER, newSessionId);
  }
  if (encoded === undefined) response.status(204).end();
  else response.json(encoded);
}

function selfOf(type: string, value: string): ManagedObjectReference {
  const json = { _typeName: 'ManagedObjectReference', type, value };
  return decodeJson('&ManagedObject', json, 'the path') as ManagedObjectReference;
}

function requireRelease(release: string): void {
  const parts = RELEASE.test(release) ? release.split('.').map(Number) : undefined;
  if (parts && compare(parts, RELEASES.oldest) >= 0 && compare(parts, RELEASES.newest) <= 0) return;
  throw new VimFault(
    'InvalidRequest',
    `The release in the path is not answered here: use one from ${RELEASES.oldest.join('.')} to ${RELEASES.newest.join('.')}, for example 8.0.3.0.`,
  );
}

function compare(left: readonly number[], right: readonly number[]): number {
  for (const [index, part] of left.entries()) {
    const difference = part - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function faultHandler(log: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const fault = isHttpError(error) ? requestFault(error.status) : toVimFault(error);
    if (fault.cause !== undefined) log.error({ err: fault.cause, path: request.path }, fault.message);
    response.status(500).json(encoded(fault, log));
  };
}

function encoded(fault: VimFault, log: Logger): unknown {
  try {
    return encodeFault(fault);
  } catch (error) {
    log.error({ err: error }, 'a fault could not be encoded');
    return encodeFault(toVimFault(error));
  }
}

function requestFault(status: number): VimFault {
  return new VimFault(
    'InvalidRequest',
    status === 413
      ? `The request body is larger than ${JSON_LIMIT_BYTES} bytes.`
      : 'The request is not valid: the path must be encoded as a URL, the body as JSON in UTF-8 without a content encoding.',
  );
}

/** Errors of express and of its body parsers carry an HTTP status between 400 and 499. */
function isHttpError(error: unknown): error is Error & { readonly status: number } {
  return (
    error instanceof Error &&
    'status' in error &&
    typeof error.status === 'number' &&
    error.status >= 400 &&
    error.status < 500
  );
}
