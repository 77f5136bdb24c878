import { KmipError } from '../../wire/kmip/index.js';

/*
 * As much of DER (X.690 §10) as keys need. Key bytes stay in buffers that can be cleared, where an ASN.1 library
 * would make strings and objects of them.
 */

const SEQUENCE = 0x30;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const CONTEXT = 0xa0;
const CONTEXT_PRIMITIVE = 0x80;
const NULL = 0x05;
const SET = 0x31;
const BMP_STRING = 0x1e;

/** Longest identifier that is looked at, in bytes. */
const OBJECT_IDENTIFIER_LIMIT = 32;

/** One DER value: its tag byte and its content, a view on the input. */
export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
}

/** An encoding of contents under a tag byte. */
function encode(tag: number, ...contents: readonly Buffer[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(length)]), ...contents]);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** SEQUENCE of encoded elements. */
export function derSequence(...elements: readonly Buffer[]): Buffer {
  return encode(SEQUENCE, ...elements);
}

/** INTEGER of a number that is not negative. */
export function derInteger(value: bigint): Buffer {
  const magnitude = unsignedBytes(value);
  return encode(
    INTEGER,
    (magnitude[0] ?? 0x80) >= 0x80 ? Buffer.concat([Buffer.alloc(1), magnitude]) : magnitude,
  );
}

/** OCTET STRING. */
export function derOctetString(bytes: Buffer): Buffer {
  return encode(OCTET_STRING, bytes);
}

/** BIT STRING of whole bytes. */
export function derBitString(bytes: Buffer): Buffer {
  return encode(BIT_STRING, Buffer.alloc(1), bytes);
}

/** NULL. */
export function derNull(): Buffer {
  return encode(NULL);
}

/** SET of encoded elements; their order is the caller's. */
export function derSet(...elements: readonly Buffer[]): Buffer {
  return encode(SET, ...elements);
}

/** BMPString: UTF-16, big-endian. */
export function derBmpString(text: string): Buffer {
  return encode(BMP_STRING, Buffer.from(text, 'utf16le').swap16());
}

/** `[number]` in the place of an OCTET STRING's own tag. */
export function derImplicitOctetString(number: number, bytes: Buffer): Buffer {
  return encode(CONTEXT_PRIMITIVE | number, bytes);
}

/** `[number]` around an encoded element. */
export function derContext(number: number, element: Buffer): Buffer {
  return encode(CONTEXT | number, element);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function derObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return encode(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return bytes;
}

/** The values that stand one after the other in `bytes`. @throws KmipError `InvalidField` if that is not DER */
export function derValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length;) {
    const tag = bytes[at];
    const { length, start } = readLength(bytes, at + 1);
    const end = start + length;
    if (tag === undefined || end > bytes.length) throw notDer();
    values.push({ tag, content: bytes.subarray(start, end) });
    at = end;
  }
  return values;
}

/** The elements of an only SEQUENCE. @throws KmipError `InvalidField` */
export function derSequenceElements(bytes: Buffer): DerValue[] {
  const [only, ...more] = derValues(bytes);
  if (only?.tag !== SEQUENCE || more.length > 0) throw notDer();
  return derValues(only.content);
}

/** The number that an INTEGER holds. @throws KmipError `InvalidField` if the value is missing or no INTEGER */
export function derIntegerOf(value: DerValue | undefined): bigint {
  if (value?.tag !== INTEGER || value.content.length === 0) throw notDer();
  return bigIntOf(value.content);
}

/** The dotted form of an OBJECT IDENTIFIER. @throws KmipError `InvalidField` */
export function derObjectIdentifierOf(value: DerValue | undefined): string {
  if (value?.tag !== OBJECT_IDENTIFIER || value.content.length > OBJECT_IDENTIFIER_LIMIT) throw notDer();
  const arcs: number[] = [];
  let arc = 0;
  for (const byte of value.content) {
    arc = arc * 128 + (byte & 0x7f);
    if (byte >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [first = 0, ...rest] = arcs;
  const root = Math.min(Math.floor(first / 40), 2);
  return [root, first - root * 40, ...rest].join('.');
}

/** The bytes of an OCTET STRING. @throws KmipError `InvalidField` */
export function derOctetStringOf(value: DerValue | undefined): Buffer {
  if (value?.tag !== OCTET_STRING) throw notDer();
  return value.content;
}

/** What `[number]` is around. @throws KmipError `InvalidField` */
export function derContextOf(value: DerValue | undefined, number: number): DerValue {
  const [inner] = value?.tag === (CONTEXT | number) ? derValues(value.content) : [];
  if (!inner) throw notDer();
  return inner;
}

/** The bytes of a BIT STRING of whole bytes. @throws KmipError `InvalidField` */
export function derBitStringOf(value: DerValue | undefined): Buffer {
  if (value?.tag !== BIT_STRING || value.content[0] !== 0) throw notDer();
  return value.content.subarray(1);
}

/** A value that was read, encoded again. */
export function derRaw({ tag, content }: DerValue): Buffer {
  return encode(tag, content);
}

/** Big-endian bytes of a number that is not negative, no more than needed, at least one. */
export function unsignedBytes(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}

/** The number of big-endian unsigned bytes. */
export function bigIntOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

function readLength(bytes: Buffer, at: number): { readonly length: number; readonly start: number } {
  const first = bytes[at];
  if (first === undefined) throw notDer();
  if (first < 0x80) return { length: first, start: at + 1 };
  const count = first & 0x7f;
  if (count === 0 || count > 4 || at + 1 + count > bytes.length) throw notDer();
  return { length: bytes.readUIntBE(at + 1, count), start: at + 1 + count };
}

function notDer(): KmipError {
  return new KmipError(
    'InvalidField',
    'The Key Material is not the DER structure that its Key Format Type asks for.',
  );
}
