import { storageRemedy } from '../../core/store/storage-failure.js';
import type { ServiceContext } from '../../core/context.js';
import { KmipError } from '../../wire/kmip/index.js';
import { StoreUnavailable } from '../store.js';

const UNAVAILABLE =
  'The key server cannot use its database now; it tries again by itself. Repeat the request later, or ask another server of the cluster.';
const UNKNOWN =
  'The key server lost its database while it made the change, so it may have been made or not. Look for it with Locate or Get Attributes before you repeat it.';

/** What a client is told of anything that was thrown; what was not expected is told to the log only. */
export function kmipErrorOf(error: unknown, log: ServiceContext['log']): KmipError {
  if (error instanceof KmipError) return error;
  log.error({ err: error }, 'a request failed unexpectedly');
  const failure = readFailure(error);
  if (failure) return failure;
  return new KmipError('GeneralFailure', 'The server could not perform the operation; its log says why.');
}

/** What a client is told of an error of the store while an operation read from it; undefined for another error. */
function readFailure(error: unknown): KmipError | undefined {
  if (error instanceof StoreUnavailable) return failure(UNAVAILABLE, error);
  const remedy = storageRemedy(error);
  return remedy === undefined ? undefined : failure(remedy, error);
}

/** What a client is told when its change could not be made durable. */
export function commitFailure(error: unknown): KmipError {
  if (error instanceof StoreUnavailable) {
    return failure(error.outcomeUnknown ? UNKNOWN : `Nothing was changed. ${UNAVAILABLE}`, error);
  }
  const remedy = storageRemedy(error) ?? 'Check the disk of the server; its log says more.';
  return failure(`The change could not be stored; nothing was changed. ${remedy}`, error);
}

function failure(message: string, cause: unknown): KmipError {
  return new KmipError('GeneralFailure', message, { cause });
}
