import { KmipError } from './errors.js';
import { PAYLOADS } from './operations/index.js';
import type { Codec, ValueOf } from './schema/codec.js';
import { anyValue, boolean, byteString, dateTime, dependent, integer, textString } from './schema/codec.js';
import { enumeration } from './schema/enumeration.js';
import { multiple, optional, repeated, required, structure } from './schema/structure.js';
import { nonce } from './structures/base.js';
import { authentication } from './structures/credential.js';
import { protocolVersion, protocolVersionOf } from './structures/protocol-version.js';
import type { ProtocolVersion } from './structures/protocol-version.js';
import { tagValue } from './tables/tag-names.js';
import type { ReaderOptions } from './ttlv/reader.js';
import { TtlvReader } from './ttlv/reader.js';
import { readItems, writeValue } from './ttlv/tree.js';
import type { TtlvItem } from './ttlv/tree.js';
import { ITEM_TYPES } from './ttlv/types.js';
import { TtlvWriter } from './ttlv/writer.js';
import type { ProtocolVersionName } from './versions.js';
import { PROTOCOL_VERSIONS, RANK_2_0, rankOf } from './versions.js';

/** KMIP 1.4 §6.16. */
export const messageExtension = structure('Message Extension', {
  vendorIdentification: required('VendorIdentification', textString),
  criticalityIndicator: required('CriticalityIndicator', boolean),
  vendorExtension: required('VendorExtension', anyValue),
});

/** A Boolean in KMIP 1.x (§6.7), an Enumeration in 2.x (§9.2); true reads as `Optional`. */
const asynchronousIndicator: Codec<ValueOf<typeof asynchronousEnumeration>> = {
  read: (reader, siblings) => {
    if (reader.rank >= RANK_2_0) return asynchronousEnumeration.read(reader, siblings);
    return reader.boolean() ? 'Optional' : 'Prohibited';
  },
  write: (writer, tag, value, siblings) => {
    if (writer.rank >= RANK_2_0) asynchronousEnumeration.write(writer, tag, value, siblings);
    else writer.boolean(tag, value !== 'Prohibited');
  },
};
const asynchronousEnumeration = enumeration('AsynchronousIndicator');

/** KMIP 1.4 §7.2, Table 282; KMIP 2.1 §8.2. */
export const requestHeader = structure('Request Header', {
  protocolVersion: required('ProtocolVersion', protocolVersion),
  maximumResponseSize: optional('MaximumResponseSize', integer),
  clientCorrelationValue: optional('ClientCorrelationValue', textString, { since: '1.4' }),
  serverCorrelationValue: optional('ServerCorrelationValue', textString, { since: '1.4' }),
  asynchronousIndicator: optional('AsynchronousIndicator', asynchronousIndicator),
  attestationCapableIndicator: optional('AttestationCapableIndicator', boolean, { since: '1.2' }),
  attestationTypes: multiple('AttestationType', enumeration('AttestationType'), { since: '1.2' }),
  authentication: optional('Authentication', authentication),
  batchErrorContinuationOption: optional(
    'BatchErrorContinuationOption',
    enumeration('BatchErrorContinuationOption'),
  ),
  batchOrderOption: optional('BatchOrderOption', boolean),
  timeStamp: optional('TimeStamp', dateTime),
  batchCount: required('BatchCount', integer),
});
/** A {@link requestHeader}. */
export type RequestHeader = ValueOf<typeof requestHeader>;

/** A payload without a schema. */
const items: Codec<unknown> = {
  read: (reader) => readItems(reader),
  write: (writer, tag, value) =>
    writeValue(writer, tag, { type: 'Structure', value: value as readonly TtlvItem[] }),
};

type PayloadTable = Readonly<
  Record<string, { readonly request: Codec<unknown>; readonly response: Codec<unknown> }>
>;
const PAYLOAD_CODECS = PAYLOADS as unknown as PayloadTable;

/** Reads as the payload, or as the KmipError found in it if the reader defers those. */
const requestPayload: Codec<unknown> = {
  read(reader, siblings) {
    const codec = PAYLOAD_CODECS[String(siblings.operation)]?.request ?? items;
    if (!reader.deferPayloadErrors) return codec.read(reader, siblings);
    const mark = reader.mark();
    try {
      return codec.read(reader, siblings);
    } catch (error) {
      if (!(error instanceof KmipError)) throw error;
      reader.restore(mark);
      return error;
    }
  },
  write: (writer, tag, value, siblings) =>
    (PAYLOAD_CODECS[String(siblings.operation)]?.request ?? items).write(writer, tag, value, siblings),
};

