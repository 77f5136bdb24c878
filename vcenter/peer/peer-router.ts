import type { ErrorRequestHandler, Request, Router } from 'express';
import express from 'express';

import { SESSION_HEADER } from '../../core/http/vi-json.js';
import { faultGate, jsonBody, validate } from '../../core/http/index.js';
import { KpsimError } from '../../core/errors.js';
import { VimFault, encodeFault, toVimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import type { MigrationOrder, SurveyRequest } from '../migration/destination.js';
import { LocalDestination } from '../migration/local-destination.js';
import type { Vcenter } from '../vcenter.js';
import { MIGRATION_TOKEN_HEADER, orderSchema, surveyRequestSchema } from './messages.js';

/**
 * The peer interface: what another vCenter calls to bring a VM here (own choice). To begin needs a session of a user
 * with the privileges; to end needs the token of the migration, so that it works after the session has ended.
 */
export function peerRouter(vcenter: Vcenter): Router {
  const router = express.Router();
  const { faults } = vcenter.context;
  router.use(jsonBody());
  router.use(
    faultGate({
      faults,
      subject: ({ query, path }) => ({
        service: vcenter.config.name,
        operation: `peer.${typeof query.action === 'string' ? query.action : 'prepare'}`,
        object: path.split('/')[2],
      }),
      error: (reason) => new VimFault('SystemError', `An injected fault: ${reason}.`, { fields: { reason } }),
    }),
  );
  router.post('/migrations', async (request, response) => {
    const destination = new LocalDestination(vcenter, principalOf(vcenter, request), true);
    if (request.query.action === 'survey') {
      const body = validate(surveyRequestSchema, request.body) as SurveyRequest;
      response.json(await destination.survey(body));
      return;
    }
    const order = validate(orderSchema, request.body) as MigrationOrder;
    response.status(201).json(await destination.prepare(order));
  });
  router.post('/migrations/:migration', async (request, response) => {
    const { migration } = request.params;
    const destination = new LocalDestination(vcenter, undefined, true);
    if (!destination.knowsToken(migration, request.get(MIGRATION_TOKEN_HEADER) ?? '')) {
      throw new VimFault('NotFound', 'There is no migration of that id and token here.');
    }
    switch (request.query.action) {
      case 'commit':
        response.json({ vm: await destination.commit(migration) });
        return;
      case 'abort':
        response.json({ outcome: await destination.abort(migration) });
        return;
      default:
        throw new VimFault('InvalidRequest', 'Say ?action=commit or ?action=abort.');
    }
  });
  router.use(() => {
    throw new VimFault('InvalidRequest', 'There is no such call of the peer interface.');
  });
  router.use(peerErrorHandler(vcenter));
  return router;
}

function principalOf(vcenter: Vcenter, request: Request): Principal {
  const session = vcenter.sessions.use(request.get(SESSION_HEADER) ?? '');
  if (session) return session.principal;
  throw new VimFault('NotAuthenticated', 'The session is not authenticated. Log in first.', {
    fields: { privilegeId: 'System.View' },
  });
}

/** Errors go as faults, so that the source can hand them on to its client. */
function peerErrorHandler(vcenter: Vcenter): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const fault =
      error instanceof KpsimError || !isBodyError(error)
        ? toVimFault(error)
        : new VimFault('InvalidRequest', 'The request body is not JSON, or too large.');
    if (!(error instanceof KpsimError))
      vcenter.context.log.error({ err: error, path: request.path }, 'peer call failed');
    response.status(500).json(encodeFault(fault));
  };
}

function isBodyError(error: unknown): boolean {
  return (
    error instanceof Error && 'status' in error && typeof error.status === 'number' && error.status < 500
  );
}
