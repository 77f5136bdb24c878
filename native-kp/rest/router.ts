import type { ErrorRequestHandler, Request, RequestHandler, Response } from 'express';
import express from 'express';
import type { Router } from 'express';

import type { ServiceContext } from '../../core/context.js';
import { announceFaults } from '../../core/fault-hits.js';
import {
  VAPI_ERROR_TYPES,
  VapiError,
  faultGate,
  isCorrupted,
  jsonBody,
  requireClientNamed,
  toVapiError,
  validate,
  vapiErrorHandler,
} from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import type { NativeKpConfig } from '../config.js';
import { downloadHandler } from './download.js';
import { hostOperations } from './host-operations.js';
import { internalOperations } from './internal-operations.js';
import type { Access, Operation } from './operation.js';
import { providerOperations } from './provider-operations.js';
import type { OperationParts } from './provider-operations.js';

/** What the router works with. */
export interface RouterParts extends OperationParts {
  readonly config: NativeKpConfig;
  readonly context: ServiceContext;
}

/** Headers by which the front door says who calls, what they may do, and how they reached it. */
const HEADERS = {
  user: 'x-kpsim-user',
  privileges: 'x-kpsim-privileges',
  publicHost: 'x-forwarded-host',
} as const;
const PUBLIC_HOST = /^[A-Za-z0-9.[\]:-]{1,255}$/;

/** What the service does at hosts, as faults call it (`native-kp/supply`). */
const SUPPLY_OPERATIONS = ['hosts.give', 'hosts.take'];

/** All paths of the service, for one client only: the vCenter whose front door it stands behind. */
export function nativeKpRouter(parts: RouterParts): Router {
  const router = express.Router();
  const observed = observer(parts);
  router.use(requireClientNamed([parts.config.frontDoor]));
  const operations = [...providerOperations(parts), ...hostOperations(parts), ...internalOperations(parts)];
  for (const row of operations) {
    router[row.method](
      row.path,
      onlyAction(row.action),
      observed(row.name),
      jsonBody(),
      allowed(row.access),
      struckBy(parts, row.name),
      answer(row, parts.config),
    );
  }
  const path = '/cryptomanager/kms/:provider';
  const name = 'cryptomanager.download';
  announceFaults(parts.config.name, parts.context, {
    operations: [...operations.map((row) => row.name), name, ...SUPPLY_OPERATIONS],
  });
  const download = [observed(name), struckBy(parts, name), downloadHandler(parts)];
  router.get(path, ...download);
  router.post(path, ...download);
  router.use(() => {
    throw new VapiError('OPERATION_NOT_FOUND', 'There is no such operation; check path, method and action.');
  });
  router.use(noteOutcome, vapiErrorHandler(parts.context.log));
  return router;
}

/** Leaves a request to the next row unless its `action` is this row's. */
function onlyAction(action: string | undefined): RequestHandler {
  return (request, _response, next) => {
    if (request.query.action === action) next();
    else next('route');
  };
}

function allowed(access: Access): RequestHandler {
  return (request, _response, next) => {
    if (access === 'front-door') {
      next();
      return;
    }
    if (userOf(request) === undefined) {
      throw new VapiError('UNAUTHENTICATED', 'Log in first: POST /api/session gives a session id.');
    }
    const held = (request.get(HEADERS.privileges) ?? '').split(',').map((privilege) => privilege.trim());
    if (!held.includes(access)) {
      throw new VapiError('UNAUTHORIZED', `This needs the privilege ${access} at the vCenter.`, {
        data: { privilege: access },
      });
    }
    next();
  };
}

function struckBy({ config, context }: RouterParts, operation: string): RequestHandler {
  return faultGate({
    faults: context.faults,
    subject: (request) => ({
      service: config.name,
      operation,
      client: userOf(request),
      object: objectOf(request),
    }),
    error: injectedError,
  });
}

function answer(row: Operation, config: NativeKpConfig): RequestHandler {
  return async (request, response) => {
    const { action: _action, ...query } = request.query;
    const body = row.body ? validate(row.body, request.body) : undefined;
    const result: unknown = await row.run({
      parameters: request.params as Record<string, string>,
      query,
      body,
      publicUrl: publicUrlOf(request, config),
      corrupted: isCorrupted(response),
    });
    if (result === undefined) response.status(204).end();
    else response.json(result);
  };
}

/** Journal and metrics; secrets are in bodies and in `Authorization`, of which nothing is noted. */
function observer({ context }: RouterParts): (operation: string) => RequestHandler {
  const requests = context.metrics.counter('kpsim_native_kp_requests_total', 'Requests answered', [
    'operation',
    'outcome',
  ]);
  const durations = context.metrics.histogram('kpsim_native_kp_request_seconds', 'Time to answer', [
    'operation',
  ]);
  return (operation) => (request, response, next) => {
    const end = durations.startTimer({ operation });
    response.once('close', () => {
      end();
      const outcome = outcomeOf(response);
      requests.inc({ operation, outcome });
      context.journal.record({
        operation,
        client: userOf(request),
        outcome,
        details: { object: objectOf(request), status: response.statusCode },
      });
    });
    next();
  };
}

const noteOutcome: ErrorRequestHandler = (error: unknown, _request, response, next) => {
  response.locals.outcome = toVapiError(error).type;
  next(error);
};

function outcomeOf(response: Response): string {
  const outcome: unknown = response.locals.outcome;
  if (typeof outcome === 'string') return outcome;
  return response.writableFinished ? 'success' : 'aborted';
}

function userOf(request: Request): string | undefined {
  const user = request.get(HEADERS.user);
  return user === undefined || user === '' ? undefined : user.slice(0, 255);
}

/** The provider or host that a request is about, as far as it says so in a harmless form. */
function objectOf(request: Request): string | undefined {
  const { provider, host } = request.params;
  const body: unknown = request.body;
  const named: unknown =
    provider ?? host ?? (typeof body === 'object' && body !== null && 'provider' in body && body.provider);
  return typeof named === 'string' ? named.slice(0, 80) : undefined;
}

function publicUrlOf(request: Request, config: NativeKpConfig): string | undefined {
  const host = request.get(HEADERS.publicHost);
  if (host !== undefined && PUBLIC_HOST.test(host)) return `https://${host}`;
  return config.publicUrl?.replace(/\/+$/, '');
}

function injectedError(reason: string): VapiError {
  const type = Object.hasOwn(VAPI_ERROR_TYPES, reason) ? (reason as VapiErrorType) : 'ERROR';
  return new VapiError(type, `An injected fault struck: ${reason}.`);
}
