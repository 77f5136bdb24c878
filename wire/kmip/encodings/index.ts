import { isUtf8 } from 'node:buffer';

import { KmipError } from '../errors.js';
import type { TtlvItem } from '../ttlv/tree.js';
import { decodeTree, encodeTree } from '../ttlv/tree.js';
import { decodeJson, encodeJson } from './json.js';
import { decodeXml, encodeXml } from './xml.js';

/** How messages are carried over HTTPS. */
export interface MessageEncoding {
  /** Media types of bodies in this encoding; the first is the one to send. */
  readonly contentTypes: readonly [string, ...string[]];
  /** A message as TTLV. @throws KmipError `InvalidMessage` */
  toTtlv(body: Buffer): Buffer;
  /** A TTLV message in this encoding. @throws KmipError `InvalidField` if the encoding has no way to write a value */
  fromTtlv(message: Buffer): Buffer;
}

/** The encodings of KMIP messages, by name (KMIP Profiles, HTTPS, JSON encoding and XML encoding). */
export const MESSAGE_ENCODINGS = {
  ttlv: {
    contentTypes: ['application/octet-stream'],
    toTtlv: (body) => body,
    fromTtlv: (message) => message,
  },
  xml: textual(['text/xml', 'application/xml'], decodeXml, encodeXml),
  json: textual(['application/json'], decodeJson, encodeJson),
} as const satisfies Record<string, MessageEncoding>;

/** Name of an encoding. */
export type EncodingName = keyof typeof MESSAGE_ENCODINGS;

/** The encoding of a Content-Type header, whatever its parameters; undefined if there is none of that type. */
export function encodingOfContentType(header: string | undefined): MessageEncoding | undefined {
  const mediaType = (header ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  return Object.values<MessageEncoding>(MESSAGE_ENCODINGS).find(({ contentTypes }) =>
    contentTypes.includes(mediaType),
  );
}

function textual(
  contentTypes: readonly [string, ...string[]],
  decode: (text: string) => TtlvItem,
  encode: (item: TtlvItem) => string,
): MessageEncoding {
  return {
    contentTypes,
    toTtlv(body) {
      if (!isUtf8(body)) throw new KmipError('InvalidMessage', 'The message is not UTF-8.');
      return encodeTree(decode(body.toString('utf8')));
    },
    fromTtlv: (message) => Buffer.from(encode(decodeTree(message)), 'utf8'),
  };
}
