import { KmipError } from '../errors.js';
import type { Codec } from '../schema/codec.js';
import { dateTime } from '../schema/codec.js';
import { canExpress, partial } from '../schema/structure.js';
import type { TagName } from '../tables/tag-names.js';
import { tagName, tagText, tagValue } from '../tables/tag-names.js';
import type { TtlvReader } from '../ttlv/reader.js';
import type { TtlvValue } from '../ttlv/tree.js';
import { readValue, writeValue } from '../ttlv/tree.js';
import { ITEM_TYPES } from '../ttlv/types.js';
import type { TtlvWriter } from '../ttlv/writer.js';
import { PROTOCOL_VERSIONS, existsIn } from '../versions.js';
import type { AttributeName, AttributeRow, AttributeValueOf } from './table.js';
import { attributeNameFromText, attributeRow, attributeTextOf, isStandard } from './table.js';

/** A standard attribute with its value. */
export type StandardAttribute = {
  [N in AttributeName]: {
    readonly name: N;
    /** Attribute Index, in KMIP 1.x only; 0 if absent. */
    readonly index?: number | undefined;
    readonly value: AttributeValueOf<N>;
  };
}[AttributeName];

/**
 * An attribute of the client's or the server's own. Its name is `vendor-name`: `x-…` is set by clients, `y-…` by the
 * server, and only these exist in KMIP 1.x (KMIP 1.4 §3.39, KMIP 2.1 §4.60).
 */
export interface CustomAttribute {
  readonly name: `${string}-${string}`;
  readonly index?: number | undefined;
  readonly value: TtlvValue;
}

/** Whether a name is one of a custom attribute: a vendor, a hyphen, and at least one character after it. */
export function isCustomAttributeName(name: string): name is CustomAttribute['name'] {
  const hyphen = name.indexOf('-');
  return hyphen > 0 && hyphen < name.length - 1;
}

/** One attribute instance, the same for all versions. */
export type Attribute = StandardAttribute | CustomAttribute;

/** The attribute of that name and value; the value must be of the name's type. */
export function attributeOf<N extends AttributeName>(name: N, value: AttributeValueOf<N>): StandardAttribute {
  return { name, value } as unknown as StandardAttribute;
}

const TAG = {
  attributeName: tagValue('AttributeName'),
  attributeIndex: tagValue('AttributeIndex'),
  attributeValue: tagValue('AttributeValue'),
  vendorIdentification: tagValue('VendorIdentification'),
  attribute: tagValue('Attribute'),
} as const;

/** An attribute to be compared with; of a structure only some of the fields may be given (KMIP 1.4 §4.9). */
export interface AttributePattern {
  readonly name: string;
  readonly index?: number | undefined;
  readonly value: unknown;
}

/** Whether the version of this rank has an attribute, and what its value is made of. */
export function attributeExistsIn({ name, value }: Attribute, rank: number): boolean {
  const row = attributeRow(name);
  return row === undefined || (existsIn(row, rank) && canExpress(row.codec, value, rank));
}

type ValueCodecOf = (row: AttributeRow) => Codec<unknown>;
const whole: ValueCodecOf = (row) => row.codec;
const inParts: ValueCodecOf = (row) => (row.codec === dateTime ? dateTimePattern : partial(row.codec));
/** A date that is looked for may be the largest one. */
const dateTimePattern: Codec<unknown> = {
  ...dateTime,
  read: (reader) => reader.dateTimeOrLargest(),
};

/** Attribute structure of KMIP 1.x: name, index, value (KMIP 1.4 §2.1.1). */
export const attribute = namedAttribute(whole) as Codec<Attribute>;

/** As {@link attribute}, of which structures may be given in part. */
export const attributePattern: Codec<AttributePattern> = namedAttribute(inParts);

/** Attributes structure of KMIP 2.x: each value under the attribute's own tag (KMIP 2.1 §5.1). */
export const attributes = taggedAttributes(whole) as Codec<readonly Attribute[]>;

