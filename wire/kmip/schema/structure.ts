import { KmipError } from '../errors.js';
import type { TagName } from '../tables/tag-names.js';
import { tagText, tagValue } from '../tables/tag-names.js';
import type { TtlvReader } from '../ttlv/reader.js';
import type { TtlvWriter } from '../ttlv/writer.js';
import type { VersionRange } from '../versions.js';
import { PROTOCOL_VERSIONS, existsIn } from '../versions.js';
import type { Codec, Siblings, ValueOf } from './codec.js';

/**
 * How often a field occurs: once, at most once, or any number of times (at least once, for `repeated`). `needed` is
 * once in the versions that have the field, and therefore optional in TypeScript.
 */
export type Presence = 'required' | 'needed' | 'optional' | 'multiple' | 'repeated';

/** One row of a structure's table. */
export interface Field<C = Codec<unknown>, P extends Presence = Presence> {
  /** Tag of the field, or the tags it may have, where the value tells which. */
  readonly tags: readonly TagName[];
  readonly codec: C;
  readonly presence: P;
  readonly range: Partial<VersionRange>;
  /** Where {@link tags} has several: which one a value is written under. */
  readonly tagOf?: (value: unknown) => TagName;
}

/** The table of a structure: its fields in the order in which they are encoded. */
export type Shape = Readonly<Record<string, Field>>;

type KeysOf<S extends Shape, P extends Presence> = {
  [K in keyof S]: S[K] extends Field<unknown, infer Q> ? (Q extends P ? K : never) : never;
}[keyof S];

type FieldValue<F> = F extends Field<infer C> ? ValueOf<C> : never;

/** What a structure of this table is in TypeScript. */
export type Typed<S extends Shape> = {
  readonly [K in KeysOf<S, 'required'>]: FieldValue<S[K]>;
} & {
  readonly [K in KeysOf<S, 'optional' | 'needed'>]?: FieldValue<S[K]> | undefined;
} & {
  readonly [K in KeysOf<S, 'multiple'>]?: readonly FieldValue<S[K]>[] | undefined;
} & {
  readonly [K in KeysOf<S, 'repeated'>]: readonly FieldValue<S[K]>[];
};

/** A field that occurs exactly once, in all versions. */
export function required<C>(tag: TagName, codec: C): Field<C, 'required'> {
  return { tags: [tag], codec, presence: 'required', range: {} };
}

/** A field that occurs exactly once in the versions of a range. */
export function needed<C>(tag: TagName, codec: C, range: VersionRange): Field<C, 'needed'> {
  return { tags: [tag], codec, presence: 'needed', range };
}

/** A field that occurs at most once. */
export function optional<C>(tag: TagName, codec: C, range: Partial<VersionRange> = {}): Field<C, 'optional'> {
  return { tags: [tag], codec, presence: 'optional', range };
}

/** A field that occurs any number of times, in a row. */
export function multiple<C>(tag: TagName, codec: C, range: Partial<VersionRange> = {}): Field<C, 'multiple'> {
  return { tags: [tag], codec, presence: 'multiple', range };
}

/** A field that occurs once or more, in a row. */
export function repeated<C>(tag: TagName, codec: C, range: Partial<VersionRange> = {}): Field<C, 'repeated'> {
  return { tags: [tag], codec, presence: 'repeated', range };
}

/** A field that occurs once (or at most once) under one of several tags; `tagOf` tells a value's tag. */
export function choice<T, P extends 'required' | 'optional'>(
  tags: readonly TagName[],
  codec: Codec<T>,
  presence: P,
  tagOf: (value: T) => TagName,
): Field<Codec<T>, P> {
  return { tags, codec, presence, range: {}, tagOf: tagOf as (value: unknown) => TagName };
}

/** A field as one version has it. */
interface PlannedField {
  readonly key: string;
  readonly tag: number;
  readonly tags: ReadonlySet<number> | undefined;
  readonly codec: Codec<unknown>;
  readonly needed: boolean;
  readonly many: boolean;
  readonly tagOf: ((value: unknown) => TagName) | undefined;
}

/** A codec for a structure; `shape` is its table. */
export interface StructureCodec<S extends Shape> extends Codec<Typed<S>> {
  readonly structureName: string;
  readonly shape: S;
}

/**
 * The codec of a structure, from its table. Values are plain objects with the table's keys.
 *
 * Reading demands the table's order (KMIP 1.4 §9.1.1.4) and refuses unknown, repeated and missing fields.
 * Writing leaves out whatever the version written for does not have.
 */
export function structure<S extends Shape>(structureName: string, shape: S): StructureCodec<S> {
  const plans = new Array<readonly PlannedField[] | undefined>(PROTOCOL_VERSIONS.length + 1);
  const planFor = (rank: number): readonly PlannedField[] => (plans[rank + 1] ??= planOf(shape, rank));
  return {
    structureName,
    shape,
    read: (reader) => readStructure(reader, structureName, planFor(reader.rank)) as Typed<S>,
    write: (writer, tag, value) => writeStructure(writer, tag, value, structureName, planFor(writer.rank)),
  };
}

const PARTIAL = new WeakMap<object, Codec<unknown>>();

/** The codec of a structure any field of which may be left out; codecs of other values as they are. */
export function partial(codec: Codec<unknown>): Codec<unknown> {
  if (!isStructure(codec)) return codec;
  let known = PARTIAL.get(codec);
  if (!known) {
    const fields = Object.entries(codec.shape).map(([key, field]) => [
      key,
      { ...field, presence: OPTIONAL[field.presence] },
    ]);
    known = structure(codec.structureName, Object.fromEntries(fields) as Shape);
    PARTIAL.set(codec, known);
  }
  return known;
}

