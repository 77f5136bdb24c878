import type { RequestHandler, Response, Router } from 'express';
import express from 'express';

import { VapiError, jsonBody } from '../../core/http/index.js';
import { requireSession, restSession } from '../rest/session.js';
import type { Vcenter } from '../vcenter.js';
import type { VapiDispatcher } from './dispatcher.js';
import type { VapiOperation } from './operation.js';
import { largeJsonBody } from './large-body.js';
import { restInput } from './rest-input.js';

/** When vSphere 8.0 Update 3 came out, in seconds since the epoch: since then Trust Authority is deprecated. */
const DEPRECATED_SINCE = Date.UTC(2024, 5, 25) / 1000;

/** The operations of a dispatcher as REST: `/api/vcenter/…`; tasks are asked for with `vmw-task=true`. */
export function vapiRestRouter(vcenter: Vcenter, dispatcher: VapiDispatcher): Router {
  const router = express.Router();
  for (const row of dispatcher.operations) {
    const method = row.method.toLowerCase() as Lowercase<VapiOperation['method']>;
    const first = row.maxBodyBytes === undefined ? [] : [requireSession(vcenter)]; // before much is read
    const body = row.body === undefined ? [] : [bodyOf(row)];
    router[method](row.path, onlyAction(row), ...first, ...body, async (request, response) => {
      const caller = restSession(vcenter, request);
      if (row.task === 'only' && request.query['vmw-task'] !== 'true') throw onlyAsTask(row);
      if (row.task === 'never' && request.query['vmw-task'] !== undefined) throw neverAsTask(row);
      const answer = await dispatcher.perform(row, caller, restInput(row, request));
      if (dispatcher.isDeprecated(row)) tellDeprecated(response, row);
      send(response, row, answer);
    });
  }
  return router;
}

function bodyOf({ maxBodyBytes }: VapiOperation): RequestHandler {
  return maxBodyBytes === undefined ? jsonBody() : largeJsonBody(maxBodyBytes, 'application/json');
}

function onlyAction({ action, actionOptional = false }: VapiOperation): RequestHandler {
  return (request, _response, next) => {
    const given = request.query.action;
    if (given === action || (actionOptional && given === undefined)) next();
    else next('route');
  };
}

/** 202 for a task, 201 for what was made, 204 for nothing (vSphere Automation API, "status codes"). */
function send(response: Response, row: VapiOperation, answer: unknown): void {
  if (answer === undefined) response.status(204).end();
  else if (row.task === 'only') response.status(202).json(answer);
  else response.status(row.operation === 'create' ? 201 : 200).json(answer);
}

/** `Deprecation` of RFC 9745, and a text for people. Own choice: vCenter tells nothing in its answers. */
function tellDeprecated(response: Response, row: VapiOperation): void {
  response.setHeader('Deprecation', `@${DEPRECATED_SINCE}`);
  response.setHeader('Warning', `299 kpsim "deprecated since vSphere ${row.deprecated ?? ''}"`);
}

function onlyAsTask({ method, path }: VapiOperation): VapiError {
  return new VapiError(
    'OPERATION_NOT_FOUND',
    `${method} ${path} runs as a task only: add vmw-task=true to the query, and read its result from /api/cis/tasks.`,
  );
}

function neverAsTask({ method, path }: VapiOperation): VapiError {
  return new VapiError(
    'OPERATION_NOT_FOUND',
    `${method} ${path} is no task: leave vmw-task out, and the answer is the result.`,
  );
}
