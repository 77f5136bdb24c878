import { zeroise } from '../../core/secret.js';
import type { EnumerationValue, KeyBlock, ManagedObjectValue, PlainKeyValue } from '../../wire/kmip/index.js';
import { KmipError, decodeKeyValue, encodeKeyValue } from '../../wire/kmip/index.js';

type EncodingOption = EnumerationValue<'EncodingOption'>;

/** Objects that have a Key Block. */
export type KeyedValue = Extract<ManagedObjectValue, { readonly keyBlock: KeyBlock }>;

/** Whether an object is wrapped: encrypted, or only given a MAC or a signature. */
export function isWrapped(value: ManagedObjectValue | undefined): value is KeyedValue {
  return value !== undefined && 'keyBlock' in value && value.keyBlock.keyWrappingData !== undefined;
}

/** The Key Value of a key that is not encrypted. @throws KmipError `KeyValueNotPresent` */
export function plainKeyValue({ keyValue }: KeyBlock): PlainKeyValue {
  if (keyValue !== undefined && !Buffer.isBuffer(keyValue)) return keyValue;
  throw new KmipError('KeyValueNotPresent', 'The server does not hold the key itself, only its attributes.');
}

/**
 * The bytes of a Key Value that are encrypted or authenticated (KMIP 1.4 §2.1.5). With No Encoding they are the Key
 * Material itself, a view; with TTLV Encoding a new buffer, to be cleared.
 *
 * @throws KmipError `EncodingOptionError`
 */
export function encodedKeyValue(
  format: EnumerationValue<'KeyFormatType'>,
  keyValue: PlainKeyValue,
  option: EncodingOption | undefined,
  rank: number,
): Buffer {
  if (option !== 'NoEncoding') {
    demandTtlv(option);
    return encodeKeyValue(format, keyValue, rank);
  }
  if (keyValue.attributes ?? keyValue.attributesStructure) {
    throw new KmipError(
      'EncodingOptionError',
      'With No Encoding no attributes are wrapped. Leave them out, or use TTLV Encoding.',
    );
  }
  if (Buffer.isBuffer(keyValue.keyMaterial)) return keyValue.keyMaterial;
  throw new KmipError(
    'EncodingOptionError',
    `A key in format ${format} is a structure, which No Encoding cannot wrap. Use TTLV Encoding.`,
  );
}

/** The Key Value of which {@link encodedKeyValue} made these bytes; a view on them. @throws KmipError */
export function decodedKeyValue(
  format: EnumerationValue<'KeyFormatType'>,
  bytes: Buffer,
  option: EncodingOption | undefined,
): PlainKeyValue {
  if (option === 'NoEncoding') return { keyMaterial: bytes };
  demandTtlv(option);
  try {
    return decodeKeyValue(format, bytes);
  } catch (error) {
    if (!(error instanceof KmipError)) throw error;
    throw new KmipError(
      'EncodingOptionError',
      'What was unwrapped is no TTLV-encoded Key Value. Was the key wrapped with No Encoding?',
    );
  }
}

/**
 * The wrapped bytes of a Key Block: its Key Value, or, as the OASIS test cases TC-WRAP-1-14 to -3-14 send them, the
 * Key Material in a Key Value structure.
 *
 * @throws KmipError `KeyValueNotPresent`, `InvalidField`
 */
export function wrappedBytes({ keyValue }: KeyBlock): Buffer {
  if (keyValue === undefined) {
    throw new KmipError(
      'KeyValueNotPresent',
      'The server does not hold the wrapped key, only its attributes.',
    );
  }
  const bytes = Buffer.isBuffer(keyValue) ? keyValue : keyValue.keyMaterial;
  if (Buffer.isBuffer(bytes)) return bytes;
  throw new KmipError('InvalidField', 'A wrapped key must be a byte string.');
}

/** An object wrapped anew, in the form in which the client registered it wrapped; see {@link wrappedBytes}. */
export function inFormOf(registered: ManagedObjectValue | undefined, wrapped: KeyedValue): KeyedValue {
  const { keyBlock } = wrapped;
  const inStructure =
    isWrapped(registered) &&
    !Buffer.isBuffer(registered.keyBlock.keyValue) &&
    keyBlock.keyWrappingData?.encodingOption === 'NoEncoding';
  if (!inStructure || !Buffer.isBuffer(keyBlock.keyValue)) return wrapped;
  return { ...wrapped, keyBlock: { ...keyBlock, keyValue: { keyMaterial: keyBlock.keyValue } } };
}

/** Clears the key bytes that unwrapping made; does nothing if the two are the same, or share their bytes. */
export function clearUnwrapped(stored: ManagedObjectValue, plain: ManagedObjectValue): void {
  if (plain === stored || !('keyBlock' in plain) || !('keyBlock' in stored)) return;
  const { keyValue } = plain.keyBlock;
  if (keyValue === undefined || Buffer.isBuffer(keyValue) || keyValue === stored.keyBlock.keyValue) return;
  const { keyMaterial } = keyValue;
  if (Buffer.isBuffer(keyMaterial)) zeroise(keyMaterial);
  else if (Buffer.isBuffer(keyMaterial.key)) zeroise(keyMaterial.key);
}

function demandTtlv(option: EncodingOption | undefined): void {
  if (option === undefined || option === 'TTLVEncoding') return;
  throw new KmipError('EncodingOptionError', `Encoding Option ${option} is none of the specification.`);
}