const OPTIONAL = {
  required: 'optional',
  needed: 'optional',
  optional: 'optional',
  multiple: 'multiple',
  repeated: 'multiple',
} as const satisfies Record<Presence, Presence>;

/** Whether a codec is that of a structure with a table. */
export function isStructure(codec: Codec<unknown>): codec is StructureCodec<Shape> {
  return 'shape' in codec;
}

/**
 * Whether the version of this rank has a value, and everything that the value cannot be without; of a structure with
 * free fields only, at least one of those that it has.
 */
export function canExpress(codec: Codec<unknown>, value: unknown, rank: number): boolean {
  if (codec.exists?.(value, rank) === false) return false;
  if (!isStructure(codec)) return true;
  const given = Object.entries(codec.shape).flatMap(([key, { presence, range, codec: inner }]) => {
    const found = (value as Siblings)[key];
    if (found === undefined) return [];
    const exists = existsIn(range, rank);
    const isMany = presence === 'multiple' || presence === 'repeated';
    const isFree = presence === 'optional' || presence === 'multiple' || !exists;
    return [{ isFree, isExpressed: exists && (isMany || canExpress(inner, found, rank)) }];
  });
  return (
    given.every(({ isFree, isExpressed }) => isFree || isExpressed) &&
    (given.length === 0 || given.some(({ isExpressed }) => isExpressed))
  );
}

function planOf(shape: Shape, rank: number): readonly PlannedField[] {
  return Object.entries(shape)
    .filter(([, field]) => existsIn(field.range, rank))
    .map(([key, field]) => ({
      key,
      tag: field.tags.length === 1 && field.tags[0] !== undefined ? tagValue(field.tags[0]) : 0,
      tags: field.tags.length === 1 ? undefined : new Set(field.tags.map(tagValue)),
      codec: field.codec,
      needed: field.presence !== 'optional' && field.presence !== 'multiple',
      many: field.presence === 'multiple' || field.presence === 'repeated',
      tagOf: field.tagOf,
    }));
}

function readStructure(
  reader: TtlvReader,
  name: string,
  plan: readonly PlannedField[],
): Record<string, unknown> {
  const enclosing = reader.enter();
  const result: Record<string, unknown> = {};
  let position = 0;
  while (reader.next()) {
    const found = fieldAt(plan, position, reader.tag);
    const field = plan[found];
    if (field === undefined) {
      passUnknown(reader, name, plan);
      continue;
    }
    requirePresent(plan, position, found, result, name);
    const value = field.codec.read(reader, result);
    position = found;
    if (field.many) {
      const values = result[field.key] as unknown[] | undefined;
      if (values) values.push(value);
      else result[field.key] = [value];
    } else {
      result[field.key] = value;
      position += 1;
    }
  }
  requirePresent(plan, position, plan.length, result, name);
  reader.leave(enclosing);
  return result;
}

/** Index of the field of that tag at or after a position; the plan's length if there is none. */
function fieldAt(plan: readonly PlannedField[], from: number, tag: number): number {
  for (let index = from; index < plan.length; index += 1) {
    const field = plan[index];
    if (field !== undefined && accepts(field, tag)) return index;
  }
  return plan.length;
}

function accepts(field: PlannedField, tag: number): boolean {
  return field.tags === undefined ? field.tag === tag : field.tags.has(tag);
}

function requirePresent(
  plan: readonly PlannedField[],
  from: number,
  to: number,
  result: Siblings,
  name: string,
): void {
  for (let index = from; index < to; index += 1) {
    const field = plan[index];
    if (field?.needed === true && result[field.key] === undefined) {
      throw new KmipError('InvalidMessage', `${name} lacks ${field.tags ? field.key : tagText(field.tag)}.`);
    }
  }
}

function passUnknown(reader: TtlvReader, name: string, plan: readonly PlannedField[]): void {
  const tag = reader.tag;
  if (plan.some((field) => accepts(field, tag))) {
    throw new KmipError('InvalidMessage', `${tagText(tag)} occurs twice or out of order in ${name}.`);
  }
  if (!reader.ignoreUnknownFields) {
    const version = PROTOCOL_VERSIONS[reader.rank] ?? '';
    throw new KmipError('InvalidField', `${name} has no field ${tagText(tag)} in KMIP ${version}.`);
  }
  reader.skip();
}

function writeStructure(
  writer: TtlvWriter,
  tag: number,
  value: Siblings,
  name: string,
  plan: readonly PlannedField[],
): void {
  const start = writer.open(tag);
  for (const field of plan) {
    const found = value[field.key];
    if (found === undefined) {
      if (field.needed) throw new KmipError('GeneralFailure', `${name} was built without ${field.key}.`);
    } else if (field.many) {
      for (const one of found as readonly unknown[]) writeField(writer, field, one, value, name);
    } else {
      writeField(writer, field, found, value, name);
    }
  }
  writer.close(start);
}

function writeField(
  writer: TtlvWriter,
  field: PlannedField,
  value: unknown,
  siblings: Siblings,
  name: string,
): void {
  if (field.codec.exists?.(value, writer.rank) === false) {
    if (!field.needed || field.many) return;
    const version = PROTOCOL_VERSIONS[writer.rank] ?? '';
    throw new KmipError(
      'FeatureNotSupported',
      `${name} has a ${field.key} that KMIP ${version} cannot express; speak a newer version.`,
    );
  }
  const tag = field.tagOf ? tagValue(field.tagOf(value)) : field.tag;
  field.codec.write(writer, tag, value, siblings);
}
