/** Item types of TTLV. KMIP 1.4 §9.1.1.2; Date-Time Extended: KMIP 2.0 §10.1.2. */
export const ITEM_TYPES = {
  Structure: 0x01,
  Integer: 0x02,
  LongInteger: 0x03,
  BigInteger: 0x04,
  Enumeration: 0x05,
  Boolean: 0x06,
  TextString: 0x07,
  ByteString: 0x08,
  DateTime: 0x09,
  Interval: 0x0a,
  DateTimeExtended: 0x0b,
} as const satisfies Record<string, number>;

/** Name of an item type as the XML encoding writes it. */
export type ItemTypeName = keyof typeof ITEM_TYPES;

const NAMES = new Map<number, ItemTypeName>(
  Object.entries(ITEM_TYPES).map(([name, code]) => [code, name as ItemTypeName]),
);

/** Name of a type code; undefined for a code that KMIP does not define. */
export function itemTypeName(code: number): ItemTypeName | undefined {
  return NAMES.get(code);
}

/** The largest Date-Time, 2^63 - 1 seconds, as near as a number comes. Locate takes it for none (KMIP 1.4 §4.9). */
export const LARGEST_DATE_TIME = 2 ** 63;

/** Bytes of tag, type and length before a value. */
export const HEADER_BYTES = 8;

/** Structures inside structures that a reader follows; deeper is refused as hostile. Own choice. */
export const MAX_DEPTH = 32;

/** Longest Big Integer that is read, in bytes: twice the modulus of RSA-16384. Own choice. */
export const MAX_BIG_INTEGER_BYTES = 4096;