/** As {@link attributes}, of which structures may be given in part. */
export const attributePatterns: Codec<readonly AttributePattern[]> = taggedAttributes(inParts);

function namedAttribute(codecOf: ValueCodecOf): Codec<AttributePattern> {
  return {
    read: (reader) => readNamed(reader, codecOf),
    write: (writer, tag, value) => writeNamed(writer, tag, value, codecOf),
    exists: ({ name }, rank) => {
      const row = attributeRow(name);
      return row ? existsIn(row, rank) : name.startsWith('x-') || name.startsWith('y-');
    },
  };
}

function taggedAttributes(codecOf: ValueCodecOf): Codec<readonly AttributePattern[]> {
  return {
    read(reader) {
      const enclosing = reader.enter();
      const found: AttributePattern[] = [];
      while (reader.next()) found.push(readTagged(reader, codecOf));
      reader.leave(enclosing);
      return found;
    },
    write(writer, tag, values) {
      const start = writer.open(tag);
      for (const value of values) writeTagged(writer, value, codecOf);
      writer.close(start);
    },
  };
}

/** Structure of exactly one attribute, as Current Attribute and New Attribute (KMIP 2.1 §5.6). */
export const oneAttribute: Codec<Attribute> = {
  read(reader, siblings) {
    const found = attributes.read(reader, siblings);
    const [only] = found;
    if (!only || found.length !== 1) {
      throw new KmipError('InvalidMessage', 'Exactly one attribute must be given in this structure.');
    }
    return only;
  },
  write: (writer, tag, value, siblings) => attributes.write(writer, tag, [value], siblings),
};

/** Attribute Name of KMIP 1.x, kept as this codec's own name. */
export const attributeNameText: Codec<string> = {
  read: (reader) => attributeNameFromText(reader.textString()),
  write: (writer, tag, value) => writer.textString(tag, attributeTextOf(value)),
  exists: (name, rank) => {
    const row = attributeRow(name);
    return row === undefined || existsIn(row, rank);
  },
};

/** Attribute Reference of KMIP 2.x: a tag, or vendor and name (KMIP 2.1 §5.5). */
export const attributeReference: Codec<string> = {
  read(reader) {
    if (reader.type === ITEM_TYPES.Enumeration) {
      const value = reader.enumeration();
      return tagName(value) ?? tagText(value);
    }
    const enclosing = reader.enter();
    const vendor = expectText(reader, TAG.vendorIdentification);
    const name = expectText(reader, TAG.attributeName);
    expectEnd(reader);
    reader.leave(enclosing);
    return customName(vendor, name);
  },
  write(writer, tag, value) {
    if (isStandard(value)) {
      writer.enumeration(tag, tagValue(value));
      return;
    }
    const start = writer.open(tag);
    writeCustomName(writer, value);
    writer.close(start);
  },
  exists: (name, rank) => {
    const row = attributeRow(name);
    return row === undefined || existsIn(row, rank);
  },
};

function readNamed(reader: TtlvReader, codecOf: ValueCodecOf): AttributePattern {
  const enclosing = reader.enter();
  const name = nameOf(expectText(reader, TAG.attributeName), reader);
  let more = reader.next();
  let index: number | undefined;
  if (more && reader.tag === TAG.attributeIndex) {
    index = reader.integer();
    more = reader.next();
  }
  if (!more || reader.tag !== TAG.attributeValue) {
    throw new KmipError('InvalidMessage', `Attribute ${attributeTextOf(name)} lacks its Attribute Value.`);
  }
  const row = attributeRow(name);
  const value = row ? codecOf(row).read(reader, {}) : readValue(reader);
  if (row && !reader.knowOtherVersions && !canExpress(row.codec, value, reader.rank)) {
    throw new KmipError('InvalidField', `${row.text} has a value that is none of ${versionOf(reader)}.`);
  }
  expectEnd(reader);
  reader.leave(enclosing);
  return index === undefined ? { name, value } : { name, index, value };
}

