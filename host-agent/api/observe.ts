import type { Request, RequestHandler, Response } from 'express';

import type { ServiceContext } from '../../core/context.js';
import { faultGate } from '../../core/http/fault-gate.js';
import type { VapiErrorType } from '../../core/http/index.js';
import { VAPI_ERROR_TYPES, VapiError, clientNameOf } from '../../core/http/index.js';
import { VimFault, isType } from '../../wire/vim25/index.js';
import type { FaultName } from '../../wire/vim25/index.js';
import type { HostMetrics } from '../metrics.js';
import { masked } from './masked.js';

/** Makes middleware that observes one kind of requests, named by the operation they ask for. */
export type Observer = (operationOf: (request: Request) => string) => RequestHandler[];

/**
 * For every request: a line in the journal, a duration in the metrics, and whatever fault was injected for it.
 *
 * @param service instance name, for the fault registry
 */
export function observer(service: string, context: ServiceContext, { requests }: HostMetrics): Observer {
  return (operationOf) => {
    const record: RequestHandler = (request, response, next) => {
      const operation = operationOf(request);
      const client = clientNameOf(request);
      const object = objectOf(request);
      const startedAt = process.hrtime.bigint();
      response.once('close', () => {
        const outcome = outcomeOf(response);
        requests.observe({ operation, outcome }, Number(process.hrtime.bigint() - startedAt) / 1e9);
        const details = { ...(object !== undefined && { object }), request: masked(request.body) };
        context.journal.record({ operation, client, outcome, details });
      });
      next();
    };
    const gate = faultGate({
      faults: context.faults,
      // Who calls is worked out from a certificate, which is not worth it while there is no fault to look up.
      subject: (request) =>
        context.faults.list().length === 0
          ? undefined
          : {
              service,
              operation: operationOf(request),
              client: clientNameOf(request),
              object: objectOf(request),
            },
      error: injectedError,
    });
    return [record, gate];
  };
}

/** The VM, migration or provider that a path names. */
function objectOf(request: Request): string | undefined {
  const { params } = request;
  const value = params.vm ?? params.migration ?? params.provider ?? params.moId;
  return typeof value === 'string' ? value : undefined;
}

function outcomeOf(response: Response): string {
  if (!response.writableFinished) return 'no answer';
  return response.statusCode < 400 ? 'success' : `status ${response.statusCode}`;
}

/** The reason names a fault of vim25 or an error type of the vAPI. */
function injectedError(reason: string): Error {
  const text = `An injected fault: ${reason}.`;
  if (Object.hasOwn(VAPI_ERROR_TYPES, reason)) return new VapiError(reason as VapiErrorType, text);
  if (isType(reason, 'MethodFault')) return VimFault.from({ _typeName: reason as FaultName } as never, text);
  return new VapiError('ERROR', text);
}
