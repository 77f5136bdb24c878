import type { KeyObject } from 'node:crypto';
import { X509Certificate, createECDH, createPrivateKey, createPublicKey } from 'node:crypto';

import type { KeyBlock, KeyMaterial, ManagedObjectValue, NameIn } from '../../wire/kmip/index.js';
import { KmipError, keyMaterialBytes } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import { curveOf, curveRow } from './curves.js';
import {
  derBitString,
  derContext,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  unsignedBytes,
} from '../../wire/der/encode.js';
import { derRaw, derSequenceElements } from './der.js';
import type { TransparentRsaPrivateKey } from './rsa.js';
import { RSA_BITS_LIMIT, completeRsaPrivateKey, rsaPrivateKeyDer } from './rsa.js';

/** Name of a Key Format Type. */
export type KeyFormatTypeName = NameIn<'KeyFormatType'>;

/** Object identifiers of key types (RFC 3279 §2.3, RFC 5480 §2.1.1). */
const OID = {
  dsa: '1.2.840.10040.4.1',
  dh: '1.2.840.113549.1.3.1',
  ec: '1.2.840.10045.2.1',
} as const;

type Numbers = Readonly<Record<string, bigint>>;
type Reader = (material: never, block: KeyBlock) => KeyObject;

/** How private keys are read, by Key Format Type. KMIP 1.4 §2.1.7. */
const PRIVATE_READERS: Partial<Record<KeyFormatTypeName, Reader>> = {
  PKCS_1: (der: Buffer) => createPrivateKey({ key: der, format: 'der', type: 'pkcs1' }),
  PKCS_8: (der: Buffer) => createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }),
  ECPrivateKey: (der: Buffer) => createPrivateKey({ key: der, format: 'der', type: 'sec1' }),
  Raw: rawPrivateKey,
  TransparentRSAPrivateKey: (key: TransparentRsaPrivateKey) =>
    createPrivateKey({ key: rsaPrivateKeyDer(completeRsaPrivateKey(key)), format: 'der', type: 'pkcs1' }),
  TransparentDSAPrivateKey: ({ p, q, g, x }: Numbers) => discreteLogPrivateKey(OID.dsa, [p, q, g], x),
  TransparentDHPrivateKey: ({ p, g, x }: Numbers) => discreteLogPrivateKey(OID.dh, [p, g], x),
  TransparentECPrivateKey: ecPrivateKey,
  TransparentECDSAPrivateKey: ecPrivateKey,
  TransparentECDHPrivateKey: ecPrivateKey,
  TransparentECMQVPrivateKey: ecPrivateKey,
};

/** How public keys are read, by Key Format Type. */
const PUBLIC_READERS: Partial<Record<KeyFormatTypeName, Reader>> = {
  PKCS_1: (der: Buffer) => createPublicKey({ key: der, format: 'der', type: 'pkcs1' }),
  // A public key in "an X.509 object" is a SubjectPublicKeyInfo; some clients call that PKCS#8.
  PKCS_8: spkiPublicKey,
  X_509: spkiPublicKey,
  Raw: rawPublicKey,
  TransparentRSAPublicKey: ({ modulus, publicExponent }: Numbers) =>
    createPublicKey({
      key: derSequence(...integers([modulus, publicExponent])),
      format: 'der',
      type: 'pkcs1',
    }),
  TransparentDSAPublicKey: ({ p, q, g, y }: Numbers) => discreteLogPublicKey(OID.dsa, [p, q, g], y),
  TransparentDHPublicKey: ({ p, g, y }: Numbers) => discreteLogPublicKey(OID.dh, [p, g], y),
  TransparentECPublicKey: ecPublicKey,
  TransparentECDSAPublicKey: ecPublicKey,
  TransparentECDHPublicKey: ecPublicKey,
  TransparentECMQVPublicKey: ecPublicKey,
};

/** Keys of objects in use, so that the same object is not parsed anew for each operation. */
const PRIVATE_KEYS = new WeakMap<ManagedObjectValue, KeyObject>();
const PUBLIC_KEYS = new WeakMap<ManagedObjectValue, KeyObject>();

/**
 * A private key as Node has it, of any Key Format Type but encrypted and opaque ones.
 *
 * @throws KmipError `InvalidField` if the bytes are no such key, `KeyFormatTypeNotSupported`, `KeyValueNotPresent`,
 *   Refusal `wrongObjectType` for another kind of object
 */
export function privateKeyOf(value: ManagedObjectValue): KeyObject {
  return remembered(PRIVATE_KEYS, value, () => {
    if (value.objectType !== 'PrivateKey') throw wrongKind(value, 'a Private Key');
    return read(PRIVATE_READERS, value.keyBlock, 'Private Key');
  });
}

