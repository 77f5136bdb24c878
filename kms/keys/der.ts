import type { DerValue } from '../../wire/der/decode.js';
import { dottedIdentifier, readDer } from '../../wire/der/decode.js';
import { derElement } from '../../wire/der/encode.js';
import { DER_TAG } from '../../wire/der/tags.js';
import { KmipError } from '../../wire/kmip/index.js';

/*
 * As much of DER (X.690 §10) as keys need to be read. Their bytes stay in buffers that can be cleared, where an ASN.1
 * library would make strings and objects of them.
 */

/** Longest identifier that is looked at, in bytes. */
const OBJECT_IDENTIFIER_LIMIT = 32;

/** The values that stand one after the other in `bytes`. @throws KmipError `InvalidField` if that is not DER */
export function derValues(bytes: Buffer): DerValue[] {
  const values = readDer(bytes);
  if (!values) throw notDer();
  return values;
}

/** The elements of an only SEQUENCE. @throws KmipError `InvalidField` */
export function derSequenceElements(bytes: Buffer): DerValue[] {
  const [only, ...more] = derValues(bytes);
  if (only?.tag !== DER_TAG.sequence || more.length > 0) throw notDer();
  return derValues(only.content);
}

/** The number that an INTEGER holds. @throws KmipError `InvalidField` if the value is missing or no INTEGER */
export function derIntegerOf(value: DerValue | undefined): bigint {
  if (value?.tag !== DER_TAG.integer || value.content.length === 0) throw notDer();
  return bigIntOf(value.content);
}

/** The dotted form of an OBJECT IDENTIFIER. @throws KmipError `InvalidField` */
export function derObjectIdentifierOf(value: DerValue | undefined): string {
  if (value?.tag !== DER_TAG.objectIdentifier || value.content.length > OBJECT_IDENTIFIER_LIMIT)
    throw notDer();
  return dottedIdentifier(value.content);
}

/** The bytes of an OCTET STRING. @throws KmipError `InvalidField` */
export function derOctetStringOf(value: DerValue | undefined): Buffer {
  if (value?.tag !== DER_TAG.octetString) throw notDer();
  return value.content;
}

/** What `[number]` is around. @throws KmipError `InvalidField` */
export function derContextOf(value: DerValue | undefined, number: number): DerValue {
  const [inner] = value?.tag === (DER_TAG.context | number) ? derValues(value.content) : [];
  if (!inner) throw notDer();
  return inner;
}

/** The bytes of a BIT STRING of whole bytes. @throws KmipError `InvalidField` */
export function derBitStringOf(value: DerValue | undefined): Buffer {
  if (value?.tag !== DER_TAG.bitString || value.content[0] !== 0) throw notDer();
  return value.content.subarray(1);
}

/** A value that was read, encoded again. */
export function derRaw({ tag, content }: DerValue): Buffer {
  return derElement(tag, content);
}

/** The number of big-endian unsigned bytes. */
export function bigIntOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

function notDer(): KmipError {
  return new KmipError(
    'InvalidField',
    'The Key Material is not the DER structure that its Key Format Type asks for.',
  );
}
