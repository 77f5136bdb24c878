import type {
  ProtocolVersionName,
  RequestBatchItem,
  RequestHeader,
  RequestPayload,
  ResponseBatchItem,
  ResponseMessage,
  ResponsePayload,
  TypedOperation,
} from '../../wire/kmip/index.js';
import { attributeOf, decodeResponse, encodeRequest, protocolVersionOf } from '../../wire/kmip/index.js';
import type { RawClient } from './raw-client.js';

/** One batch item, numbered by {@link exchange}. */
export type Item = Omit<RequestBatchItem, 'uniqueBatchItemId'>;

/** A batch item of an operation. */
export function item<O extends TypedOperation>(
  operation: O,
  requestPayload: RequestPayload<O>,
  extra: Partial<Item> = {},
): Item {
  return { operation, requestPayload, ...extra };
}

/** Create of an AES-256 key, in the words of a version. */
export function createItem(version: ProtocolVersionName): Item {
  const attributes = [
    attributeOf('CryptographicAlgorithm', 'AES'),
    attributeOf('CryptographicLength', 256),
    attributeOf('CryptographicUsageMask', 12),
  ];
  return version.startsWith('2')
    ? item('Create', { objectType: 'SymmetricKey', attributes })
    : item('Create', { objectType: 'SymmetricKey', templateAttribute: { attributes } });
}

/** Sends a message and decodes the answer to it. */
export async function exchange(
  client: RawClient,
  version: ProtocolVersionName,
  items: readonly Item[],
  header: Partial<RequestHeader> = {},
): Promise<ResponseMessage> {
  const request = encodeRequest({
    header: { protocolVersion: protocolVersionOf(version), batchCount: items.length, ...header },
    batchItems: items.map((one, index) => ({
      ...one,
      uniqueBatchItemId: items.length > 1 ? Buffer.from([index + 1]) : undefined,
    })),
  });
  const answer = await client.exchange(request);
  if (!answer) throw new Error('The server closed the connection instead of answering.');
  return decodeResponse(answer);
}

/** The only batch item of an answer. */
export function onlyItem({ batchItems }: ResponseMessage): ResponseBatchItem {
  const [first] = batchItems;
  if (!first || batchItems.length > 1) throw new Error(`There are ${batchItems.length} batch items.`);
  return first;
}

/** Status and reason of each batch item, reason alone for failures. */
export function outcomes({ batchItems }: ResponseMessage): readonly string[] {
  return batchItems.map(({ resultStatus, resultReason }) =>
    resultStatus === 'OperationFailed' ? String(resultReason) : String(resultStatus),
  );
}

/** The response payload of an operation that succeeded. */
export function payloadOf<O extends TypedOperation>(
  { operation, resultStatus, resultMessage, responsePayload }: ResponseBatchItem,
  expected: O,
): ResponsePayload<O> {
  if (operation === expected && resultStatus === 'Success') return responsePayload as ResponsePayload<O>;
  throw new Error(`${operation ?? 'No operation'}: ${resultStatus}: ${resultMessage ?? ''}`);
}
