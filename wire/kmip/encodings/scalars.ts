import { KmipError } from '../errors.js';
import { tagText } from '../tables/tag-names.js';
import type { TtlvValue } from '../ttlv/tree.js';
import { LARGEST_DATE_TIME, MAX_BIG_INTEGER_BYTES } from '../ttlv/types.js';
import type { ItemTypeName } from '../ttlv/types.js';
import type { MaskBits } from './vocabulary.js';
import { maskBitsOf, vocabularyOf } from './vocabulary.js';

/* Values as the XML and JSON encodings write them as text. KMIP Profiles, JSON encoding and XML encoding. */

/** The types whose values are text in these encodings. */
export type ScalarTypeName = Exclude<ItemTypeName, 'Structure'>;

/** A value that is no structure. */
export type Scalar = Exclude<TtlvValue, { readonly type: 'Structure' }>;

const INT32 = { minimum: -(2n ** 31n), maximum: 2n ** 31n - 1n };
const UINT32 = { minimum: 0n, maximum: 2n ** 32n - 1n };
const INT64 = { minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n };

const DECIMAL = /^[+-]?[0-9]{1,20}$/;
const HEX_DIGITS = /^(?:[0-9a-fA-F]{2})*$/;
const HEX_NUMBER = /^0x[0-9a-fA-F]{1,16}$/;
const DATE = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(?:Z|([+-])(\d{2}):(\d{2}))?$/;
/** Longest name that an error repeats. */
const SHOWN_NAME = 64;

/**
 * Reads a value from text.
 *
 * @param meaning the tag whose enumeration or mask gives names their values, see `meaningOf`
 * @throws KmipError `InvalidMessage`; only names are repeated in it, never values
 */
export function scalarFromText(type: ScalarTypeName, text: string, tag: number, meaning: number): Scalar {
  switch (type) {
    case 'Integer':
      return { type, value: integerFromText(text, tag, meaning) };
    case 'LongInteger':
      return { type, value: numberFromText(type, text, tag, INT64) };
    case 'BigInteger':
      return { type, value: bigIntegerFromText(text, tag) };
    case 'Enumeration':
      return { type, value: enumerationFromText(text, tag, meaning) };
    case 'Boolean':
      return { type, value: booleanFromText(text, tag) };
    case 'TextString':
      if (/\p{Surrogate}/u.test(text)) throw malformed(type, tag, 'half a surrogate pair is no character');
      return { type, value: text };
    case 'ByteString':
      if (!HEX_DIGITS.test(text)) throw malformed(type, tag, 'write pairs of hexadecimal digits');
      return { type, value: Buffer.from(text, 'hex') };
    case 'DateTime':
      return { type, value: secondsFromText(text, tag) };
    case 'Interval':
      return { type, value: Number(numberFromText(type, text, tag, UINT32)) };
    case 'DateTimeExtended':
      return { type, value: microsecondsFromText(type, text, tag) };
  }
}

/** A mask as names of its bits, and the rest as a hexadecimal number; undefined if the tag is no mask. */
export function maskText(value: number, meaning: number, separator: ' ' | '|'): string | undefined {
  const bits = maskBitsOf(meaning);
  if (!bits || value === 0) return undefined;
  const named = Object.entries(bits).filter(([, bit]) => (value & bit) !== 0);
  const rest = named.reduce((left, [, bit]) => left & ~bit, value);
  return [...named.map(([name]) => name), ...(rest === 0 ? [] : [hexNumber(rest, 4)])].join(separator);
}

/** The name of an enumeration's value, or the value as a hexadecimal number. */
export function enumerationText(value: number, meaning: number): string {
  return vocabularyOf(meaning)?.nameOf(value) ?? hexNumber(value, 4);
}

/** A Date-Time in seconds: ISO 8601, or a hexadecimal number for years that have more than four digits. */
export function dateTimeText(seconds: number): string {
  const iso = isoSeconds(seconds);
  const exact = seconds === LARGEST_DATE_TIME ? INT64.maximum : seconds;
  return iso === undefined ? hexNumber(exact, 8) : `${iso}+00:00`;
}

/** A Date-Time Extended in microseconds, likewise. */
export function dateTimeExtendedText(microseconds: bigint): string {
  const fraction = BigInt.asUintN(64, ((microseconds % MICRO) + MICRO) % MICRO);
  const iso = isoSeconds(Number((microseconds - fraction) / MICRO));
  return iso === undefined ? hexNumber(microseconds, 8) : `${iso}.${String(fraction).padStart(6, '0')}+00:00`;
}

/** A Big Integer's digits: two's complement in a multiple of eight bytes. */
export function bigIntegerDigits(value: bigint): string {
  const magnitude = value < 0n ? -value - 1n : value;
  const digits = Math.floor(magnitude.toString(2).length / 64) * 16 + 16;
  return BigInt.asUintN(digits * 4, value)
    .toString(16)
    .padStart(digits, '0');
}

/** `0x` and a two's complement of that many bytes. */
export function hexNumber(value: number | bigint, bytes: number): string {
  return `0x${BigInt.asUintN(bytes * 8, BigInt(value))
    .toString(16)
    .padStart(bytes * 2, '0')}`;
}

/** An error about a value that is not what its type demands. */
export function malformed(type: string, tag: number, remedy: string): KmipError {
  return new KmipError('InvalidMessage', `${tagText(tag)} is not a value of type ${type}: ${remedy}.`);
}

