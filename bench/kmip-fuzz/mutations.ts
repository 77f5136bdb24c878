import type { EncodingName, TtlvItem, TtlvValue } from '../../wire/kmip/index.js';
import { ITEM_TYPES, encodeTree, tagValue } from '../../wire/kmip/index.js';
import { encodeJson } from '../../wire/kmip/encodings/json.js';
import { encodeXml } from '../../wire/kmip/encodings/xml.js';
import type { Dice } from './dice.js';

/** A message as it is to be sent. */
export interface DamagedMessage {
  readonly encoding: EncodingName;
  readonly bytes: Buffer;
}

/** What damage is made from. */
export interface Material {
  readonly seeds: readonly TtlvItem[];
  /** Identifiers of objects that there are, so that requests come past the search for their object. */
  readonly identifiers: readonly string[];
}

const UNIQUE_IDENTIFIER = tagValue('UniqueIdentifier');
const ENCODINGS = ['ttlv', 'ttlv', 'xml', 'json'] as const satisfies EncodingName[];

const INTEGERS = [0, 1, -1, 2, 7, 8, 255, 256, 65_537, 0x7fffffff, -0x80000000] as const;
const LONG_INTEGERS = [0n, 1n, -1n, 2n ** 31n, 2n ** 53n, 2n ** 63n - 1n, -(2n ** 63n)] as const;
const BIG_INTEGERS = [0n, 1n, -1n, 2n, 2n ** 64n, -(2n ** 64n), 2n ** 2047n + 1n, 2n ** 8000n] as const;
const UNSIGNED = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x20, 0xff, 0x420094, 0x80000001, 0xffffffff] as const;
const DATES = [
  0,
  -1,
  1,
  2 ** 31,
  253_402_300_800,
  8.64e12,
  8.64e12 + 1,
  2 ** 53 - 1,
  -(2 ** 53) + 1,
] as const;
/** Texts that mean something to one parser or another. */
export const TEXTS = [
  '',
  ' ',
  '0',
  '-1',
  '\0',
  '__proto__',
  'constructor',
  'x-',
  'x-__proto__',
  'y-1',
  '$UNIQUE_IDENTIFIER_0',
  '2.999',
  'C=',
  'CN=a,CN=b',
  '\u{1f600}\u202e',
  '../../etc/passwd',
  "' OR 1=1 --",
  '%s%n',
  'a'.repeat(10_000),
  `${'-'.repeat(3000)}!`,
  ' '.repeat(5000),
] as const;

/** Damages one of the seeds: its tree, its bytes, both, or now and then neither. */
export function damaged(dice: Dice, material: Material): DamagedMessage {
  const seed = dice.pick(material.seeds);
  if (!seed) throw new RangeError('There are no seeds.');
  let tree = withIdentifiers(seed, dice, material.identifiers);
  for (let left = dice.below(3); left > 0; left -= 1) tree = withDamage(tree, dice, material);
  const encoding = dice.pick(ENCODINGS);
  const bytes = encodedAs(encoding, tree);
  const rounds = dice.oneIn(5) ? 1 + dice.below(3) : 0;
  return {
    encoding,
    bytes: encoding === 'ttlv' ? withBytesChanged(bytes, rounds, dice) : withTextChanged(bytes, rounds, dice),
  };
}

function encodedAs(encoding: EncodingName, tree: TtlvItem): Buffer {
  if (encoding === 'json') return Buffer.from(encodeJson(tree));
  if (encoding === 'ttlv') return encodeTree(tree);
  try {
    return Buffer.from(encodeXml(tree));
  } catch {
    // There are texts that XML cannot hold.
    return Buffer.from('<RequestMessage/>');
  }
}

