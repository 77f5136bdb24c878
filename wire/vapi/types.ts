import * as z from 'zod';

import { base64Bytes } from '../attestation/index.js';
import { VapiDecodeError } from './errors.js';

/** A value as it stands in a JSON-RPC message of the vAPI. */
export type DataValue =
  string | number | boolean | null | readonly DataValue[] | { readonly [wrapper: string]: DataValue };

/** What a type is, for those who treat some kinds apart. */
export type VapiKind =
  | 'void'
  | 'string'
  | 'secret'
  | 'blob'
  | 'dateTime'
  | 'integer'
  | 'boolean'
  | 'enumeration'
  | 'list'
  | 'map'
  | 'optional'
  | 'structure'
  | 'typed'
  | 'error';

/**
 * A type of the vAPI. Its values are held in the form of the REST API, so that JSON is their REST form; the JSON-RPC
 * form is made and read by the type, as only it knows which members are optional and what a structure is called.
 * Source: the runtime of VMware's Python client, `vmware.vapi.data.serializers.jsonrpc`.
 */
export interface VapiType<S extends z.ZodType = z.ZodType> {
  readonly kind: VapiKind;
  /** Checks values from outside: bounds, unknown members. */
  readonly schema: S;
  /** The JSON-RPC form of a value of this type. */
  readonly encode: (value: unknown) => DataValue;
  /** Reads the JSON-RPC form; bounds are left to the schema. @throws VapiDecodeError */
  readonly decode: (data: unknown, path: string) => unknown;
}

/** A structure, whose members can be looked at. */
export interface StructureType<F extends Fields = Fields> extends VapiType<StructureSchema<F>> {
  readonly kind: 'structure';
  readonly name: string;
  readonly fields: F;
}

/** A type that may be left out. */
export interface OptionalType<T extends VapiType = VapiType> extends VapiType<z.ZodOptional<T['schema']>> {
  readonly kind: 'optional';
  readonly element: T;
}

/** A list or a set. */
export interface ListType<T extends VapiType = VapiType> extends VapiType<z.ZodArray<T['schema']>> {
  readonly kind: 'list';
  readonly element: T;
}

/** A map from texts or numbers. */
export interface MapType<T extends VapiType = VapiType> extends VapiType<
  z.ZodRecord<z.ZodString, T['schema']>
> {
  readonly kind: 'map';
  readonly key: VapiType;
  readonly value: T;
}

/** Members of a structure. */
export type Fields = Readonly<Record<string, VapiType>>;
type StructureSchema<F extends Fields> = z.ZodObject<
  { -readonly [K in keyof F]: F[K]['schema'] },
  z.core.$strict
>;

/** What values of a type look like in TypeScript and in REST. */
export type VapiValue<T extends VapiType> = z.output<T['schema']>;

/** Longest text unless a type says otherwise, in characters. */
const TEXT_LIMIT = 64 * 1024;
/** Most elements of a list unless a type says otherwise. */
const LIST_LIMIT = 256;

function scalar<S extends z.ZodType>(
  kind: VapiKind,
  schema: S,
  type: 'string' | 'number' | 'boolean',
): VapiType<S> {
  return {
    kind,
    schema,
    encode: (value) => value as DataValue,
    decode: (data, path) => {
      if (typeof data === type) return data;
      throw new VapiDecodeError(path, `expected a ${kind}`);
    },
  };
}

/** A string; identifiers are strings too. */
export function string(schema: z.ZodString = z.string().max(TEXT_LIMIT)): VapiType<z.ZodString> {
  return scalar('string', schema, 'string');
}

/** An identifier of a resource: a string that is not empty. */
export const id = string(z.string().min(1, 'must not be empty').max(512));

/** A whole number of 64 bits; held to what JSON numbers carry exactly. */
export function integer(schema: z.ZodInt = z.int()): VapiType<z.ZodInt> {
  return scalar('integer', schema, 'number');
}

/** A truth value. */
export const boolean = scalar('boolean', z.boolean(), 'boolean');

/** A point in time, ISO 8601 in UTC with milliseconds. */
export const dateTime = scalar('dateTime', z.iso.datetime(), 'string');

/** Nothing. */
export const voidType: VapiType<z.ZodVoid> = {
  kind: 'void',
  schema: z.void(),
  encode: () => null,
  decode: (data, path) => {
    if (data === null) return undefined;
    throw new VapiDecodeError(path, 'expected nothing');
  },
};

/** Bytes in base64, at most `maxBytes` when decoded; in JSON-RPC `{"BINARY": …}`. */
export function blob(maxBytes: number): VapiType<z.ZodString> {
  return { kind: 'blob', schema: base64Bytes(maxBytes), ...wrapped('BINARY') };
}

/** A text that is never shown; in JSON-RPC `{"SECRET": …}`. */
export function secret(maxCharacters: number): VapiType<z.ZodString> {
  return { kind: 'secret', schema: z.string().min(1).max(maxCharacters), ...wrapped('SECRET') };
}

