import { HEADER_BYTES } from './types.js';

/** Where a value stands in an encoded message. */
export interface ValuePlace {
  /** Of its first byte. */
  readonly offset: number;
  /** In bytes, without padding. */
  readonly length: number;
}

/**
 * Where the value is to which a path of tags leads, the first of each tag; undefined if there is none.
 *
 * @param bytes a well-formed message
 * @param path the tag of the message first; all but the last are structures
 */
export function findValue(bytes: Buffer, path: readonly number[]): ValuePlace | undefined {
  let place: ValuePlace = { offset: 0, length: bytes.length };
  for (const tag of path) {
    const found = findIn(bytes, place, tag);
    if (!found) return undefined;
    place = found;
  }
  return place;
}

function findIn(bytes: Buffer, structure: ValuePlace, tag: number): ValuePlace | undefined {
  const end = structure.offset + structure.length;
  for (let at = structure.offset; at + HEADER_BYTES <= end;) {
    const length = bytes.readUInt32BE(at + 4);
    if (bytes.readUIntBE(at, 3) === tag) return { offset: at + HEADER_BYTES, length };
    at += HEADER_BYTES + length + (-length & 7);
  }
  return undefined;
}
