import type { TtlvReader } from '../ttlv/reader.js';
import type { TtlvValue } from '../ttlv/tree.js';
import { readValue, writeValue } from '../ttlv/tree.js';
import type { TtlvWriter } from '../ttlv/writer.js';

/** The fields of the enclosing structure that precede a value, by their names in the schema. */
export type Siblings = Readonly<Record<string, unknown>>;

/**
 * How one kind of value is read and written.
 *
 * `read` is called after the reader has read the item's header. `siblings` lets a value depend on a field before it,
 * as a Credential Value does on its Credential Type.
 */
export interface Codec<T> {
  /** @throws KmipError if the item is not such a value */
  read(reader: TtlvReader, siblings: Siblings): T;
  write(writer: TtlvWriter, tag: number, value: T, siblings: Siblings): void;
  /** Whether a value exists in the version of this rank; always, if absent. */
  exists?(value: T, rank: number): boolean;
}

/** The type of the values of a codec. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

/** 32-bit signed. */
export const integer: Codec<number> = {
  read: (reader) => reader.integer(),
  write: (writer, tag, value) => writer.integer(tag, value),
};

/** 64-bit signed. */
export const longInteger: Codec<bigint> = {
  read: (reader) => reader.longInteger(),
  write: (writer, tag, value) => writer.longInteger(tag, value),
};

/** Any size, signed. */
export const bigInteger: Codec<bigint> = {
  read: (reader) => reader.bigInteger(),
  write: (writer, tag, value) => writer.bigInteger(tag, value),
};

export const boolean: Codec<boolean> = {
  read: (reader) => reader.boolean(),
  write: (writer, tag, value) => writer.boolean(tag, value),
};

export const textString: Codec<string> = {
  read: (reader) => reader.textString(),
  write: (writer, tag, value) => writer.textString(tag, value),
};

/** Read as a view on the message; copy what is to outlive it. */
export const byteString: Codec<Buffer> = {
  read: (reader) => reader.byteString(),
  write: (writer, tag, value) => writer.byteString(tag, value),
};

/** Seconds since 1970. */
export const dateTime: Codec<number> = {
  read: (reader) => reader.dateTime(),
  write: (writer, tag, value) => writer.dateTime(tag, value),
};

/** Microseconds since 1970. */
export const dateTimeExtended: Codec<bigint> = {
  read: (reader) => reader.dateTimeExtended(),
  write: (writer, tag, value) => writer.dateTimeExtended(tag, value),
};

/** Seconds. */
export const interval: Codec<number> = {
  read: (reader) => reader.interval(),
  write: (writer, tag, value) => writer.interval(tag, value),
};

/** A value of any type, kept with its type. */
export const anyValue: Codec<TtlvValue> = { read: readValue, write: writeValue };

/** A codec chosen by the fields before the value. */
export function dependent<T>(choose: (siblings: Siblings) => Codec<T>): Codec<T> {
  return {
    read: (reader, siblings) => choose(siblings).read(reader, siblings),
    write: (writer, tag, value, siblings) => choose(siblings).write(writer, tag, value, siblings),
  };
}

/** A codec looked up at first use, for structures that contain each other. */
export function lazy<T>(get: () => Codec<T>): Codec<T> {
  return dependent(get);
}
