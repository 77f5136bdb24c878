import type { KeyObject } from 'node:crypto';
import { ECDH } from 'node:crypto';

import type {
  EnumerationValue,
  KeyBlock,
  KeyMaterial,
  ManagedObjectValue,
  NameIn,
} from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { CURVES, curveOf } from './curves.js';
import { derBitString, derSequence } from '../../wire/der/encode.js';
import { bigIntOf, derIntegerOf, derOctetStringOf, derRaw, derSequenceElements } from './der.js';
import { discreteLogNumber, domainOf, exported, publicBits } from './key-der.js';
import { keyFacts } from './key-facts.js';
import type { KeyFormatTypeName } from './key-object.js';
import { OCTET_KEYS, demandPlain, privateKeyOf, publicKeyOf } from './key-object.js';
import { rsaPrivateNumbers } from './rsa.js';

type KeyType = 'rsa' | 'dsa' | 'dh' | 'ec' | keyof typeof OCTET_KEYS;

/** How keys of some types are written in one Key Format Type. */
interface Writer {
  readonly types: readonly KeyType[];
  readonly write: (key: KeyObject, compression: PointForm | undefined) => KeyMaterial;
}

const OCTET_TYPES = Object.keys(OCTET_KEYS) as (keyof typeof OCTET_KEYS)[];
const ALL_TYPES = ['rsa', 'dsa', 'dh', 'ec', ...OCTET_TYPES] as const;

const EC_PRIVATE: Writer = {
  types: ['ec'],
  write: (key) => ({
    recommendedCurve: curveOf(key),
    d: bigIntOf(derOctetStringOf(derSequenceElements(exported(key, 'sec1'))[1])),
  }),
};
const EC_PUBLIC: Writer = {
  types: ['ec'],
  write: (key, form) => ({ recommendedCurve: curveOf(key), qString: pointOf(key, form) }),
};

/** Formats of private keys. KMIP 1.4 §2.1.7. */
const PRIVATE_WRITERS: Partial<Record<KeyFormatTypeName, Writer>> = {
  PKCS_1: { types: ['rsa'], write: (key) => exported(key, 'pkcs1') },
  PKCS_8: { types: ALL_TYPES, write: (key) => exported(key, 'pkcs8') },
  ECPrivateKey: { types: ['ec'], write: (key) => exported(key, 'sec1') },
  Raw: {
    types: OCTET_TYPES,
    write: (key) => {
      const [, , privateKey] = derSequenceElements(exported(key, 'pkcs8'));
      const [inner] = derSequenceElements(derSequence(derOctetStringOf(privateKey)));
      return Buffer.from(derOctetStringOf(inner));
    },
  },
  TransparentRSAPrivateKey: {
    types: ['rsa'],
    write: (key) => ({ ...rsaPrivateNumbers(exported(key, 'pkcs1')) }),
  },
  TransparentDSAPrivateKey: {
    types: ['dsa'],
    write: (key) => ({ ...domainOf(key, ['p', 'q', 'g']), x: discreteLogNumber(key) }),
  },
  TransparentDHPrivateKey: {
    types: ['dh'],
    write: (key) => ({ ...domainOf(key, ['p', 'g']), x: discreteLogNumber(key) }),
  },
  TransparentECPrivateKey: EC_PRIVATE,
  TransparentECDSAPrivateKey: EC_PRIVATE,
  TransparentECDHPrivateKey: EC_PRIVATE,
  TransparentECMQVPrivateKey: EC_PRIVATE,
};

/** Formats of public keys. */
const PUBLIC_WRITERS: Partial<Record<KeyFormatTypeName, Writer>> = {
  PKCS_1: { types: ['rsa'], write: (key) => exported(key, 'pkcs1') },
  X_509: { types: ALL_TYPES, write: spkiOf },
  Raw: { types: OCTET_TYPES, write: (key) => Buffer.from(publicBits(key)) },
  TransparentRSAPublicKey: {
    types: ['rsa'],
    write: (key) => {
      const [modulus, publicExponent] = derSequenceElements(exported(key, 'pkcs1')).map(derIntegerOf);
      return { modulus, publicExponent };
    },
  },
  TransparentDSAPublicKey: {
    types: ['dsa'],
    write: (key) => ({ ...domainOf(key, ['p', 'q', 'g']), y: discreteLogNumber(key) }),
  },
  TransparentDHPublicKey: {
    types: ['dh'],
    write: (key) => ({ ...domainOf(key, ['p', 'g']), y: discreteLogNumber(key) }),
  },
  TransparentECPublicKey: EC_PUBLIC,
  TransparentECDSAPublicKey: EC_PUBLIC,
  TransparentECDHPublicKey: EC_PUBLIC,
  TransparentECMQVPublicKey: EC_PUBLIC,
};