function withIdentifiers(item: TtlvItem, dice: Dice, identifiers: readonly string[]): TtlvItem {
  if (item.type === 'Structure') {
    return { ...item, value: item.value.map((inner) => withIdentifiers(inner, dice, identifiers)) };
  }
  if (item.type !== 'TextString' || item.tag !== UNIQUE_IDENTIFIER || dice.oneIn(8)) return item;
  return { ...item, value: dice.pick(identifiers) ?? item.value };
}

/** Changes one item somewhere in the tree. */
function withDamage(item: TtlvItem, dice: Dice, material: Material): TtlvItem {
  if (item.type !== 'Structure' || item.value.length === 0) return itemDamaged(item, dice, material);
  const at = dice.oneIn(6) ? dice.below(item.value.length) : largestOf(item.value, dice);
  const inner = item.value[at];
  if (!inner) return item;
  if (inner.type === 'Structure' && !dice.oneIn(6)) {
    return { ...item, value: item.value.with(at, withDamage(inner, dice, material)) };
  }
  return { ...item, value: siblingsDamaged(item.value, at, inner, dice, material) };
}

/** Index of an item, the likelier the more it holds: otherwise half of the damage would be done to headers. */
function largestOf(items: readonly TtlvItem[], dice: Dice): number {
  let left = dice.below(items.reduce((sum, item) => sum + leavesOf(item), 0));
  return items.findIndex((item) => (left -= leavesOf(item)) < 0);
}

function leavesOf(item: TtlvItem): number {
  if (item.type !== 'Structure') return 1;
  return item.value.reduce((sum, inner) => sum + leavesOf(inner), 1);
}

function siblingsDamaged(
  items: readonly TtlvItem[],
  at: number,
  one: TtlvItem,
  dice: Dice,
  material: Material,
): readonly TtlvItem[] {
  switch (dice.below(14)) {
    case 0:
      return items.toSpliced(at, 1);
    case 1:
      return items.toSpliced(at, 0, one);
    case 2:
      return items.toSpliced(at, 0, ...Array.from({ length: 1 + dice.below(300) }, () => one));
    case 3:
      return items.toSpliced(at, 1).toSpliced(dice.below(items.length), 0, one);
    case 4:
      return items.toSpliced(at, 0, pieceOf(dice.pick(material.seeds) ?? one, dice));
    case 5:
      return items.with(at, nested(one, 1 + dice.below(200)));
    default:
      return items.with(at, itemDamaged(one, dice, material));
  }
}

/** Some part of a message. */
function pieceOf(item: TtlvItem, dice: Dice): TtlvItem {
  if (item.type !== 'Structure' || dice.oneIn(4)) return item;
  const inner = dice.pick(item.value);
  return inner ? pieceOf(inner, dice) : item;
}

function nested(item: TtlvItem, depth: number): TtlvItem {
  let outer = item;
  for (let level = 0; level < depth; level += 1) outer = { tag: item.tag, type: 'Structure', value: [outer] };
  return outer;
}

function itemDamaged(item: TtlvItem, dice: Dice, material: Material): TtlvItem {
  switch (dice.below(16)) {
    case 0:
      return { ...item, tag: pieceOf(dice.pick(material.seeds) ?? item, dice).tag };
    case 1:
      return {
        ...valueOfType(dice.pick(Object.keys(ITEM_TYPES) as TtlvValue['type'][]) ?? item.type, dice),
        tag: item.tag,
      };
    default:
      return { ...valueOfType(item.type, dice), tag: item.tag };
  }
}

