import type { ProtocolVersion, ProtocolVersionName, RequestMessage } from '../../wire/kmip/index.js';
import { KmipError, decodeRequest, spokenVersion } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import { Refusal, demandKnown } from '../refusals.js';

/** The version to answer in. @throws KmipError `InvalidMessage` if it is not among those spoken here */
export function negotiated(
  requested: ProtocolVersion,
  spokenHere: readonly ProtocolVersionName[],
): ProtocolVersionName {
  const spoken = spokenVersion(requested);
  if (spoken !== undefined && spokenHere.includes(spoken)) return spoken;
  const choices = spokenHere.join(', ');
  throw new KmipError(
    'InvalidMessage',
    `KMIP ${requested.major}.${requested.minor} is not spoken here; use one of ${choices}.`,
  );
}

/**
 * Reads a request message. What is wrong with the payload of one item is kept as that payload; so is, for every item,
 * that the message holds a critical extension, as all of it is refused then (KMIP 1.4 §6.16): there are none known here.
 *
 * @throws KmipError if it is no message
 */
export function readRequest(bytes: Buffer): RequestMessage {
  const request = decodeRequest(bytes, { deferPayloadErrors: true });
  if (!request.batchItems.some((item) => item.messageExtensions?.some((it) => it.criticalityIndicator)))
    return request;
  const requestPayload = new Refusal(
    'unknownExtension',
    'The message holds a critical extension that this server does not know.',
  );
  return { ...request, batchItems: request.batchItems.map((item) => ({ ...item, requestPayload })) };
}

/**
 * Checks what concerns a request message as a whole, before any of it is performed.
 *
 * @param nowSeconds the server's time, since 1970
 * @throws KmipError that refuses the message
 */
export function demandSound(
  { header, batchItems }: RequestMessage,
  { limits, timeStampSkewSeconds }: Pick<KmsConfig, 'limits' | 'timeStampSkewSeconds'>,
  nowSeconds: number,
): void {
  if (header.batchCount !== batchItems.length) {
    throw new KmipError(
      'InvalidMessage',
      `Batch Count is ${header.batchCount}, but there are ${batchItems.length} batch items.`,
    );
  }
  if (batchItems.length > limits.batchItems) {
    throw new KmipError('InvalidMessage', `More than ${limits.batchItems} batch items; split the batch.`);
  }
  if (batchItems.length > 1 && batchItems.some((item) => item.uniqueBatchItemId === undefined)) {
    throw new KmipError('InvalidMessage', 'In a batch of several items each needs a Unique Batch Item ID.');
  }
  if (header.maximumResponseSize !== undefined && header.maximumResponseSize < 0) {
    throw new KmipError('InvalidField', 'Maximum Response Size must not be negative.');
  }
  demandKnown('Batch Error Continuation Option', header.batchErrorContinuationOption);
  demandKnown('Asynchronous Indicator', header.asynchronousIndicator);
  const { timeStamp } = header;
  if (
    timeStamp !== undefined &&
    timeStampSkewSeconds !== undefined &&
    Math.abs(timeStamp - nowSeconds) > timeStampSkewSeconds
  ) {
    throw new KmipError(
      'InvalidField',
      `The Time Stamp is more than ${timeStampSkewSeconds} seconds off this server's time. Set the client's clock.`,
    );
  }
}
