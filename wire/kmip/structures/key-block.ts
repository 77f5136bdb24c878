import { attribute, attributeNameText, attributeReference, attributes } from '../attributes/attribute.js';
import { KmipError } from '../errors.js';
import type { Codec, ValueOf } from '../schema/codec.js';
import { anyValue, bigInteger, byteString, dependent, integer } from '../schema/codec.js';
import type { EnumerationValue } from '../schema/enumeration.js';
import { enumeration } from '../schema/enumeration.js';
import { multiple, optional, required, structure } from '../schema/structure.js';
import { tagValue } from '../tables/tag-names.js';
import { TtlvReader } from '../ttlv/reader.js';
import { ITEM_TYPES } from '../ttlv/types.js';
import { TtlvWriter } from '../ttlv/writer.js';
import { ANY_VERSION_RANK } from '../versions.js';
import { cryptographicParameters } from './base.js';
import { identifierReference } from './identifier.js';

/** KMIP 1.4 §2.1.5, Tables 10 and 11. */
export const keyInformation = structure('Key Information', {
  uniqueIdentifier: required('UniqueIdentifier', identifierReference),
  cryptographicParameters: optional('CryptographicParameters', cryptographicParameters),
});
/** {@link keyInformation}. */
export type KeyInformation = ValueOf<typeof keyInformation>;

/** KMIP 1.4 §2.1.5. */
export const keyWrappingData = structure('Key Wrapping Data', {
  wrappingMethod: required('WrappingMethod', enumeration('WrappingMethod')),
  encryptionKeyInformation: optional('EncryptionKeyInformation', keyInformation),
  macSignatureKeyInformation: optional('MACSignatureKeyInformation', keyInformation),
  macSignature: optional('MACSignature', byteString),
  ivCounterNonce: optional('IVCounterNonce', byteString),
  encodingOption: optional('EncodingOption', enumeration('EncodingOption'), { since: '1.1' }),
});
/** {@link keyWrappingData}. */
export type KeyWrappingData = ValueOf<typeof keyWrappingData>;

/** KMIP 1.4 §2.1.6. */
export const keyWrappingSpecification = structure('Key Wrapping Specification', {
  wrappingMethod: required('WrappingMethod', enumeration('WrappingMethod')),
  encryptionKeyInformation: optional('EncryptionKeyInformation', keyInformation),
  macSignatureKeyInformation: optional('MACSignatureKeyInformation', keyInformation),
  // KMIP 2.1 §7.18 still names attributes by text, where all else there uses references: both are taken.
  attributeNames: multiple('AttributeName', attributeNameText),
  attributeReferences: multiple('AttributeReference', attributeReference, { since: '2.0' }),
  encodingOption: optional('EncodingOption', enumeration('EncodingOption'), { since: '1.1' }),
});
/** A {@link keyWrappingSpecification}. */
export type KeyWrappingSpecification = ValueOf<typeof keyWrappingSpecification>;

const rsaPrivateKey = structure('Transparent RSA Private Key', {
  modulus: required('Modulus', bigInteger),
  privateExponent: optional('PrivateExponent', bigInteger),
  publicExponent: optional('PublicExponent', bigInteger),
  p: optional('P', bigInteger),
  q: optional('Q', bigInteger),
  primeExponentP: optional('PrimeExponentP', bigInteger),
  primeExponentQ: optional('PrimeExponentQ', bigInteger),
  crtCoefficient: optional('CRTCoefficient', bigInteger),
});
const dsaPrivateKey = structure('Transparent DSA Private Key', {
  p: required('P', bigInteger),
  q: required('Q', bigInteger),
  g: required('G', bigInteger),
  x: required('X', bigInteger),
});
const dsaPublicKey = structure('Transparent DSA Public Key', {
  p: required('P', bigInteger),
  q: required('Q', bigInteger),
  g: required('G', bigInteger),
  y: required('Y', bigInteger),
});
const dhPrivateKey = structure('Transparent DH Private Key', {
  p: required('P', bigInteger),
  q: optional('Q', bigInteger),
  g: required('G', bigInteger),
  j: optional('J', bigInteger),
  x: required('X', bigInteger),
});
const dhPublicKey = structure('Transparent DH Public Key', {
  p: required('P', bigInteger),
  q: optional('Q', bigInteger),
  g: required('G', bigInteger),
  j: optional('J', bigInteger),
  y: required('Y', bigInteger),
});
const ecPrivateKey = structure('Transparent EC Private Key', {
  recommendedCurve: required('RecommendedCurve', enumeration('RecommendedCurve')),
  d: required('D', bigInteger),
});
const ecPublicKey = structure('Transparent EC Public Key', {
  recommendedCurve: required('RecommendedCurve', enumeration('RecommendedCurve')),
  qString: required('QString', byteString),
});

/** Key Materials that are structures, by Key Format Type. KMIP 1.4 §2.1.7. */
export const TRANSPARENT_KEYS = {
  TransparentSymmetricKey: structure('Transparent Symmetric Key', { key: required('Key', byteString) }),
  TransparentDSAPrivateKey: dsaPrivateKey,
  TransparentDSAPublicKey: dsaPublicKey,
  TransparentRSAPrivateKey: rsaPrivateKey,
  TransparentRSAPublicKey: structure('Transparent RSA Public Key', {
    modulus: required('Modulus', bigInteger),
    publicExponent: required('PublicExponent', bigInteger),
  }),
  TransparentDHPrivateKey: dhPrivateKey,
  TransparentDHPublicKey: dhPublicKey,
  TransparentECDSAPrivateKey: ecPrivateKey,
  TransparentECDSAPublicKey: ecPublicKey,
  TransparentECDHPrivateKey: ecPrivateKey,
  TransparentECDHPublicKey: ecPublicKey,
  TransparentECMQVPrivateKey: ecPrivateKey,
  TransparentECMQVPublicKey: ecPublicKey,
  TransparentECPrivateKey: ecPrivateKey,
  TransparentECPublicKey: ecPublicKey,
} as const;