/**
 * A public key: of a Public Key object, of a Private Key's public half, of an X.509 certificate, of a PKCS#10 request.
 *
 * @throws KmipError as {@link privateKeyOf}
 */
export function publicKeyOf(value: ManagedObjectValue): KeyObject {
  return remembered(PUBLIC_KEYS, value, () => {
    switch (value.objectType) {
      case 'PublicKey':
        return read(PUBLIC_READERS, value.keyBlock, 'Public Key');
      case 'PrivateKey':
        return checked('Private Key', () => createPublicKey(privateKeyOf(value)));
      case 'Certificate':
        return checked('Certificate', () => new X509Certificate(value.certificateValue).publicKey);
      case 'CertificateRequest':
        return checked('Certificate Request', () => requestPublicKey(value.certificateRequestValue));
      default:
        throw wrongKind(value, 'a Public Key, a Private Key or a Certificate');
    }
  });
}

/**
 * The bytes of a symmetric key or of secret data, Raw or transparent; a view, do not clear.
 *
 * @throws KmipError Refusal `wrongObjectType` for another kind of object, `KeyValueNotPresent`, `KeyFormatTypeNotSupported`
 *   if it is wrapped
 */
export function secretBytesOf(value: ManagedObjectValue): Buffer {
  if (value.objectType !== 'SymmetricKey' && value.objectType !== 'SecretData') {
    throw wrongKind(value, 'a Symmetric Key or Secret Data');
  }
  demandPlain(value.keyBlock);
  return keyMaterialBytes(value.keyBlock);
}

/** The Key Material of a Key Block that is neither absent nor wrapped. @throws KmipError */
export function demandPlain(block: KeyBlock): KeyMaterial {
  const { keyValue, keyWrappingData } = block;
  if (keyValue === undefined) {
    throw new KmipError(
      'KeyValueNotPresent',
      'The server does not hold the key itself, only its attributes.',
    );
  }
  if (Buffer.isBuffer(keyValue) || keyWrappingData !== undefined) {
    throw new KmipError('KeyFormatTypeNotSupported', 'The key is stored wrapped; it cannot be used here.');
  }
  return keyValue.keyMaterial;
}

/** Runs what reads foreign key bytes: whatever the library says about them becomes a plain refusal. @throws KmipError */
export function checked<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmipError) throw error;
    throw new KmipError(
      'InvalidField',
      `The ${what} cannot be read; check that the bytes are what its type says.`,
    );
  }
}

function remembered(
  keys: WeakMap<ManagedObjectValue, KeyObject>,
  value: ManagedObjectValue,
  make: () => KeyObject,
): KeyObject {
  const known = keys.get(value);
  if (known) return known;
  const key = make();
  demandReasonable(key);
  keys.set(value, key);
  return key;
}

function read(readers: Partial<Record<KeyFormatTypeName, Reader>>, block: KeyBlock, what: string): KeyObject {
  const format = block.keyFormatType;
  const reader = typeof format === 'string' ? readers[format] : undefined;
  if (!reader) {
    throw new KmipError('KeyFormatTypeNotSupported', `A ${what} in format ${format} is kept, but not used.`);
  }
  const material = demandPlain(block);
  return checked(`${what} in format ${format}`, () => reader(material as never, block));
}

/** Keys on which one operation takes seconds, or of a curve given by its equation, are refused. */
function demandReasonable(key: KeyObject): void {
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits > RSA_BITS_LIMIT) {
    throw new KmipError(
      'InvalidField',
      `Keys of ${bits} bits are too long for this server; use ${RSA_BITS_LIMIT} or less.`,
    );
  }
  if (key.asymmetricKeyType === 'ec') curveOf(key);
}

function spkiPublicKey(der: Buffer): KeyObject {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' });
  } catch {
    // A whole certificate is an X.509 object too.
    return new X509Certificate(der).publicKey;
  }
}

function requestPublicKey(request: Buffer): KeyObject {
  const [info] = derSequenceElements(derOf(request));
  const [, , spki] = info ? derSequenceElements(derRaw(info)) : [];
  return createPublicKey({ key: spki ? derRaw(spki) : Buffer.alloc(0), format: 'der', type: 'spki' });
}

