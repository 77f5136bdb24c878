/*
 * As much of DER (X.690 §10) as keys and certificates need to be written. Bytes of keys stay in buffers that can be
 * cleared, where an ASN.1 library would make strings and objects of them.
 */

const BOOLEAN = 0x01;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
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

/** An encoding of contents under a tag byte. */
export function derElement(tag: number, ...contents: readonly Buffer[]): Buffer {
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
  return derElement(SEQUENCE, ...elements);
}

/** INTEGER of a number that is not negative. */
export function derInteger(value: bigint): Buffer {
  const magnitude = unsignedBytes(value);
  return derElement(
    INTEGER,
    (magnitude[0] ?? 0x80) >= 0x80 ? Buffer.concat([Buffer.alloc(1), magnitude]) : magnitude,
  );
}

/** OCTET STRING. */
export function derOctetString(bytes: Buffer): Buffer {
  return derElement(OCTET_STRING, bytes);
}

/** BIT STRING. @param unusedBits at the end of the last byte */
export function derBitString(bytes: Buffer, unusedBits = 0): Buffer {
  return derElement(BIT_STRING, Buffer.from([unusedBits]), bytes);
}

/** BOOLEAN. */
export function derBoolean(value: boolean): Buffer {
  return derElement(BOOLEAN, Buffer.from([value ? 0xff : 0]));
}

/** NULL. */
export function derNull(): Buffer {
  return derElement(NULL);
}

/** SET of encoded elements; their order is the caller's. */
export function derSet(...elements: readonly Buffer[]): Buffer {
  return derElement(SET, ...elements);
}

/** BMPString: UTF-16, big-endian. */
export function derBmpString(text: string): Buffer {
  return derElement(BMP_STRING, Buffer.from(text, 'utf16le').swap16());
}

/** UTF8String. */
export function derUtf8String(text: string): Buffer {
  return derElement(UTF8_STRING, Buffer.from(text, 'utf8'));
}

/** A time as certificates tell it, in whole seconds: UTCTime to 2049, then GeneralizedTime (RFC 5280 §4.1.2.5). */
export function derTime(time: Date): Buffer {
  const digits = `${time.toISOString().replace(/[-:T]|\..*/g, '')}Z`;
  const year = time.getUTCFullYear();
  const isShort = year >= 1950 && year < 2050;
  return derElement(
    isShort ? UTC_TIME : GENERALIZED_TIME,
    Buffer.from(isShort ? digits.slice(2) : digits, 'latin1'),
  );
}

/** `[number]` in the place of the own tag of a value that is primitive, for example an OCTET STRING. */
export function derContextPrimitive(number: number, bytes: Buffer): Buffer {
  return derElement(CONTEXT_PRIMITIVE | number, bytes);
}

/** `[number]` around an encoded element. */
export function derContext(number: number, element: Buffer): Buffer {
  return derElement(CONTEXT | number, element);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function derObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return derElement(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) {
    bytes.unshift(0x80 | (rest % 128));
  }
  return bytes;
}

/** Big-endian bytes of a number that is not negative, no more than needed, at least one. */
export function unsignedBytes(value: bigint): Buffer {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
}
