import { VapiError, toVapiError } from '../../core/http/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import { vapiErrorOfFault } from '../rest/fault-answers.js';

/** Whatever an operation threw, as the vAPI says it. */
export function vapiErrorOf(error: unknown): VapiError {
  return error instanceof VimFault ? vapiErrorOfFault(error) : toVapiError(error);
}

/** Refuses when a task was cancelled. @throws VapiError `CANCELED` */
export function refuseIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) {
    throw new VapiError('CANCELED', 'The task was cancelled; what it had done by then stays done.');
  }
}