const responsePayload = dependent<unknown>(
  (siblings) => PAYLOAD_CODECS[String(siblings.operation)]?.response ?? items,
);

/** KMIP 1.4 §7.2, Table 283; KMIP 2.1 §8.3. The payload's shape follows the operation. */
export const requestBatchItem = structure('Request Batch Item', {
  operation: required('Operation', enumeration('Operation')),
  ephemeral: optional('Ephemeral', boolean, { since: '2.0' }),
  uniqueBatchItemId: optional('UniqueBatchItemID', byteString),
  requestPayload: required('RequestPayload', requestPayload),
  messageExtensions: multiple('MessageExtension', messageExtension),
});
/** A {@link requestBatchItem}. */
export type RequestBatchItem = ValueOf<typeof requestBatchItem>;

/** KMIP 1.4 §7.1. */
export const requestMessage = structure('Request Message', {
  header: required('RequestHeader', requestHeader),
  batchItems: repeated('BatchItem', requestBatchItem),
});
/** A {@link requestMessage}. */
export type RequestMessage = ValueOf<typeof requestMessage>;

/** KMIP 1.4 §7.2, Table 284; KMIP 2.1 §8.5. */
export const responseHeader = structure('Response Header', {
  protocolVersion: required('ProtocolVersion', protocolVersion),
  timeStamp: required('TimeStamp', dateTime),
  nonce: optional('Nonce', nonce, { since: '1.2' }),
  serverHashedPassword: optional('ServerHashedPassword', byteString, { since: '2.0' }),
  attestationTypes: multiple('AttestationType', enumeration('AttestationType'), { since: '1.2' }),
  clientCorrelationValue: optional('ClientCorrelationValue', textString, { since: '1.4' }),
  serverCorrelationValue: optional('ServerCorrelationValue', textString, { since: '1.4' }),
  batchCount: required('BatchCount', integer),
});

/** KMIP 1.4 §7.2, Table 285; KMIP 2.1 §8.6. The payload's shape follows the operation. */
export const responseBatchItem = structure('Response Batch Item', {
  operation: optional('Operation', enumeration('Operation')),
  uniqueBatchItemId: optional('UniqueBatchItemID', byteString),
  resultStatus: required('ResultStatus', enumeration('ResultStatus')),
  resultReason: optional('ResultReason', enumeration('ResultReason')),
  resultMessage: optional('ResultMessage', textString),
  asynchronousCorrelationValue: optional('AsynchronousCorrelationValue', byteString),
  responsePayload: optional('ResponsePayload', responsePayload),
  messageExtensions: multiple('MessageExtension', messageExtension),
});
/** A {@link responseBatchItem}. */
export type ResponseBatchItem = ValueOf<typeof responseBatchItem>;

/** KMIP 1.4 §7.1. */
export const responseMessage = structure('Response Message', {
  header: required('ResponseHeader', responseHeader),
  batchItems: repeated('BatchItem', responseBatchItem),
});
/** A {@link responseMessage}. */
export type ResponseMessage = ValueOf<typeof responseMessage>;

/** How messages are read. */
export interface DecodeOptions {
  /** Keep an error inside a batch item's payload as that item's payload (a KmipError). */
  readonly deferPayloadErrors?: boolean;
}

/** Decodes one request message. @throws KmipError `InvalidMessage` or `InvalidField` */
export function decodeRequest(bytes: Buffer, options: DecodeOptions = {}): RequestMessage {
  return decodeMessage(bytes, requestMessage, tagValue('RequestMessage'), options);
}

/** Decodes one response message. @throws KmipError `InvalidMessage` or `InvalidField` */
export function decodeResponse(bytes: Buffer): ResponseMessage {
  // Servers answer with what later versions have, too: a Result Reason, an attribute of an object.
  return decodeMessage(bytes, responseMessage, tagValue('ResponseMessage'), { knowOtherVersions: true });
}

/** Encodes a request for the version in its header. */
export function encodeRequest(message: RequestMessage): Buffer {
  return encodeMessage(requestMessage, tagValue('RequestMessage'), message);
}

/**
 * Encodes a response for the version in its header; what that version does not have is left out.
 *
 * @throws KmipError `ResponseTooLarge` beyond `limitBytes`
 */
export function encodeResponse(message: ResponseMessage, limitBytes?: number): Buffer {
  return encodeMessage(responseMessage, tagValue('ResponseMessage'), message, limitBytes);
}

