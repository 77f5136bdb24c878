import type { RequestHandler } from 'express';

import { VAPI_ERROR_TYPES, VapiError, faultGate } from '../../core/http/index.js';
import type { VapiErrorType } from '../../core/http/index.js';
import { SESSION_HEADER } from '../../core/http/vi-json.js';
import type { Vcenter } from '../vcenter.js';

/** Paths of the REST API; VI/JSON, SOAP and the peer interface observe their own calls. */
const REST = /^\/(api|rest|cryptomanager)\//;

/** Journal and injected faults of the REST API; its operations are called `GET /api/vcenter/vm`. */
export function observeRest(vcenter: Vcenter): readonly RequestHandler[] {
  const { faults, journal } = vcenter.context;
  const record: RequestHandler = (request, response, next) => {
    if (REST.test(request.path)) {
      const operation = `${request.method} ${request.path.slice(0, 200)}`;
      const client = vcenter.sessions.peek(request.get(SESSION_HEADER) ?? '')?.principal.name;
      response.once('close', () => {
        const outcome = response.writableFinished ? `status ${response.statusCode}` : 'no answer';
        journal.record({ operation, client, outcome });
      });
    }
    next();
  };
  const gate = faultGate({
    faults,
    subject: ({ method, path }) =>
      REST.test(path) ? { service: vcenter.config.name, operation: `${method} ${path}` } : undefined,
    error: (reason) => {
      const known = Object.hasOwn(VAPI_ERROR_TYPES, reason);
      return new VapiError(known ? (reason as VapiErrorType) : 'ERROR', `An injected fault: ${reason}.`);
    },
  });
  return [record, gate];
}