/** Key Material: bytes, or the structure of a transparent key. */
export type KeyMaterial = Buffer | Readonly<Record<string, unknown>>;

const MATERIAL_CODECS: Readonly<Record<string, Codec<unknown> | undefined>> = TRANSPARENT_KEYS;

/** One Key Value codec per transparent format, and one for bytes. */
const KEY_VALUES = new Map<unknown, ReturnType<typeof keyValueOf>>();

function keyValueOf(format: unknown) {
  const material = (MATERIAL_CODECS[String(format)] ?? materialBytes(format)) as Codec<KeyMaterial>;
  return structure('Key Value', {
    keyMaterial: required('KeyMaterial', material),
    attributes: multiple('Attribute', attribute, { since: '1.0', until: '1.4' }),
    attributesStructure: optional('Attributes', attributes, { since: '2.0' }),
  });
}

/** Formats of extensions may be structures of their own; all others are bytes. */
function materialBytes(format: unknown): Codec<unknown> {
  return typeof format === 'number' ? anyValue : byteString;
}

function keyValueFor(format: unknown): ReturnType<typeof keyValueOf> {
  const key = MATERIAL_CODECS[String(format)] ? format : typeof format;
  let codec = KEY_VALUES.get(key);
  if (!codec) {
    codec = keyValueOf(format);
    KEY_VALUES.set(key, codec);
  }
  return codec;
}

/** Key Value in plain text. KMIP 1.4 §2.1.4. */
export type PlainKeyValue = ValueOf<ReturnType<typeof keyValueOf>>;

/** A Key Value structure as TTLV, with its header: what is wrapped under TTLV Encoding (KMIP 1.4 §2.1.5). */
export function encodeKeyValue(
  format: EnumerationValue<'KeyFormatType'>,
  value: PlainKeyValue,
  rank: number,
): Buffer {
  const writer = new TtlvWriter(rank);
  keyValueFor(format).write(writer, tagValue('KeyValue'), value, {});
  return writer.finish();
}

/** What {@link encodeKeyValue} wrote, in any version; a view on `bytes`. @throws KmipError `InvalidMessage` */
export function decodeKeyValue(format: EnumerationValue<'KeyFormatType'>, bytes: Buffer): PlainKeyValue {
  const reader = new TtlvReader(bytes);
  reader.rank = ANY_VERSION_RANK;
  if (!reader.next() || reader.tag !== tagValue('KeyValue')) {
    throw new KmipError('InvalidMessage', 'The bytes are not a TTLV-encoded Key Value.');
  }
  const value = keyValueFor(format).read(reader, {});
  if (reader.next()) throw new KmipError('InvalidMessage', 'There are bytes after the Key Value.');
  return value;
}

/** A Byte String (wrapped) or a structure (plain). */
const keyValue: Codec<PlainKeyValue | Buffer> = dependent((siblings) => {
  const plain = keyValueFor(siblings.keyFormatType);
  return {
    read: (reader, outer) =>
      reader.type === ITEM_TYPES.ByteString ? reader.byteString() : plain.read(reader, outer),
    write: (writer, tag, value, outer) =>
      Buffer.isBuffer(value) ? writer.byteString(tag, value) : plain.write(writer, tag, value, outer),
  };
});

/** KMIP 1.4 §2.1.3. */
export const keyBlock = structure('Key Block', {
  keyFormatType: required('KeyFormatType', enumeration('KeyFormatType')),
  keyCompressionType: optional('KeyCompressionType', enumeration('KeyCompressionType')),
  keyValue: optional('KeyValue', keyValue),
  cryptographicAlgorithm: optional('CryptographicAlgorithm', enumeration('CryptographicAlgorithm')),
  cryptographicLength: optional('CryptographicLength', integer),
  keyWrappingData: optional('KeyWrappingData', keyWrappingData),
});
/** A {@link keyBlock}. */
export type KeyBlock = ValueOf<typeof keyBlock>;

/**
 * The bytes of a Key Block's key: Key Material of a byte format, or the key of a transparent symmetric key.
 *
 * @throws KmipError `KeyFormatTypeNotSupported` if the key is wrapped, absent or of another transparent format
 */
export function keyMaterialBytes(block: KeyBlock): Buffer {
  const value = block.keyValue;
  if (value !== undefined && !Buffer.isBuffer(value)) {
    const material = value.keyMaterial;
    if (Buffer.isBuffer(material)) return material;
    if (Buffer.isBuffer(material.key)) return material.key;
  }
  throw new KmipError(
    'KeyFormatTypeNotSupported',
    'The key is wrapped, absent or in a transparent format; it has no plain key bytes.',
  );
}

/**
 * The bytes that a Digest of a key is calculated on (KMIP 1.4 §3.17): Key Material bytes as they are, a structure
 * TTLV-encoded. Undefined if the key is wrapped or absent.
 */
export function digestInput(block: KeyBlock): Buffer | undefined {
  const value = block.keyValue;
  if (value === undefined || Buffer.isBuffer(value)) return undefined;
  if (Buffer.isBuffer(value.keyMaterial)) return value.keyMaterial;
  const codec = MATERIAL_CODECS[String(block.keyFormatType)];
  if (!codec) return undefined;
  const writer = new TtlvWriter(ANY_VERSION_RANK);
  codec.write(writer, tagValue('KeyMaterial'), value.keyMaterial, {});
  return writer.finish();
}