/** A value at the edge of its type, or of no sense. */
function valueOfType(type: TtlvValue['type'], dice: Dice): TtlvValue {
  switch (type) {
    case 'Structure':
      return { type, value: [] };
    case 'Integer':
      return { type, value: dice.oneIn(3) ? dice.word() | 0 : dice.pick(INTEGERS) };
    case 'LongInteger':
    case 'DateTimeExtended':
      return { type, value: dice.pick(LONG_INTEGERS) };
    case 'BigInteger':
      return { type, value: dice.pick(BIG_INTEGERS) };
    case 'Enumeration':
      return { type, value: dice.oneIn(3) ? dice.below(64) : dice.pick(UNSIGNED) };
    case 'Interval':
      return { type, value: dice.pick(UNSIGNED) };
    case 'Boolean':
      return { type, value: dice.oneIn(2) };
    case 'TextString':
      return { type, value: dice.pick(TEXTS) };
    case 'ByteString':
      return { type, value: dice.bytes(dice.pick([0, 1, 7, 8, 16, 24, 32, 33, 256, 5000])) };
    case 'DateTime':
      return { type, value: dice.pick(DATES) };
  }
}

function withBytesChanged(message: Buffer, rounds: number, dice: Dice): Buffer {
  let bytes = message;
  for (let left = rounds; left > 0; left -= 1) bytes = bytesDamaged(bytes, dice);
  // Most keep their frame, as the rest of a connection cannot be used after a broken one.
  if ((rounds === 0 || !dice.oneIn(6)) && bytes.length >= 8) {
    bytes = Buffer.concat([bytes, Buffer.alloc(-bytes.length & 7)]);
    bytes.writeUInt32BE(0x42007801, 0);
    bytes.writeUInt32BE(bytes.length - 8, 4);
  }
  return bytes;
}

export function bytesDamaged(message: Buffer, dice: Dice): Buffer {
  const bytes = Buffer.from(message);
  const at = dice.below(bytes.length);
  const upTo = at + dice.below(Math.min(64, bytes.length - at));
  // Items begin at multiples of eight: tag, type, length.
  const item = at & ~7;
  switch (dice.below(9)) {
    case 0:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8));
      return bytes;
    case 1:
      if (at < bytes.length) bytes[at] = dice.below(256);
      return bytes;
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, upTo), bytes.subarray(at)]);
    case 4:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(upTo)]);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), dice.bytes(dice.below(24)), bytes.subarray(at)]);
    case 6:
      if (item + 8 <= bytes.length)
        bytes.writeUInt32BE(lengthLie(bytes.readUInt32BE(item + 4), dice), item + 4);
      return bytes;
    case 7:
      if (item + 4 <= bytes.length) bytes[item + 3] = dice.below(14);
      return bytes;
    default:
      return Buffer.concat([bytes, dice.bytes(dice.below(24))]);
  }
}

function lengthLie(length: number, dice: Dice): number {
  const lie = dice.pick([
    length - 8,
    length - 1,
    length + 1,
    length + 8,
    0,
    4,
    0x7fffffff,
    0xffffffff,
    0xfffffff8,
  ]);
  return lie >>> 0;
}

const TOKENS = [
  '<',
  '>',
  '/>',
  '</RequestMessage>',
  '<!DOCTYPE a [<!ENTITY b "c">]>',
  '<!ENTITY b SYSTEM "file:///etc/passwd">',
  '&b;',
  '&#0;',
  '&#xd800;',
  ']]>',
  '<![CDATA[x]]>',
  '<!--',
  '<?xml version="1.0"?>',
  '"',
  '\\u0000',
  '\\ud800',
  '{',
  '}',
  '[',
  ']',
  ',',
  'null',
  '1e999',
  '-0',
  '9'.repeat(400),
  '"__proto__":',
  '"value":{}',
  '0x',
  'f'.repeat(9000),
  '['.repeat(20_000),
  '<TTLV tag="0x420001">'.repeat(500),
] as const;

function withTextChanged(message: Buffer, rounds: number, dice: Dice): Buffer {
  let bytes = message;
  for (let left = rounds; left > 0; left -= 1) {
    const at = dice.below(bytes.length);
    const token = Buffer.from(dice.pick(TOKENS));
    bytes = dice.oneIn(2)
      ? bytesDamaged(bytes, dice)
      : Buffer.concat([bytes.subarray(0, at), token, bytes.subarray(at)]);
  }
  return bytes;
}