/** The first block of a PEM text (RFC 7468). */
const PEM_BLOCK = /-----BEGIN ([^-]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/;

/** DER of bytes that are DER or PEM. */
export function derOf(bytes: Buffer): Buffer {
  if (bytes[0] !== 0x2d) return bytes;
  const base64 = PEM_BLOCK.exec(bytes.toString('latin1'))?.[2];
  return base64 === undefined ? bytes : Buffer.from(base64, 'base64');
}

function ecPrivateKey(material: {
  readonly recommendedCurve: NameIn<'RecommendedCurve'> | number;
  readonly d: bigint;
}): KeyObject {
  const { openssl, oid } = curveRow(material.recommendedCurve);
  const d = unsignedBytes(material.d);
  const agreement = createECDH(openssl);
  // This, unlike the parser below, checks that d is within the curve's order.
  agreement.setPrivateKey(d);
  const der = derSequence(
    derInteger(1n),
    derOctetString(d),
    derContext(0, derObjectIdentifier(oid)),
    derContext(1, derBitString(agreement.getPublicKey())),
  );
  return createPrivateKey({ key: der, format: 'der', type: 'sec1' });
}

function ecPublicKey(material: {
  readonly recommendedCurve: NameIn<'RecommendedCurve'> | number;
  readonly qString: Buffer;
}): KeyObject {
  const { oid } = curveRow(material.recommendedCurve);
  const algorithm = derSequence(derObjectIdentifier(OID.ec), derObjectIdentifier(oid));
  // OpenSSL takes compressed, uncompressed and hybrid points alike and checks that they are on the curve.
  const der = derSequence(algorithm, derBitString(material.qString));
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

function discreteLogPrivateKey(
  oid: string,
  domain: readonly (bigint | undefined)[],
  x: bigint | undefined,
): KeyObject {
  const algorithm = derSequence(derObjectIdentifier(oid), derSequence(...integers(domain)));
  const [key = Buffer.alloc(0)] = integers([x]);
  const der = derSequence(derInteger(0n), algorithm, derOctetString(key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function discreteLogPublicKey(
  oid: string,
  domain: readonly (bigint | undefined)[],
  y: bigint | undefined,
): KeyObject {
  const algorithm = derSequence(derObjectIdentifier(oid), derSequence(...integers(domain)));
  const [key = Buffer.alloc(0)] = integers([y]);
  return createPublicKey({ key: derSequence(algorithm, derBitString(key)), format: 'der', type: 'spki' });
}

/** Numbers of a key, none of which is negative or longer than keys are. */
function integers(numbers: readonly (bigint | undefined)[]): Buffer[] {
  return numbers.map((number) => {
    if (number === undefined || number <= 0n || number >> BigInt(RSA_BITS_LIMIT) > 0n) {
      throw new KmipError(
        'InvalidField',
        `The numbers of a key are positive and of ${RSA_BITS_LIMIT} bits at most.`,
      );
    }
    return derInteger(number);
  });
}

/** Curves whose keys are plain strings of bytes (RFC 8410), by what tells them apart: algorithm and length. */
export const OCTET_KEYS = {
  ed25519: { oid: '1.3.101.112', bytes: 32, bits: 256 },
  ed448: { oid: '1.3.101.113', bytes: 57, bits: 456 },
  x25519: { oid: '1.3.101.110', bytes: 32, bits: 256 },
  x448: { oid: '1.3.101.111', bytes: 56, bits: 448 },
} as const satisfies Record<string, { readonly oid: string; readonly bytes: number; readonly bits: number }>;

function octetKeyRow(block: KeyBlock, length: number): (typeof OCTET_KEYS)[keyof typeof OCTET_KEYS] {
  const algorithm = block.cryptographicAlgorithm;
  const rows = Object.entries(OCTET_KEYS).filter(
    ([type, row]) => row.bytes === length && type.startsWith('ed') === String(algorithm).startsWith('Ed'),
  );
  const [found] = rows;
  if (found) return found[1];
  throw new KmipError(
    'KeyFormatTypeNotSupported',
    `The Raw bytes of ${algorithm ?? 'a key'} are not those of a key that is known here. Use PKCS_8, X_509 or a Transparent format.`,
  );
}

function rawPrivateKey(bytes: Buffer, block: KeyBlock): KeyObject {
  const algorithm = derSequence(derObjectIdentifier(octetKeyRow(block, bytes.length).oid));
  const der = derSequence(derInteger(0n), algorithm, derOctetString(derOctetString(bytes)));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function rawPublicKey(bytes: Buffer, block: KeyBlock): KeyObject {
  const algorithm = derSequence(derObjectIdentifier(octetKeyRow(block, bytes.length).oid));
  return createPublicKey({ key: derSequence(algorithm, derBitString(bytes)), format: 'der', type: 'spki' });
}

function wrongKind(value: ManagedObjectValue, needed: string): Refusal {
  return new Refusal('wrongObjectType', `The object is a ${value.objectType}; this needs ${needed}.`);
}

/** Whether two keys of a pair's halves, or of a certificate, are the same public key. */
export function samePublicKey(left: KeyObject, right: KeyObject): boolean {
  const spki = (key: KeyObject): Buffer =>
    (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' });
  return spki(left).equals(spki(right));
}