/** Forms of a point on a curve; those of prime and of binary fields are compressed alike in X9.62. */
type PointForm = 'uncompressed' | 'compressed' | 'hybrid';

const POINT_FORMS: Readonly<Record<NameIn<'KeyCompressionType'>, PointForm>> = {
  ECPublicKeyTypeUncompressed: 'uncompressed',
  ECPublicKeyTypeX9_62CompressedPrime: 'compressed',
  ECPublicKeyTypeX9_62CompressedChar2: 'compressed',
  ECPublicKeyTypeX9_62Hybrid: 'hybrid',
};

/** Key Format Types in which public keys hold their point and may be compressed. */
const WITH_POINT: ReadonlySet<unknown> = new Set<KeyFormatTypeName>([
  'X_509',
  'TransparentECPublicKey',
  'TransparentECDSAPublicKey',
  'TransparentECDHPublicKey',
  'TransparentECMQVPublicKey',
]);

/** What a Key Block says beside the key. */
export interface KeyBlockDetails {
  /** As its object has it; what the key itself is if absent. */
  readonly cryptographicAlgorithm?: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  /** Form of an EC public key's point; uncompressed if absent. */
  readonly keyCompressionType?: EnumerationValue<'KeyCompressionType'> | undefined;
}

/**
 * The Key Block (not wrapped) of a key pair's half in a Key Format Type.
 *
 * @throws KmipError `KeyFormatTypeNotSupported`, `KeyCompressionTypeNotSupported`
 */
export function keyBlockOf(
  key: KeyObject,
  format: EnumerationValue<'KeyFormatType'>,
  details: KeyBlockDetails = {},
): KeyBlock {
  const { keyCompressionType } = details;
  const { algorithm, lengthBits } = keyFacts(key);
  const writers = key.type === 'private' ? PRIVATE_WRITERS : PUBLIC_WRITERS;
  const writer = typeof format === 'string' ? writers[format] : undefined;
  if (!writer || !(writer.types as readonly unknown[]).includes(key.asymmetricKeyType)) {
    throw new KmipError(
      'KeyFormatTypeNotSupported',
      `A ${algorithm} ${key.type} key has no form as ${format}. Leave Key Format Type out, or ask for ${formatsOf(key).join(', ')}.`,
    );
  }
  const keyMaterial = writer.write(key, pointForm(key, format, keyCompressionType));
  return {
    keyFormatType: format,
    keyCompressionType,
    keyValue: { keyMaterial },
    cryptographicAlgorithm: details.cryptographicAlgorithm ?? algorithm,
    cryptographicLength: lengthBits,
  };
}

/**
 * The object in another Key Format Type, or with its point in another form. What is asked for as it is stored comes
 * as it is stored.
 *
 * @param format as stored if undefined
 * @throws KmipError `KeyFormatTypeNotSupported`, `KeyCompressionTypeNotSupported`, and what reading the key throws
 */
export function inFormat(
  value: ManagedObjectValue,
  format: EnumerationValue<'KeyFormatType'> | undefined,
  keyCompressionType?: EnumerationValue<'KeyCompressionType'>,
): ManagedObjectValue {
  if (keyCompressionType === undefined && (format === undefined || format === storedFormatOf(value)))
    return value;
  if (!('keyBlock' in value)) throw unsupported(value, format);
  const { keyBlock } = value;
  const wanted = format ?? keyBlock.keyFormatType;
  const stored = demandPlain(keyBlock);
  switch (value.objectType) {
    case 'PrivateKey':
      return {
        ...value,
        keyBlock: { ...keyBlock, ...converted(privateKeyOf(value), wanted, keyBlock, keyCompressionType) },
      };
    case 'PublicKey':
      return {
        ...value,
        keyBlock: { ...keyBlock, ...converted(publicKeyOf(value), wanted, keyBlock, keyCompressionType) },
      };
    case 'SymmetricKey':
      if (keyCompressionType === undefined) {
        return { ...value, keyBlock: { ...keyBlock, ...symmetric(stored, wanted, value) } };
      }
      throw new KmipError(
        'KeyCompressionTypeNotSupported',
        'Only EC public keys are compressed. Leave it out.',
      );
    default:
      throw unsupported(value, format);
  }
}