/** The version spoken for a Protocol Version: itself, or the newest known one of the same major version. */
export function spokenVersion({ major, minor }: ProtocolVersion): ProtocolVersionName | undefined {
  if (minor < 0) return undefined;
  const ofMajor = VERSIONS_OF_MAJOR[major];
  return ofMajor?.[Math.min(minor, ofMajor.length - 1)];
}

/** By major version; the minor ones count from 0 without a gap. */
const VERSIONS_OF_MAJOR: readonly (readonly ProtocolVersionName[] | undefined)[] = [
  undefined,
  PROTOCOL_VERSIONS.filter((name) => name.startsWith('1.')),
  PROTOCOL_VERSIONS.filter((name) => name.startsWith('2.')),
];

const VERSION_OFFSET = 16;
const VERSION_BYTES = 40;

/**
 * The Protocol Version of a message, read from its fixed place without decoding the rest.
 *
 * @throws KmipError `InvalidMessage` if the bytes do not start like a message
 */
export function peekProtocolVersion(bytes: Buffer): ProtocolVersion {
  return versionAtItsPlace(bytes) ?? readProtocolVersion(bytes);
}

/** Fixed words of a Protocol Version structure: tag and type, length, tag and type of its first field, and so on. */
const VERSION_WORDS = (() => {
  const writer = new TtlvWriter();
  protocolVersion.write(writer, tagValue('ProtocolVersion'), { major: 0, minor: 0 }, {});
  const bytes = writer.finish();
  return Array.from({ length: VERSION_BYTES / 4 }, (_, index) => bytes.readUInt32BE(index * 4));
})();
/** The words among them that hold the numbers. */
const MAJOR_WORD = 4;
const MINOR_WORD = 8;

/** The version, if all words are as they nearly always are; undefined if they need a closer look. */
function versionAtItsPlace(bytes: Buffer): ProtocolVersion | undefined {
  if (bytes.length < VERSION_OFFSET + VERSION_BYTES) return undefined;
  for (let word = 0; word < VERSION_WORDS.length; word += 1) {
    if (word === MAJOR_WORD || word === MINOR_WORD) continue;
    if (bytes.readUInt32BE(VERSION_OFFSET + word * 4) !== VERSION_WORDS[word]) return undefined;
  }
  return {
    major: bytes.readInt32BE(VERSION_OFFSET + MAJOR_WORD * 4),
    minor: bytes.readInt32BE(VERSION_OFFSET + MINOR_WORD * 4),
  };
}

function readProtocolVersion(bytes: Buffer): ProtocolVersion {
  const reader = new TtlvReader(bytes.subarray(VERSION_OFFSET, VERSION_OFFSET + VERSION_BYTES));
  if (!reader.next() || reader.tag !== tagValue('ProtocolVersion')) {
    throw new KmipError(
      'InvalidMessage',
      'A message must start with a header whose first field is ProtocolVersion.',
    );
  }
  return protocolVersion.read(reader, {});
}

function decodeMessage<T>(bytes: Buffer, codec: Codec<T>, tag: number, options: ReaderOptions): T {
  const version = peekProtocolVersion(bytes);
  const spoken = spokenVersion(version);
  if (spoken === undefined) {
    throw new KmipError(
      'InvalidMessage',
      `KMIP ${version.major}.${version.minor} is not spoken here; use ${PROTOCOL_VERSIONS.join(', ')}.`,
    );
  }
  const reader = new TtlvReader(bytes, {
    ...options,
    ignoreUnknownFields: isNewer(version, spoken),
  });
  reader.rank = rankOf(spoken);
  if (!reader.next() || reader.tag !== tag || reader.type !== ITEM_TYPES.Structure) {
    throw new KmipError('InvalidMessage', 'The bytes are not a message of the expected direction.');
  }
  const message = codec.read(reader, {});
  if (reader.next()) throw new KmipError('InvalidMessage', 'There are bytes after the message.');
  return message;
}

function isNewer({ minor }: ProtocolVersion, spoken: ProtocolVersionName): boolean {
  return minor > protocolVersionOf(spoken).minor;
}

function encodeMessage<T extends { readonly header: { readonly protocolVersion: ProtocolVersion } }>(
  codec: Codec<T>,
  tag: number,
  message: T,
  limitBytes?: number,
): Buffer {
  const spoken = spokenVersion(message.header.protocolVersion);
  if (spoken === undefined)
    throw new KmipError('GeneralFailure', 'The message is for an unknown protocol version.');
  const writer = new TtlvWriter(rankOf(spoken), limitBytes);
  codec.write(writer, tag, message, {});
  return writer.finish();
}
