import { DER_TAG } from './tags.js';

/*
 * As much of DER (X.690 §10) as keys and certificates need to be written. Bytes of keys stay in buffers that can be
 * cleared, where an ASN.1 library would make strings and objects of them.
 */

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
  return derElement(DER_TAG.sequence, ...elements);
}

/** INTEGER of a number that is not negative. */
export function derInteger(value: bigint): Buffer {
  const magnitude = unsignedBytes(value);
  return derElement(
    DER_TAG.integer,
    (magnitude[0] ?? 0x80) >= 0x80 ? Buffer.concat([Buffer.alloc(1), magnitude]) : magnitude,
  );
}

/** OCTET STRING. */
export function derOctetString(bytes: Buffer): Buffer {
  return derElement(DER_TAG.octetString, bytes);
}

/** BIT STRING. @param unusedBits at the end of the last byte */
export function derBitString(bytes: Buffer, unusedBits = 0): Buffer {
  return derElement(DER_TAG.bitString, Buffer.from([unusedBits]), bytes);
}

/** BOOLEAN. */
export function derBoolean(value: boolean): Buffer {
  return derElement(DER_TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

/** NULL. */
export function derNull(): Buffer {
  return derElement(DER_TAG.null);
}

/** SET of encoded elements; their order is the caller's. */
export function derSet(...elements: readonly Buffer[]): Buffer {
  return derElement(DER_TAG.set, ...elements);
}

/** BMPString: UTF-16, big-endian. */
export function derBmpString(text: string): Buffer {
  return derElement(DER_TAG.bmpString, Buffer.from(text, 'utf16le').swap16());
}

/** UTF8String. */
export function derUtf8String(text: string): Buffer {
  return derElement(DER_TAG.utf8String, Buffer.from(text, 'utf8'));
}

/** A time as certificates tell it, in whole seconds: UTCTime to 2049, then GeneralizedTime (RFC 5280 §4.1.2.5). */
export function derTime(time: Date): Buffer {
  const digits = `${time.toISOString().replace(/[-:T]|\..*/g, '')}Z`;
  const year = time.getUTCFullYear();
  const isShort = year >= 1950 && year < 2050;
  return derElement(
    isShort ? DER_TAG.utcTime : DER_TAG.generalizedTime,
    Buffer.from(isShort ? digits.slice(2) : digits, 'latin1'),
  );
}

/** `[number]` in the place of the own tag of a value that is primitive, for example an OCTET STRING. */
export function derContextPrimitive(number: number, bytes: Buffer): Buffer {
  return derElement(DER_TAG.contextPrimitive | number, bytes);
}

/** `[number]` around an encoded element. */
export function derContext(number: number, element: Buffer): Buffer {
  return derElement(DER_TAG.context | number, element);
}

/** OBJECT IDENTIFIER from its dotted form. */
export function derObjectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return derElement(DER_TAG.objectIdentifier, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
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
