import { hash } from 'node:crypto';

import {
  ANY_VERSION_RANK,
  KmipError,
  TtlvReader,
  TtlvWriter,
  attributeRow,
  managedObject,
  readValue,
  recycleMessage,
  tagName,
  tagValue,
  writeValue,
} from '../../wire/kmip/index.js';
import type { AttributeName, ManagedObjectValue, TagName, TtlvValue } from '../../wire/kmip/index.js';
import type { AttributeInstance, AttributeMap } from './managed-object.js';

/*
 * Values at rest: TTLV under the rank of all versions. An attribute is its value under its own tag, as in KMIP 2.x,
 * the instances of one name in their order. Custom ones, and instances whose index is not their place, are in the
 * attribute form of KMIP 1.x, standard ones of them under tag names. Own choice.
 */

const TAG = {
  attribute: tagValue('Attribute'),
  name: tagValue('AttributeName'),
  index: tagValue('AttributeIndex'),
  value: tagValue('AttributeValue'),
  attributes: tagValue('Attributes'),
} as const;

/** Attributes as bytes for the store. They hold no key material. */
export function encodeAttributes(attributes: AttributeMap): Buffer {
  const writer = new TtlvWriter(ANY_VERSION_RANK);
  const start = writer.open(TAG.attributes);
  attributes.forEach((instances, name) => writeInstances(writer, name, instances));
  writer.close(start);
  return writer.finish();
}

function writeInstances(writer: TtlvWriter, name: string, instances: readonly AttributeInstance[]): void {
  const row = attributeRow(name);
  let place = 0;
  for (const { index, value } of instances) {
    if (row && index === place) row.codec.write(writer, tagValue(name as AttributeName), value, {});
    else writeNamed(writer, name, index, value);
    place += 1;
  }
}

function writeNamed(writer: TtlvWriter, name: string, index: number, value: unknown): void {
  const start = writer.open(TAG.attribute);
  writer.textString(TAG.name, name);
  writer.integer(TAG.index, index);
  writeAttributeValue(writer, name, value);
  writer.close(start);
}

/**
 * What {@link encodeAttributes} wrote, or of it the instances of one name.
 *
 * @throws KmipError if the bytes are damaged
 */
export function decodeAttributes(bytes: Buffer, only?: string): AttributeMap {
  const reader = readerOf(bytes);
  const attributes = new Map<string, AttributeInstance[]>();
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === TAG.attribute) decodeNamed(reader, attributes, only);
    else decodeTagged(reader, attributes, only);
  }
  reader.leave(outer);
  return attributes;
}

function decodeTagged(
  reader: TtlvReader,
  attributes: Map<string, AttributeInstance[]>,
  only: string | undefined,
): void {
  const name = tagName(reader.tag);
  if (only !== undefined && name !== only) {
    reader.skip();
    return;
  }
  const row = name && attributeRow(name);
  if (!row) throw damaged();
  const index = attributes.get(name)?.length ?? 0;
  addInstance(attributes, name, { index, value: row.codec.read(reader, {}) });
}

function decodeNamed(
  reader: TtlvReader,
  attributes: Map<string, AttributeInstance[]>,
  only: string | undefined,
): void {
  const inner = reader.enter();
  step(reader, TAG.name);
  const name = reader.textString();
  if (only === undefined || name === only) {
    step(reader, TAG.index);
    const index = reader.integer();
    step(reader, TAG.value);
    const row = attributeRow(name);
    addInstance(attributes, name, { index, value: row ? row.codec.read(reader, {}) : readValue(reader) });
  }
  reader.leave(inner);
}

function addInstance(
  attributes: Map<string, AttributeInstance[]>,
  name: string,
  instance: AttributeInstance,
): void {
  const instances = attributes.get(name);
  if (instances) instances.push(instance);
  else attributes.set(name, [instance]);
}

/** An object as bytes for the store; they hold key material, so seal them and clear them after use. */
export function encodeObject(value: ManagedObjectValue): Buffer {
  const writer = new TtlvWriter(ANY_VERSION_RANK);
  // An Object Type is the tag of its objects.
  const tag: TagName = value.objectType;
  managedObject.write(writer, tagValue(tag), value, {});
  return writer.finish();
}

