import type { EnumerationValue, ResponseBatchItem } from '../../wire/kmip/index.js';
import { KmipError, decodeResponse } from '../../wire/kmip/index.js';
import type { Entry } from './asynchronous-jobs.js';

/** The response item of a request that is completed; it is a view on the response message. */
export function resultOf({ job, operation, correlationValue, canceled }: Entry): ResponseBatchItem {
  if (canceled) return failed(operation, canceledError());
  const { batchItems } = decodeResponse(job.response ?? Buffer.alloc(0));
  const [first] = batchItems;
  // A message that is refused as a whole is answered by one item without operation.
  const refusal = batchItems.length === 1 && first?.operation === undefined ? first : undefined;
  const item =
    refusal ?? batchItems[job.entries.findIndex((entry) => entry.correlationValue === correlationValue)];
  if (item) return { ...item, operation };
  return failed(
    operation,
    new KmipError('GeneralFailure', 'Not performed, as an earlier item of the same batch failed.'),
  );
}

/** What becomes of a batch item that was canceled. */
export function canceledError(): KmipError {
  return new KmipError('OperationCanceledByRequester', 'The operation was canceled before it began.');
}

function failed(operation: EnumerationValue<'Operation'>, error: KmipError): ResponseBatchItem {
  return {
    operation,
    resultStatus: 'OperationFailed',
    resultReason: error.reason,
    resultMessage: error.message,
  };
}
