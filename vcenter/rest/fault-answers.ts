import type { ErrorRequestHandler } from 'express';

import { VapiError, vapiTypeOf } from '../../core/http/index.js';
import { VimFault } from '../../wire/vim25/index.js';

/** Turns faults of vim25 into the REST API's errors; their message keys go along. */
export const faultsAsVapiErrors: ErrorRequestHandler = (error: unknown, _request, _response, next) => {
  if (!(error instanceof VimFault)) {
    next(error);
    return;
  }
  const fault = error;
  next(
    new VapiError(vapiTypeOf(fault), fault.message, {
      messageId: fault.faultMessage[0]?.key ?? `vim.fault.${fault.fault}`,
      moreMessages: fault.faultMessage
        .slice(1)
        .map(({ key, message }) => ({ id: key, default_message: message, args: [] })),
      cause: fault.cause,
    }),
  );
};
