import type { ErrorRequestHandler } from 'express';

import type { VapiErrorType } from '../../core/http/index.js';
import { VapiError } from '../../core/http/index.js';
import { VimFault } from '../../wire/vim25/index.js';

/** How the REST API says a fault of vim25; what is not named here is told by its base, or as `ERROR`. */
const TYPES = [
  ['NotAuthenticated', 'UNAUTHENTICATED'],
  ['InvalidLogin', 'UNAUTHENTICATED'],
  ['NoPermission', 'UNAUTHORIZED'],
  ['ManagedObjectNotFound', 'NOT_FOUND'],
  ['NotFound', 'NOT_FOUND'],
  ['AlreadyExists', 'ALREADY_EXISTS'],
  ['DuplicateName', 'ALREADY_EXISTS'],
  ['InvalidArgument', 'INVALID_ARGUMENT'],
  ['InvalidRequest', 'INVALID_ARGUMENT'],
  ['InvalidName', 'INVALID_ARGUMENT'],
  ['NotSupported', 'UNSUPPORTED'],
  ['TaskInProgress', 'RESOURCE_BUSY'],
  ['ResourceInUse', 'RESOURCE_IN_USE'],
  ['InvalidState', 'NOT_ALLOWED_IN_CURRENT_STATE'],
  ['HostCommunication', 'SERVICE_UNAVAILABLE'],
] as const satisfies readonly (readonly [VimFault['fault'], VapiErrorType])[];

/** Turns faults of vim25 into the REST API's errors; their message keys go along. */
export const faultsAsVapiErrors: ErrorRequestHandler = (error: unknown, _request, _response, next) => {
  if (!(error instanceof VimFault)) {
    next(error);
    return;
  }
  const fault = error;
  const [, type = 'ERROR' as VapiErrorType] = TYPES.find(([name]) => fault.is(name)) ?? [];
  next(
    new VapiError(type, fault.message, {
      messageId: fault.faultMessage[0]?.key ?? `vim.fault.${fault.fault}`,
      moreMessages: fault.faultMessage
        .slice(1)
        .map(({ key, message }) => ({ id: key, default_message: message, args: [] })),
      cause: fault.cause,
    }),
  );
};