function storedFormatOf(value: ManagedObjectValue): EnumerationValue<'KeyFormatType'> | undefined {
  if ('keyBlock' in value) return value.keyBlock.keyFormatType;
  if (value.objectType === 'Certificate' && value.certificateType === 'X_509') return 'X_509';
  if (value.objectType === 'CertificateRequest' && value.certificateRequestType === 'PKCS_10')
    return 'PKCS_10';
  return value.objectType === 'OpaqueObject' ? 'Opaque' : undefined;
}

/** The fields of a Key Block that change with the format; algorithm and length stay as the client gave them. */
function converted(
  key: KeyObject,
  format: EnumerationValue<'KeyFormatType'>,
  stored: KeyBlock,
  keyCompressionType: EnumerationValue<'KeyCompressionType'> | undefined,
): Partial<KeyBlock> {
  const block = keyBlockOf(key, format, { keyCompressionType });
  const attributes = stored.keyValue === undefined || Buffer.isBuffer(stored.keyValue) ? {} : stored.keyValue;
  return {
    ...block,
    keyValue: {
      ...attributes,
      keyMaterial: (block.keyValue as { readonly keyMaterial: KeyMaterial }).keyMaterial,
    },
    cryptographicAlgorithm: stored.cryptographicAlgorithm,
    cryptographicLength: stored.cryptographicLength,
  };
}

function symmetric(
  stored: KeyMaterial,
  format: EnumerationValue<'KeyFormatType'>,
  value: ManagedObjectValue & { readonly keyBlock: KeyBlock },
): Partial<KeyBlock> {
  const bytes = Buffer.isBuffer(stored) ? stored : stored.key;
  const attributes = Buffer.isBuffer(value.keyBlock.keyValue) ? {} : value.keyBlock.keyValue;
  if (Buffer.isBuffer(bytes)) {
    if (format === 'Raw') return { keyFormatType: format, keyValue: { ...attributes, keyMaterial: bytes } };
    if (format === 'TransparentSymmetricKey') {
      return { keyFormatType: format, keyValue: { ...attributes, keyMaterial: { key: bytes } } };
    }
  }
  throw unsupported(value, format);
}

function formatsOf(key: KeyObject): string[] {
  const writers = key.type === 'private' ? PRIVATE_WRITERS : PUBLIC_WRITERS;
  return Object.entries(writers)
    .filter(([, writer]) => (writer.types as readonly unknown[]).includes(key.asymmetricKeyType))
    .map(([format]) => format);
}

function pointForm(
  key: KeyObject,
  format: EnumerationValue<'KeyFormatType'>,
  compression: EnumerationValue<'KeyCompressionType'> | undefined,
): PointForm | undefined {
  if (compression === undefined) return undefined;
  const fits = key.type === 'public' && key.asymmetricKeyType === 'ec' && WITH_POINT.has(format);
  const binary = fits && /^(?:sect|c2)/.test(CURVES[curveOf(key)].openssl);
  const otherField = binary ? 'ECPublicKeyTypeX9_62CompressedPrime' : 'ECPublicKeyTypeX9_62CompressedChar2';
  if (!fits || typeof compression !== 'string' || compression === otherField) {
    throw new KmipError(
      'KeyCompressionTypeNotSupported',
      'Only EC public keys in X_509 and Transparent formats are compressed, in the way of their own field.',
    );
  }
  return POINT_FORMS[compression];
}

/** A public key that came with a compressed point is exported with one again, so the form is always set. */
function pointOf(key: KeyObject, form: PointForm = 'uncompressed'): Buffer {
  return ECDH.convertKey(publicBits(key), CURVES[curveOf(key)].openssl, undefined, undefined, form) as Buffer;
}

function spkiOf(key: KeyObject, form: PointForm | undefined): Buffer {
  const spki = exported(key, 'spki');
  if (key.asymmetricKeyType !== 'ec') return spki;
  const [algorithm] = derSequenceElements(spki);
  return algorithm ? derSequence(derRaw(algorithm), derBitString(pointOf(key, form))) : spki;
}

function unsupported(
  value: ManagedObjectValue,
  format: EnumerationValue<'KeyFormatType'> | undefined,
): KmipError {
  return new KmipError(
    'KeyFormatTypeNotSupported',
    `This ${value.objectType} is not available as ${format ?? 'a compressed key'}. Leave Key Format Type out to get it as it is stored.`,
  );
}
