import { KmipError, decodeResponse, encodeRequest, protocolVersionOf } from '../../wire/kmip/index.js';
import type {
  OperationName,
  ProtocolVersionName,
  RequestHeader,
  RequestPayload,
  ResponseBatchItem,
  ResponsePayload,
  TypedOperation,
  UsernameAndPassword,
  Credential,
} from '../../wire/kmip/index.js';

/** One operation of a batch to be sent. */
export type BatchRequest = {
  [O in TypedOperation]: { readonly operation: O; readonly payload: RequestPayload<O> };
}[TypedOperation];

/** What became of one operation of a batch. */
export interface BatchResult {
  /** The operation asked for; of a Poll that is over, the one that was polled. */
  readonly operation: OperationName;
  /** The response payload; undefined if it failed, unless the failure comes with one (Check does in 1.x). */
  readonly payload: unknown;
  /** Why it failed; undefined if it did not. */
  readonly error: KmipError | undefined;
  /** The Asynchronous Correlation Value to poll, if it is performed asynchronously and not over. */
  readonly pending?: Buffer | undefined;
}

/** How requests are dressed. */
export interface RequestForm {
  readonly protocolVersion: ProtocolVersionName;
  readonly credential?: UsernameAndPassword | Credential | undefined;
  /** Operations that carry the credential; all if absent. */
  readonly credentialOperations?: readonly OperationName[] | undefined;
  /** Makes Unique Batch Item IDs; without it single items go without one and batches are numbered. */
  readonly batchItemId?: (() => Buffer) | undefined;
}

/** Header fields that a caller may set. */
export type HeaderOptions = Pick<
  RequestHeader,
  | 'asynchronousIndicator'
  | 'batchErrorContinuationOption'
  | 'batchOrderOption'
  | 'clientCorrelationValue'
  | 'maximumResponseSize'
  | 'timeStamp'
> & {
  /** Send a single item without a Unique Batch Item ID even if the form has ids, as vCenter's greeting does. */
  readonly withoutBatchItemId?: boolean;
};

/** A batch to be sent, and by what its answers are known. */
export interface DressedBatch {
  readonly bytes: Buffer;
  /** The Unique Batch Item ID of each item. */
  readonly ids: readonly (Buffer | undefined)[];
}

/** Encodes a batch. */
export function dressedBatch(
  form: RequestForm,
  batch: readonly BatchRequest[],
  options: HeaderOptions = {},
): DressedBatch {
  const { withoutBatchItemId = false, ...header } = options;
  const ids = batch.map((_, index) => (withoutBatchItemId ? undefined : itemId(form, batch.length, index)));
  const bytes = encodeRequest({
    header: {
      ...header,
      protocolVersion: protocolVersionOf(form.protocolVersion),
      authentication: authenticationOf(form, batch),
      batchCount: batch.length,
    },
    batchItems: batch.map(({ operation, payload }, index) => ({
      operation,
      uniqueBatchItemId: ids[index],
      requestPayload: payload,
    })),
  });
  return { bytes, ids };
}

/** The bytes of {@link dressedBatch}. */
export function requestBytes(
  form: RequestForm,
  batch: readonly BatchRequest[],
  options?: HeaderOptions,
): Buffer {
  return dressedBatch(form, batch, options).bytes;
}

function authenticationOf(
  { credential, credentialOperations }: RequestForm,
  batch: readonly BatchRequest[],
): RequestHeader['authentication'] {
  if (!credential) return undefined;
  if (!batch.some((item) => credentialOperations?.includes(item.operation) ?? true)) return undefined;
  return {
    credentials: ['type' in credential ? credential : { type: 'UsernameAndPassword', value: credential }],
  };
}

function itemId(form: RequestForm, count: number, index: number): Buffer | undefined {
  if (form.batchItemId) return form.batchItemId();
  if (count === 1) return undefined;
  const id = Buffer.alloc(4);
  id.writeUInt32BE(index + 1);
  return id;
}

/**
 * Decodes the response to a batch. A server may perform and answer the items in an order of its own (KMIP 1.4 §6.12);
 * the results are in the order of the batch, by the Unique Batch Item IDs.
 *
 * @param ids of the items of the batch
 * @returns fewer than asked if the server stopped at a failure
 * @throws KmipError if the server refused the whole message, or `InvalidMessage` if the response is malformed
 */
export function batchResults(
  batch: readonly BatchRequest[],
  response: Buffer,
  ids: readonly (Buffer | undefined)[] = [],
): readonly BatchResult[] {
  const { batchItems } = decodeResponse(response);
  const [first] = batchItems;
  if (first && first.operation === undefined && first.resultStatus !== 'Success') throw errorOf(first);
  if (batchItems.length > batch.length) {
    throw new KmipError(
      'InvalidMessage',
      `The server answered ${batchItems.length} items to ${batch.length}.`,
    );
  }
  return batchItems
    .map((item, index) => ({ item, place: placeOf(item, ids, index) }))
    .sort((left, right) => left.place - right.place)
    .map(({ item, place }) => resultOf(item, batch[place]?.operation ?? 'Query'));
}

/** Which item of the batch is answered. */
function placeOf(
  { uniqueBatchItemId }: ResponseBatchItem,
  ids: readonly (Buffer | undefined)[],
  index: number,
): number {
  if (!uniqueBatchItemId || !ids.some((id) => id !== undefined)) return index;
  const place = ids.findIndex((id) => id?.equals(uniqueBatchItemId));
  if (place >= 0) return place;
  throw new KmipError('InvalidMessage', 'The server answered a batch item that it was not asked.');
}

function resultOf(item: ResponseBatchItem, asked: OperationName): BatchResult {
  if (item.resultStatus === 'OperationPending') {
    const pending = item.asynchronousCorrelationValue;
    return { operation: asked, payload: undefined, error: undefined, pending };
  }
  if (item.resultStatus !== 'Success') {
    return { operation: asked, payload: item.responsePayload, error: errorOf(item) };
  }
  if (asked === 'Poll' && typeof item.operation === 'string')
    return { operation: item.operation, payload: item.responsePayload ?? {}, error: undefined };
  if (item.operation !== asked) {
    throw new KmipError('InvalidMessage', `The server answered ${item.operation ?? 'nothing'} to ${asked}.`);
  }
  return { operation: asked, payload: item.responsePayload ?? {}, error: undefined };
}

/** The payload of an only result. @throws KmipError if it failed */
export function onlyPayload<O extends TypedOperation>(results: readonly BatchResult[]): ResponsePayload<O> {
  const [result] = results;
  if (!result) throw new KmipError('InvalidMessage', 'The server answered no batch item.');
  if (result.error) throw result.error;
  if (result.pending) throw new KmipError('GeneralFailure', 'The server answers later; poll for its answer.');
  return result.payload as ResponsePayload<O>;
}

function errorOf(item: ResponseBatchItem): KmipError {
  const reason = typeof item.resultReason === 'string' ? item.resultReason : 'GeneralFailure';
  return new KmipError(
    reason,
    item.resultMessage ?? `The server refused with ${String(item.resultReason ?? item.resultStatus)}.`,
  );
}
