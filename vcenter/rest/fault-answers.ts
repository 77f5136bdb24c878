import type { ErrorRequestHandler } from 'express';

import { VapiError, vapiTypeOf } from '../../core/http/index.js';
import { VimFault } from '../../wire/vim25/index.js';

/** A fault of vim25 as the REST API's error; its message keys go along. */
export function vapiErrorOfFault(fault: VimFault): VapiError {
  return new VapiError(vapiTypeOf(fault), fault.message, {
    messageId: fault.faultMessage[0]?.key ?? `vim.fault.${fault.fault}`,
    moreMessages: fault.faultMessage
      .slice(1)
      .map(({ key, message }) => ({ id: key, default_message: message, args: [] })),
    cause: fault.cause,
  });
}

/** Turns faults of vim25 into the REST API's errors. */
export const faultsAsVapiErrors: ErrorRequestHandler = (error: unknown, _request, _response, next) => {
  next(error instanceof VimFault ? vapiErrorOfFault(error) : error);
};
