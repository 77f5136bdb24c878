import { KmipError } from '../errors.js';
import { TtlvReader } from './reader.js';
import { TtlvWriter } from './writer.js';
import type { ItemTypeName } from './types.js';
import { itemTypeName } from './types.js';

/** A value with its type, for what no schema describes: custom attributes, vendor extensions. */
export type TtlvValue =
  | { readonly type: 'Structure'; readonly value: readonly TtlvItem[] }
  | { readonly type: 'Integer' | 'Enumeration' | 'DateTime' | 'Interval'; readonly value: number }
  | { readonly type: 'LongInteger' | 'BigInteger' | 'DateTimeExtended'; readonly value: bigint }
  | { readonly type: 'Boolean'; readonly value: boolean }
  | { readonly type: 'TextString'; readonly value: string }
  | { readonly type: 'ByteString'; readonly value: Buffer };

/** A {@link TtlvValue} under its tag (24 bits). */
export type TtlvItem = TtlvValue & { readonly tag: number };

type ValueReader = (reader: TtlvReader) => TtlvValue;

const READERS = {
  Structure: (reader) => ({ type: 'Structure', value: readItems(reader) }),
  Integer: (reader) => ({ type: 'Integer', value: reader.integer() }),
  LongInteger: (reader) => ({ type: 'LongInteger', value: reader.longInteger() }),
  BigInteger: (reader) => ({ type: 'BigInteger', value: reader.bigInteger() }),
  Enumeration: (reader) => ({ type: 'Enumeration', value: reader.enumeration() }),
  Boolean: (reader) => ({ type: 'Boolean', value: reader.boolean() }),
  TextString: (reader) => ({ type: 'TextString', value: reader.textString() }),
  ByteString: (reader) => ({ type: 'ByteString', value: reader.byteString() }),
  DateTime: (reader) => ({ type: 'DateTime', value: reader.dateTimeOrLargest() }),
  Interval: (reader) => ({ type: 'Interval', value: reader.interval() }),
  DateTimeExtended: (reader) => ({ type: 'DateTimeExtended', value: reader.dateTimeExtended() }),
} as const satisfies Record<ItemTypeName, ValueReader>;

/** Reads the value of the current item, whatever its type. @throws KmipError `InvalidMessage` */
export function readValue(reader: TtlvReader): TtlvValue {
  const type = itemTypeName(reader.type);
  if (type === undefined) {
    throw new KmipError('InvalidMessage', `Malformed TTLV: 0x${reader.type.toString(16)} is no item type.`);
  }
  return READERS[type](reader);
}

/** Reads the current item, a structure, as a list of items. @throws KmipError `InvalidMessage` */
export function readItems(reader: TtlvReader): TtlvItem[] {
  const enclosing = reader.enter();
  const items: TtlvItem[] = [];
  while (reader.next()) {
    const tag = reader.tag;
    items.push({ ...readValue(reader), tag });
  }
  reader.leave(enclosing);
  return items;
}

/** Writes a value of any type under a tag. */
export function writeValue(writer: TtlvWriter, tag: number, item: TtlvValue): void {
  switch (item.type) {
    case 'Structure': {
      const start = writer.open(tag);
      for (const inner of item.value) writeValue(writer, inner.tag, inner);
      writer.close(start);
      break;
    }
    case 'Integer':
      writer.integer(tag, item.value);
      break;
    case 'LongInteger':
      writer.longInteger(tag, item.value);
      break;
    case 'BigInteger':
      writer.bigInteger(tag, item.value);
      break;
    case 'Enumeration':
      writer.enumeration(tag, item.value);
      break;
    case 'Boolean':
      writer.boolean(tag, item.value);
      break;
    case 'TextString':
      writer.textString(tag, item.value);
      break;
    case 'ByteString':
      writer.byteString(tag, item.value);
      break;
    case 'DateTime':
      writer.dateTime(tag, item.value);
      break;
    case 'Interval':
      writer.interval(tag, item.value);
      break;
    case 'DateTimeExtended':
      writer.dateTimeExtended(tag, item.value);
      break;
  }
}

/** Decodes exactly one item, of any tags. @throws KmipError `InvalidMessage`, also for trailing bytes */
export function decodeTree(bytes: Buffer): TtlvItem {
  const reader = new TtlvReader(bytes);
  if (!reader.next()) throw new KmipError('InvalidMessage', 'Malformed TTLV: there is no item.');
  const tag = reader.tag;
  const item = { ...readValue(reader), tag };
  if (reader.next()) throw new KmipError('InvalidMessage', 'Malformed TTLV: there are bytes after the item.');
  return item;
}

/** Encodes one item. */
export function encodeTree(item: TtlvItem): Buffer {
  const writer = new TtlvWriter();
  writeValue(writer, item.tag, item);
  return writer.finish();
}