/** What {@link encodeObject} wrote; the result has views on `bytes`. @throws KmipError if the bytes are damaged */
export function decodeObject(bytes: Buffer): ManagedObjectValue {
  return managedObject.read(readerOf(bytes), {});
}

/** The bytes by which two values of an attribute are compared. */
export function comparableBytes(name: string, value: unknown): Buffer {
  const writer = new TtlvWriter(ANY_VERSION_RANK);
  writeAttributeValue(writer, name, value);
  return writer.finish();
}

/** A short digest of an attribute's name and value, by which the store finds objects. */
export function searchTerm(name: string, value: unknown): Buffer {
  if (typeof value !== 'string') return digestOf(name, name, value);
  const known = TERMS_OF_WORDS.get(name)?.get(value);
  if (known) return known;
  const term = digestOf(name, name, value);
  if (value.length <= WORD_LENGTH && name.length <= WORD_LENGTH) rememberTerm(name, value, term);
  return term;
}

/** A digest of 16 bytes of a Name and of whose it is: one object's only, until that is destroyed (KMIP 1.4 §3.2). */
export function ownedName(owner: string, name: unknown): Buffer {
  return digestOf(`Name of ${owner.length} ${owner}`, 'Name', name);
}

/** Terms of values that object after object has: object types, algorithms and the like; by name, then by value. */
const TERMS_OF_WORDS = new Map<string, Map<string, Buffer>>();
const WORDS_LIMIT = 4096;
const WORD_LENGTH = 64;
let wordsRemembered = 0;

function rememberTerm(name: string, word: string, term: Buffer): void {
  if (wordsRemembered === WORDS_LIMIT) return;
  wordsRemembered += 1;
  const ofName = TERMS_OF_WORDS.get(name);
  if (ofName) ofName.set(word, term);
  else TERMS_OF_WORDS.set(name, new Map([[word, term]]));
}

/** @param space what is digested besides, so that values of one space are told from those of another */
function digestOf(space: string, name: string, value: unknown): Buffer {
  const bytes = comparableBytes(name, value);
  const digest = hash('sha256', Buffer.concat([Buffer.from(`${space}\0`), bytes]), 'buffer').subarray(0, 16);
  recycleMessage(bytes);
  return digest;
}

/**
 * Attributes that most objects share, and those that the server alone deals with: their terms would find half the
 * store. And Digest, by which hardly anybody searches, while the place of its term in the index, a new page each time,
 * would cost every Create a tenth of its time.
 */
const NOT_INDEXED: ReadonlySet<string> = new Set([
  'Digest',
  'CryptographicUsageMask',
  'ProtectionStorageMask',
  'CryptographicLength',
  'CryptographicParameters',
  'LeaseTime',
  'UsageLimits',
  'Fresh',
  'KeyValuePresent',
  'RandomNumberGenerator',
  'Sensitive',
  'AlwaysSensitive',
  'Extractable',
  'NeverExtractable',
  'ProtectionLevel',
  'QuantumSafe',
]);

/**
 * Whether the store finds objects by a value of an attribute. Dates and masks are compared otherwise than for equality,
 * and a search by what most objects share has to look at them all anyway.
 */
export function isSearchTerm(name: string, value: unknown): boolean {
  if (name === 'OperationPolicyName') return value !== 'default';
  return !NOT_INDEXED.has(name) && !(name.endsWith('Date') && attributeRow(name) !== undefined);
}

function writeAttributeValue(writer: TtlvWriter, name: string, value: unknown): void {
  const row = attributeRow(name);
  if (row) row.codec.write(writer, TAG.value, value, {});
  else writeValue(writer, TAG.value, value as TtlvValue);
}

function readerOf(bytes: Buffer): TtlvReader {
  const reader = new TtlvReader(bytes);
  reader.rank = ANY_VERSION_RANK;
  if (!reader.next()) throw new KmipError('GeneralFailure', 'A stored object is empty.');
  return reader;
}

function step(reader: TtlvReader, tag: number): void {
  if (!reader.next() || reader.tag !== tag) throw damaged();
}

function damaged(): KmipError {
  return new KmipError('GeneralFailure', 'A stored object is damaged.');
}
