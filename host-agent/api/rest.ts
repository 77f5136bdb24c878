import type { Request, RequestHandler, Response, Router } from 'express';
import express from 'express';

import { VapiError, binaryBody, jsonBody } from '../../core/http/index.js';
import { isCorrupted } from '../../core/http/fault-gate.js';
import type { EsxHost } from '../esx-host.js';
import type { Observer } from './observe.js';
import { restErrorOf } from './rest-errors.js';

/** One call of the REST face. */
export interface RestRow {
  readonly method: 'get' | 'post' | 'put' | 'delete';
  /** Path with express parameters, for example `/api/kpsim/host/vms/:vm`. */
  readonly path: string;
  /** Value of the query parameter `action`; absent for calls without one. */
  readonly action?: string;
  /** Name for faults, journal and metrics. */
  readonly operation: string;
  /** Largest body of bytes; absent for a JSON body. */
  readonly bytesLimit?: number;
  /** @returns JSON; a Buffer for bytes; undefined for 204 */
  readonly handle: (host: EsxHost, request: Request) => unknown;
}

/** A call as people write it, for example `POST /api/kpsim/host?action=reboot`. */
export function callOf({ method, path, action }: RestRow): string {
  return `${method.toUpperCase()} ${path}${action === undefined ? '' : `?action=${action}`}`;
}

/** A router over rows; rows of one path and method are told apart by their `action`. */
export function restRouter(host: EsxHost, rows: readonly RestRow[], observe: Observer): Router {
  const router = express.Router();
  for (const row of rows) {
    const body = row.bytesLimit === undefined ? jsonBody() : binaryBody(row.bytesLimit);
    const handlers: RequestHandler[] = [body, ...observe(() => row.operation), handlerOf(host, row)];
    router[row.method](row.path, actionIs(row.action), ...handlers);
  }
  return router;
}

/** Leaves requests of another `action` to the next row. */
function actionIs(action: string | undefined): RequestHandler {
  return (request, _response, next) => {
    if (request.query.action === action) next();
    else next('route');
  };
}

function handlerOf(host: EsxHost, { handle }: RestRow): RequestHandler {
  return async (request, response) => {
    let result: unknown;
    try {
      result = await handle(host, request);
    } catch (error) {
      throw restErrorOf(error, vmOf(request));
    }
    if (result === undefined) response.status(204).end();
    else if (Buffer.isBuffer(result)) sendBytes(response, result);
    else response.json(result);
  };
}

function sendBytes(response: Response, bytes: Buffer): void {
  const sent = isCorrupted(response) ? Buffer.from(bytes.map((byte) => byte ^ 1)) : bytes;
  response.type('application/octet-stream').send(sent);
}

function vmOf(request: Request): string | undefined {
  return typeof request.params.vm === 'string' ? request.params.vm : undefined;
}

/** A parameter of the path, which express has found to be there. */
export function pathParameter(request: Request, name: string): string {
  const value = request.params[name];
  if (typeof value === 'string') return value;
  throw new VapiError('INVALID_ARGUMENT', `The path lacks ${name}.`);
}
