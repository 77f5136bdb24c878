import { enumerationExistsIn } from '../../wire/kmip/index.js';
import type { OperationName, RequestBatchItem, ResponseBatchItem, KmipError } from '../../wire/kmip/index.js';
import { PolledItem } from '../operations/handler.js';
import { RefusalWithPayload, reasonIn } from '../refusals.js';
import { withoutData } from './ephemeral.js';
import type { RequestScope } from './scope.js';

/** What became of one batch item. */
export interface Outcome {
  readonly item: ResponseBatchItem;
  /** Whether the item changed objects, and so depends on the commit. */
  readonly writes: boolean;
}

/** An item that did as it was asked. @param before the savepoint before the item */
export function succeeded(
  item: RequestBatchItem,
  payload: unknown,
  scope: RequestScope,
  before: unknown,
): Outcome {
  if (payload instanceof PolledItem) {
    return { item: { ...payload.item, uniqueBatchItemId: item.uniqueBatchItemId }, writes: false };
  }
  return {
    item: {
      operation: item.operation,
      uniqueBatchItemId: item.uniqueBatchItemId,
      resultStatus: 'Success',
      responsePayload: item.ephemeral === true ? withoutData(scope.operation, payload) : payload,
    },
    writes: scope.workspace.changedSince(before),
  };
}

/** An item that failed. @param rank of the version that is answered in */
export function failed(item: RequestBatchItem, error: KmipError, rank: number): Outcome {
  const known = enumerationExistsIn('Operation', item.operation, rank);
  const { operation, uniqueBatchItemId } = item;
  return {
    item: { operation: known ? operation : undefined, uniqueBatchItemId, ...failureOf(error, rank) },
    writes: false,
  };
}

/** The only item of an answer to a message that failed as a whole; it has no operation (KMIP 1.4 §11.1). */
export function failedWhole(error: KmipError, rank: number): Outcome {
  return { item: failureOf(error, rank), writes: false };
}

/** An item that will be performed after its answer went out. */
export function pending(
  { operation, uniqueBatchItemId }: RequestBatchItem,
  asynchronousCorrelationValue: Buffer | undefined,
): Outcome {
  return {
    item: { operation, uniqueBatchItemId, resultStatus: 'OperationPending', asynchronousCorrelationValue },
    writes: false,
  };
}

/** An item whose changes, if it made any, could not be made durable. */
export function notCommitted(outcome: Outcome, error: KmipError): Outcome {
  if (!outcome.writes) return outcome;
  const { operation, uniqueBatchItemId } = outcome.item;
  return {
    item: {
      operation,
      uniqueBatchItemId,
      resultStatus: 'OperationFailed',
      resultReason: error.reason,
      resultMessage: error.message,
    },
    writes: false,
  };
}

/** Operations whose results are worth something although the request was undone: they are not given out then. */
const WORTH_SOMETHING: ReadonlySet<unknown> = new Set<OperationName>([
  'Get',
  'Export',
  'Encrypt',
  'Decrypt',
  'Sign',
  'MAC',
  'Hash',
  'RNGRetrieve',
  'ObtainLease',
  'GetUsageAllocation',
  'Login',
  'DelegatedLogin',
]);

/** An undone item keeps its payload, as OASIS case BL-M-2 has it, where that is of no use any more. */
export function undone({ item, writes }: Outcome): Outcome {
  const { responsePayload, ...rest } = item;
  const kept = WORTH_SOMETHING.has(item.operation) ? undefined : responsePayload;
  return { item: { ...rest, resultStatus: 'OperationUndone', responsePayload: kept }, writes };
}

function failureOf(error: KmipError, rank: number): ResponseBatchItem {
  return {
    resultStatus: 'OperationFailed',
    resultReason: reasonIn(error, rank, (reason) => enumerationExistsIn('ResultReason', reason, rank)),
    resultMessage: error.message,
    responsePayload: error instanceof RefusalWithPayload ? error.payload : undefined,
  };
}
