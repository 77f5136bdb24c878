import type { KeyObject } from 'node:crypto';
import { X509Certificate, createHash, randomBytes, sign } from 'node:crypto';

import {
  derBitString,
  derBoolean,
  derContext,
  derContextPrimitive,
  derInteger,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSet,
  derTime,
  derUtf8String,
} from '../../wire/der/encode.js';
import { addressBytes } from './ip-address.js';

/*
 * Certificates that a P-256 key signs (RFC 5280 §4). A key server makes three when it first starts; with the X.509
 * library, which can do far more, they took a fifth of the start.
 */

const COMMON_NAME = '2.5.4.3';
const ECDSA_WITH_SHA256 = derSequence(derObjectIdentifier('1.2.840.10045.4.3.2'));
const VERSION_3 = derContext(0, derInteger(2n));
const SERIAL_NUMBER_BYTES = 16;
/** The point at the end of a SubjectPublicKeyInfo of P-256. */
const POINT_BYTES = 65;

/** Identifiers of extensions (RFC 5280 §4.2.1). */
export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAlternativeName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

/** Tags of GeneralName (RFC 5280 §4.2.1.6). */
const GENERAL_NAME = { dns: 2, ip: 7 } as const;
/** keyCertSign and cRLSign: the last two of seven bits. */
const SIGNS_CERTIFICATES = { bytes: Buffer.from([0b0000_0110]), unusedBits: 1 };

/** A name of a certificate's subject. */
export interface AlternativeName {
  readonly type: keyof typeof GENERAL_NAME;
  readonly value: string;
}

/** What a certificate says: names, key and extensions are in DER. */
export interface CertificateFields {
  readonly subject: Buffer;
  readonly issuer: Buffer;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** SubjectPublicKeyInfo. */
  readonly spki: Buffer;
  readonly extensions: readonly Buffer[];
}

/** A certificate with a new serial number. @param signingKey P-256 */
export function signedCertificate(fields: CertificateFields, signingKey: KeyObject): X509Certificate {
  const { subject, issuer, notBefore, notAfter, spki, extensions } = fields;
  const content = derSequence(
    VERSION_3,
    derInteger(newSerialNumber()),
    ECDSA_WITH_SHA256,
    issuer,
    derSequence(derTime(notBefore), derTime(notAfter)),
    subject,
    spki,
    ...(extensions.length > 0 ? [derContext(3, derSequence(...extensions))] : []),
  );
  const signature = derBitString(sign('sha256', content, signingKey));
  return new X509Certificate(derSequence(content, ECDSA_WITH_SHA256, signature));
}

/** A Name of one common name. It goes in as a value: a comma in it must not start another attribute. */
export function nameOf(commonName: string): Buffer {
  const attribute = derSequence(derObjectIdentifier(COMMON_NAME), derUtf8String(commonName));
  return derSequence(derSet(attribute));
}

/** One Extension. @param value in DER */
export function extension(identifier: string, isCritical: boolean, value: Buffer): Buffer {
  return derSequence(
    derObjectIdentifier(identifier),
    ...(isCritical ? [derBoolean(true)] : []),
    derOctetString(value),
  );
}

/** What makes a certificate one of an authority. @param spki its P-256 key */
export function authorityExtensions(spki: Buffer): Buffer[] {
  const { bytes, unusedBits } = SIGNS_CERTIFICATES;
  return [
    extension(EXTENSION.basicConstraints, true, derSequence(derBoolean(true))),
    extension(EXTENSION.keyUsage, true, derBitString(bytes, unusedBits)),
    extension(EXTENSION.subjectKeyIdentifier, false, derOctetString(keyIdentifier(spki))),
  ];
}

/** Names the issuer's key. @param issuerSpki P-256 */
export function authorityKeyIdentifier(issuerSpki: Buffer): Buffer {
  const identifier = derContextPrimitive(0, keyIdentifier(issuerSpki));
  return extension(EXTENSION.authorityKeyIdentifier, false, derSequence(identifier));
}

/** What the key may be used for. @param identifiers dotted */
export function extendedKeyUsage(identifiers: readonly string[]): Buffer {
  return extension(EXTENSION.extendedKeyUsage, false, derSequence(...identifiers.map(derObjectIdentifier)));
}

/** Further names of the subject. @throws Error if an IP address is none */
export function subjectAlternativeName(names: readonly AlternativeName[]): Buffer {
  const encoded = names.map(({ type, value }) =>
    derContextPrimitive(
      GENERAL_NAME[type],
      type === 'ip' ? addressBytes(value) : Buffer.from(value, 'latin1'),
    ),
  );
  return extension(EXTENSION.subjectAlternativeName, false, derSequence(...encoded));
}

/** Method 1 of RFC 5280 §4.2.1.2: SHA-1 of the point. */
function keyIdentifier(spki: Buffer): Buffer {
  return createHash('sha1').update(spki.subarray(-POINT_BYTES)).digest();
}

/** Positive, and of as many bytes as it has room for. */
function newSerialNumber(): bigint {
  const bytes = randomBytes(SERIAL_NUMBER_BYTES);
  bytes.writeUInt8((bytes.readUInt8(0) & 0x7f) | 0x40, 0);
  return BigInt(`0x${bytes.toString('hex')}`);
}
