import { KmipError } from '../errors.js';
import { tagText } from '../tables/tag-names.js';
import type { TtlvItem } from '../ttlv/tree.js';
import type { ItemTypeName } from '../ttlv/types.js';
import { ITEM_TYPES, MAX_DEPTH } from '../ttlv/types.js';
import { repeatedMember } from './json-members.js';
import type { Scalar, ScalarTypeName } from './scalars.js';
import {
  bigIntegerDigits,
  dateTimeExtendedText,
  dateTimeText,
  enumerationText,
  hexNumber,
  malformed,
  maskText,
  scalarFromText,
} from './scalars.js';
import { meaningOf, tagFromText } from './vocabulary.js';

/*
 * KMIP Profiles, JSON encoding: one object an item, with `tag` (a name, or `0x` and six digits), `type` (Structure if
 * absent) and `value`.
 */

/** Numbers from here on are written as hexadecimal strings, as a JSON number may not hold them exactly. */
const EXACT_BELOW = 2n ** 52n;

/** Objects and arrays that are open at once: an item and the array of its items on every level. */
const MAX_JSON_DEPTH = 2 * (MAX_DEPTH + 1);

/** Members of an item; `name` is a comment for readers of the JSON. */
const MEMBERS: ReadonlySet<string> = new Set(['tag', 'type', 'value', 'name']);

const TOO_DEEP = `Malformed JSON: items are nested more than ${MAX_DEPTH} deep.`;

/** What JSON has instead of text for a type of value. */
const NUMERIC: ReadonlySet<ItemTypeName> = new Set<ItemTypeName>([
  'Integer',
  'LongInteger',
  'Enumeration',
  'Interval',
]);

interface JsonItem {
  readonly tag: string;
  readonly type?: ItemTypeName;
  readonly value: string | number | boolean | readonly JsonItem[];
}

/** Decodes JSON that holds exactly one item. @throws KmipError `InvalidMessage` */
export function decodeJson(text: string): TtlvItem {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    // The parser's own message would repeat what was sent.
    throw new KmipError('InvalidMessage', 'Malformed JSON: the message cannot be parsed.', { cause: error });
  }
  const item = itemOf(parsed, [], 0);
  demandDistinctMembers(text);
  return item;
}

/** Of two members of one name the parser keeps the last, and says nothing; a reader before it may have kept the first. */
function demandDistinctMembers(text: string): void {
  const problem = repeatedMember(text, MAX_JSON_DEPTH);
  if (!problem) return;
  throw new KmipError(
    'InvalidMessage',
    problem.kind === 'repeated'
      ? 'Malformed JSON: an item has two members of one name. Give each once.'
      : TOO_DEEP,
  );
}

/** Encodes one item. */
export function encodeJson(item: TtlvItem): string {
  return JSON.stringify(jsonOf(item, item.tag));
}

function itemOf(json: unknown, before: readonly TtlvItem[], depth: number): TtlvItem {
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    throw new KmipError('InvalidMessage', 'Malformed JSON: an item is an object with tag, type and value.');
  if (depth > MAX_DEPTH) throw new KmipError('InvalidMessage', TOO_DEEP);
  const members = json as Readonly<Record<string, unknown>>;
  if (Object.keys(members).some((member) => !MEMBERS.has(member)))
    throw new KmipError('InvalidMessage', 'Malformed JSON: an item has tag, type, value and nothing else.');
  const tag = typeof members.tag === 'string' ? tagFromText(members.tag) : undefined;
  if (tag === undefined)
    throw new KmipError(
      'InvalidMessage',
      'Malformed JSON: a tag is its name, or 0x and six hexadecimal digits.',
    );
  const type = 'type' in members ? members.type : 'Structure';
  if (!isItemType(type))
    throw new KmipError('InvalidMessage', `${tagText(tag)} has a type that does not exist.`);
  if (type !== 'Structure') return { ...scalarOf(type, members.value, tag, meaningOf(tag, before)), tag };
  if (!Array.isArray(members.value))
    throw new KmipError(
      'InvalidMessage',
      `${tagText(tag)} is a Structure, whose value is an array of items.`,
    );
  const items: TtlvItem[] = [];
  for (const inner of members.value) items.push(itemOf(inner, items, depth + 1));
  return { tag, type, value: items };
}

function isItemType(type: unknown): type is ItemTypeName {
  return typeof type === 'string' && Object.hasOwn(ITEM_TYPES, type);
}

function scalarOf(type: ScalarTypeName, value: unknown, tag: number, meaning: number): Scalar {
  if (typeof value === 'string') return scalarFromText(type, hexDigitsOf(type, value, tag), tag, meaning);
  if (typeof value === 'boolean' && type === 'Boolean') return { type, value };
  if (typeof value !== 'number' || !NUMERIC.has(type)) throw malformed(type, tag, 'write a string');
  if (!Number.isSafeInteger(value)) {
    throw malformed(type, tag, 'write a whole number, as a hexadecimal string if it is beyond 2^53');
  }
  return scalarFromText(type, String(value), tag, meaning);
}

/** Big Integers need their `0x` in JSON. */
function hexDigitsOf(type: ScalarTypeName, text: string, tag: number): string {
  if (type === 'BigInteger' && !text.startsWith('0x'))
    throw malformed(type, tag, 'write 0x and hexadecimal digits');
  return text;
}

function jsonOf(item: TtlvItem, meaning: number): JsonItem {
  const tag = tagText(item.tag);
  if (item.type !== 'Structure') return { tag, type: item.type, value: valueOf(item, meaning) };
  const value = item.value.map((inner, index) => jsonOf(inner, meaningOf(inner.tag, item.value, index)));
  return { tag, value };
}

function valueOf(scalar: Scalar, meaning: number): string | number | boolean {
  switch (scalar.type) {
    case 'Integer':
      return maskText(scalar.value, meaning, '|') ?? scalar.value;
    case 'LongInteger':
      return scalar.value < EXACT_BELOW && scalar.value > -EXACT_BELOW
        ? Number(scalar.value)
        : hexNumber(scalar.value, 8);
    case 'BigInteger':
      return `0x${bigIntegerDigits(scalar.value)}`;
    case 'Enumeration':
      return enumerationText(scalar.value, meaning);
    case 'ByteString':
      return scalar.value.toString('hex');
    case 'DateTime':
      return dateTimeText(scalar.value);
    case 'DateTimeExtended':
      return dateTimeExtendedText(scalar.value);
    case 'Boolean':
    case 'TextString':
    case 'Interval':
      return scalar.value;
  }
}