function wrapped(wrapper: string): Pick<VapiType, 'encode' | 'decode'> {
  return {
    encode: (value) => ({ [wrapper]: value as string }),
    decode: (data, path) => {
      const text = unwrap(data, wrapper, path);
      if (typeof text === 'string') return text;
      throw new VapiDecodeError(path, `expected a text inside ${wrapper}`);
    },
  };
}

/** One of several words. */
export function enumeration<const W extends readonly [string, ...string[]]>(
  words: W,
): VapiType<z.ZodEnum<{ [K in W[number]]: K }>> {
  return scalar('enumeration', z.enum(words), 'string');
}

/** A list, or a set, which looks the same. */
export function list<T extends VapiType>(element: T, maxLength = LIST_LIMIT): ListType<T> {
  return {
    kind: 'list',
    element,
    schema: z.array(element.schema).max(maxLength),
    encode: (value) => (value as readonly unknown[]).map((one) => element.encode(one)),
    decode: (data, path) => {
      if (!Array.isArray(data)) throw new VapiDecodeError(path, 'expected a list');
      return data.slice(0, maxLength + 1).map((one, index) => element.decode(one, `${path}[${index}]`));
    },
  };
}

/** A map from texts, or from numbers written as texts; in JSON-RPC a list of `map-entry` structures. Answers only. */
export function map<T extends VapiType>(key: VapiType, value: T): MapType<T> {
  const keyOf = (text: string): DataValue => key.encode(key.kind === 'integer' ? Number(text) : text);
  return {
    kind: 'map',
    key,
    value,
    schema: z.record(z.string(), value.schema),
    encode: (entries) =>
      Object.entries(entries as object).map(([name, one]) => ({
        STRUCTURE: { 'map-entry': { key: keyOf(name), value: value.encode(one) } },
      })),
    decode: (_data, path) => {
      throw new VapiDecodeError(path, 'maps are only in answers');
    },
  };
}

/** A value that may be left out; in JSON-RPC `{"OPTIONAL": … or null}`. */
export function optional<T extends VapiType>(element: T): OptionalType<T> {
  return {
    kind: 'optional',
    element,
    schema: z.optional(element.schema),
    encode: (value) => ({ OPTIONAL: value === undefined ? null : element.encode(value) }),
    decode: (data, path) => {
      if (data === undefined || data === null) return undefined;
      const inner = unwrap(data, 'OPTIONAL', path);
      return inner === null ? undefined : element.decode(inner, path);
    },
  };
}

/**
 * A structure; in JSON-RPC `{"STRUCTURE": {<name>: {…}}}`.
 *
 * @param name its canonical name, for example `com.vmware.vcenter.trusted_infrastructure.network_address`
 */
export function structure<const F extends Fields>(name: string, fields: F): StructureType<F> {
  const entries = Object.entries<VapiType>(fields);
  const shape = Object.fromEntries(entries.map(([field, { schema }]) => [field, schema]));
  return {
    kind: 'structure',
    name,
    fields,
    schema: z.strictObject(shape) as unknown as StructureSchema<F>,
    encode: (value) => {
      const given = new Map(Object.entries(value as object));
      const encoded = entries.map(([field, type]): [string, DataValue] => [
        field,
        type.encode(given.get(field)),
      ]);
      return { STRUCTURE: { [name]: Object.fromEntries(encoded) } };
    },
    decode: (data, path) => {
      const given = members(unwrap(unwrap(data, 'STRUCTURE', path), name, path), path);
      const unknown = [...given.keys()].find((field) => !Object.hasOwn(fields, field));
      if (unknown !== undefined) {
        throw new VapiDecodeError(path, `${name} has no member ${JSON.stringify(unknown.slice(0, 80))}`);
      }
      const decoded = entries.map(([field, type]): [string, unknown] => [
        field,
        type.decode(given.get(field), `${path}.${field}`),
      ]);
      return Object.fromEntries(decoded.filter(([, one]) => one !== undefined));
    },
  };
}

/** A value that carries its type, where a structure leaves open what is in it: the result of a task. */
export class TypedValue {
  readonly type: VapiType;
  readonly value: unknown;

  constructor(type: VapiType, value: unknown) {
    this.type = type;
    this.value = value;
  }

  /** Its REST form. */
  toJSON(): unknown {
    return this.value;
  }
}

/** Any value, with its type (`OpaqueType`). Answers only. */
export const typedValue: VapiType<z.ZodCustom<TypedValue>> = {
  kind: 'typed',
  schema: z.instanceof(TypedValue),
  encode: (value) => {
    const { type, value: inner } = value as TypedValue;
    return type.encode(inner);
  },
  decode: (_data, path) => {
    throw new VapiDecodeError(path, 'only in answers');
  },
};

/** The one member of `data`, which must be called `wrapper`. */
function unwrap(data: unknown, wrapper: string, path: string): unknown {
  const given = members(data, path);
  if (given.size === 1 && given.has(wrapper)) return given.get(wrapper);
  throw new VapiDecodeError(path, `expected ${wrapper}`);
}

function members(data: unknown, path: string): ReadonlyMap<string, unknown> {
  if (typeof data === 'object' && data !== null && !Array.isArray(data)) return new Map(Object.entries(data));
  throw new VapiDecodeError(path, 'expected an object');
}