const MICRO = 1_000_000n;

function integerFromText(text: string, tag: number, meaning: number): number {
  if (DECIMAL.test(text) || HEX_NUMBER.test(text)) return Number(numberFromText('Integer', text, tag, INT32));
  const bits = maskBitsOf(meaning);
  if (!bits) throw malformed('Integer', tag, 'write a decimal number, or a hexadecimal one after 0x');
  // XML separates names by spaces, JSON by bars.
  return text
    .split(/[\s|]+/)
    .filter((part) => part !== '')
    .reduce((mask, part) => mask | bitFromText(part, bits, tag), 0);
}

function bitFromText(part: string, bits: MaskBits, tag: number): number {
  if (HEX_NUMBER.test(part)) return Number(numberFromText('Integer', part, tag, INT32));
  const bit = Object.hasOwn(bits, part) ? bits[part] : undefined;
  if (bit === undefined) throw unknownName(part, tag, 'a bit');
  return bit;
}

function enumerationFromText(text: string, tag: number, meaning: number): number {
  if (DECIMAL.test(text) || HEX_NUMBER.test(text))
    return Number(numberFromText('Enumeration', text, tag, UINT32));
  const value = vocabularyOf(meaning)?.valueOf(text);
  if (value === undefined) throw unknownName(text, tag, 'a value');
  return value;
}

function unknownName(name: string, tag: number, what: string): KmipError {
  const shown = name.length > SHOWN_NAME ? `${name.slice(0, SHOWN_NAME)}…` : name;
  return new KmipError('InvalidMessage', `${shown} is not the name of ${what} of ${tagText(tag)}.`);
}

/** A decimal number, or a hexadecimal two's complement of the range's own width. */
function numberFromText(
  type: ScalarTypeName,
  text: string,
  tag: number,
  range: { readonly minimum: bigint; readonly maximum: bigint },
): bigint {
  if (!DECIMAL.test(text) && !HEX_NUMBER.test(text))
    throw malformed(type, tag, 'write a decimal number, or a hexadecimal one after 0x');
  let value = BigInt(text.startsWith('+') ? text.slice(1) : text);
  const modulus = range.maximum - range.minimum + 1n;
  if (text.startsWith('0x') && value > range.maximum && value < modulus) value -= modulus;
  if (value < range.minimum || value > range.maximum)
    throw malformed(type, tag, 'the number is out of range');
  return value;
}

function bigIntegerFromText(text: string, tag: number): bigint {
  const digits = text.startsWith('0x') ? text.slice(2) : text;
  if (digits === '' || !HEX_DIGITS.test(digits) || digits.length > MAX_BIG_INTEGER_BYTES * 2) {
    throw malformed(
      'BigInteger',
      tag,
      'write pairs of hexadecimal digits, at most two for each of 4096 bytes',
    );
  }
  return BigInt.asIntN(digits.length * 4, BigInt(`0x${digits}`));
}

function booleanFromText(text: string, tag: number): boolean {
  if (text === 'true' || text === '1' || /^0x0{15}1$/.test(text)) return true;
  if (text === 'false' || text === '0' || /^0x0{16}$/.test(text)) return false;
  throw malformed('Boolean', tag, 'write true or false');
}

/** Fractions of a second have no place in a Date-Time and are dropped. */
function secondsFromText(text: string, tag: number): number {
  if (HEX_NUMBER.test(text)) {
    const exact = numberFromText('DateTime', text, tag, INT64);
    if (exact === INT64.maximum) return LARGEST_DATE_TIME;
    const seconds = Number(exact);
    if (!Number.isSafeInteger(seconds)) throw malformed('DateTime', tag, 'it is beyond 2^53 seconds');
    return seconds;
  }
  return dateFromText('DateTime', text, tag).seconds;
}

function microsecondsFromText(type: ScalarTypeName, text: string, tag: number): bigint {
  if (HEX_NUMBER.test(text)) return numberFromText(type, text, tag, INT64);
  const { seconds, fraction } = dateFromText(type, text, tag);
  return BigInt(seconds) * MICRO + BigInt(fraction.padEnd(6, '0').slice(0, 6));
}

/** ISO 8601 as xsd:dateTime has it; without a zone it is UTC. */
function dateFromText(
  type: ScalarTypeName,
  text: string,
  tag: number,
): { readonly seconds: number; readonly fraction: string } {
  const [, local = '', fraction = '', sign, hours = '0', minutes = '0'] = DATE.exec(text) ?? [];
  const seconds = Date.parse(`${local}Z`) / 1000;
  // Date.parse takes 30 February for 1 March.
  if (Number.isNaN(seconds) || isoSeconds(seconds) !== local || Number(hours) > 14 || Number(minutes) > 59) {
    throw malformed(type, tag, 'write a date as 2026-01-31T23:59:59+00:00');
  }
  const offset = (Number(hours) * 60 + Number(minutes)) * 60;
  return { seconds: sign === '-' ? seconds + offset : seconds - offset, fraction };
}

/** `YYYY-MM-DDThh:mm:ss` in UTC; undefined outside the years 0000 to 9999. */
function isoSeconds(seconds: number): string | undefined {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return undefined;
  const iso = date.toISOString();
  return /^\d{4}-/.test(iso) ? iso.slice(0, 19) : undefined;
}