/**
 * Name of the attribute that an Attribute Name of KMIP 1.x stands for; unknown names stay as they are.
 *
 * @throws KmipError `InvalidField` for an attribute of other versions, and for one that is not written as KMIP 1.4 §3 does
 */
function nameOf(text: string, reader: TtlvReader): string {
  const name = attributeNameFromText(text);
  const row = attributeRow(name);
  if (!row || (row.text === text && reader.knows(row))) return name;
  throw new KmipError('InvalidField', `'${text}' is no attribute of ${versionOf(reader)}.`);
}

function versionOf({ rank }: TtlvReader): string {
  return `KMIP ${PROTOCOL_VERSIONS[rank] ?? ''}`.trim();
}

function writeNamed(
  writer: TtlvWriter,
  tag: number,
  { name, index, value }: AttributePattern,
  codecOf: ValueCodecOf,
): void {
  const start = writer.open(tag);
  writer.textString(TAG.attributeName, attributeTextOf(name));
  if (index !== undefined) writer.integer(TAG.attributeIndex, index);
  const row = attributeRow(name);
  if (row) codecOf(row).write(writer, TAG.attributeValue, value, {});
  else writeValue(writer, TAG.attributeValue, value as TtlvValue);
  writer.close(start);
}

function readTagged(reader: TtlvReader, codecOf: ValueCodecOf): AttributePattern {
  if (reader.tag === TAG.attribute) return readVendorAttribute(reader);
  const name = tagName(reader.tag);
  const row = name === undefined ? undefined : attributeRow(name);
  if (name === undefined || row === undefined || !existsIn(row, reader.rank)) {
    throw new KmipError(
      'InvalidField',
      `${tagText(reader.tag)} is not an attribute in this protocol version.`,
    );
  }
  return { name, value: codecOf(row).read(reader, {}) };
}

function writeTagged(writer: TtlvWriter, { name, value }: AttributePattern, codecOf: ValueCodecOf): void {
  const row = attributeRow(name);
  if (row) {
    if (existsIn(row, writer.rank)) codecOf(row).write(writer, tagValue(name as TagName), value, {});
    return;
  }
  const start = writer.open(TAG.attribute);
  writeCustomName(writer, name);
  writeValue(writer, TAG.attributeValue, value as TtlvValue);
  writer.close(start);
}

function readVendorAttribute(reader: TtlvReader): CustomAttribute {
  const enclosing = reader.enter();
  const vendor = expectText(reader, TAG.vendorIdentification);
  const name = expectText(reader, TAG.attributeName);
  if (!reader.next() || reader.tag !== TAG.attributeValue) {
    throw new KmipError('InvalidMessage', `Vendor attribute ${vendor} ${name} lacks its Attribute Value.`);
  }
  const value = readValue(reader);
  expectEnd(reader);
  reader.leave(enclosing);
  return { name: customName(vendor, name), value };
}

/** Vendor Identification has no hyphen by its alphabet, so the first one separates vendor and name. */
function customName(vendor: string, name: string): `${string}-${string}` {
  if (!/^[A-Za-z0-9_.]{1,256}$/.test(vendor)) {
    throw new KmipError(
      'InvalidField',
      'A Vendor Identification is made of A-Z, a-z, 0-9, underscore and period.',
    );
  }
  return `${vendor}-${name}`;
}

function writeCustomName(writer: TtlvWriter, name: string): void {
  const hyphen = name.indexOf('-');
  writer.textString(TAG.vendorIdentification, name.slice(0, Math.max(hyphen, 0)));
  writer.textString(TAG.attributeName, name.slice(hyphen + 1));
}

function expectText(reader: TtlvReader, tag: number): string {
  if (!reader.next() || reader.tag !== tag) {
    throw new KmipError('InvalidMessage', `${tagText(tag)} is missing where it is needed.`);
  }
  return reader.textString();
}

function expectEnd(reader: TtlvReader): void {
  if (reader.next()) throw new KmipError('InvalidMessage', `${tagText(reader.tag)} is not expected here.`);
}
