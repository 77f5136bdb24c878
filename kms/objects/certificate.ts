import type { KeyObject } from 'node:crypto';
import { X509Certificate } from 'node:crypto';

import { x509 } from '../../core/pki/index.js';
import type { Attribute, ManagedObjectValue, NameIn } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import { refuseField } from './new-object.js';

type Certificate = Extract<ManagedObjectValue, { readonly objectType: 'Certificate' }>;

/** Digital Signature Algorithm by signature scheme and hash, as Web Cryptography names them. */
const SIGNATURE_ALGORITHMS: Readonly<Record<string, NameIn<'DigitalSignatureAlgorithm'>>> = {
  'RSASSA-PKCS1-v1_5 SHA-1': 'SHA_1WithRSAEncryption',
  'RSASSA-PKCS1-v1_5 SHA-256': 'SHA_256WithRSAEncryption',
  'RSASSA-PKCS1-v1_5 SHA-384': 'SHA_384WithRSAEncryption',
  'RSASSA-PKCS1-v1_5 SHA-512': 'SHA_512WithRSAEncryption',
  'ECDSA SHA-1': 'ECDSAWithSHA_1',
  'ECDSA SHA-256': 'ECDSAWithSHA256',
  'ECDSA SHA-384': 'ECDSAWithSHA384',
  'ECDSA SHA-512': 'ECDSAWithSHA512',
};

/** Cryptographic Algorithm by the type of a public key, as Node names them. */
const KEY_ALGORITHMS: Readonly<Record<string, NameIn<'CryptographicAlgorithm'>>> = {
  rsa: 'RSA',
  'rsa-pss': 'RSA',
  dsa: 'DSA',
  ec: 'ECDSA',
};

const CURVE_BITS: Readonly<Record<string, number>> = { prime256v1: 256, secp384r1: 384, secp521r1: 521 };

/**
 * The attributes that an X.509 certificate itself tells (KMIP 1.4 §3.8 to §3.16, the textual ones deprecated in 1.1
 * included). Other types tell nothing but their type and length.
 *
 * @throws KmipError `InvalidField` if the certificate cannot be parsed
 */
export function certificateAttributes(value: Certificate): Attribute[] {
  const attributes: Attribute[] = [
    attributeOf('CertificateType', value.certificateType),
    attributeOf('CertificateLength', value.certificateValue.length),
  ];
  if (value.certificateType !== 'X_509') return attributes;
  const { der, parsed } = parse(value.certificateValue);
  return [...attributes, ...nameAttributes(der, parsed), ...algorithmAttributes(der, parsed)];
}

function nameAttributes(der: x509.X509Certificate, parsed: X509Certificate): Attribute[] {
  const issuerDistinguishedName = Buffer.from(der.issuerName.toArrayBuffer());
  const subjectDistinguishedName = Buffer.from(der.subjectName.toArrayBuffer());
  const certificateSerialNumber = Buffer.from(der.serialNumber, 'hex');
  const issuer = nameText(parsed.issuer);
  return [
    attributeOf('X_509CertificateIdentifier', { issuerDistinguishedName, certificateSerialNumber }),
    attributeOf('X_509CertificateIssuer', { issuerDistinguishedName }),
    attributeOf('X_509CertificateSubject', { subjectDistinguishedName }),
    attributeOf('CertificateIdentifier', {
      issuer,
      serialNumber: BigInt(`0x${parsed.serialNumber}`).toString(),
    }),
    attributeOf('CertificateIssuer', { distinguishedName: issuer }),
    attributeOf('CertificateSubject', { distinguishedName: nameText(parsed.subject) }),
  ];
}

function algorithmAttributes(der: x509.X509Certificate, parsed: X509Certificate): Attribute[] {
  const found: Attribute[] = [];
  const { name, hash } = der.signatureAlgorithm as {
    readonly name: string;
    readonly hash: { readonly name?: string };
  };
  const signature = SIGNATURE_ALGORITHMS[`${name} ${hash.name ?? ''}`];
  if (signature) found.push(attributeOf('DigitalSignatureAlgorithm', signature));
  const algorithm = KEY_ALGORITHMS[parsed.publicKey.asymmetricKeyType ?? ''];
  if (algorithm) found.push(attributeOf('CryptographicAlgorithm', algorithm));
  const lengthBits = lengthOf(parsed.publicKey);
  if (lengthBits !== undefined) found.push(attributeOf('CryptographicLength', lengthBits));
  return found;
}

function lengthOf(publicKey: KeyObject): number | undefined {
  const details = publicKey.asymmetricKeyDetails;
  return details?.modulusLength ?? CURVE_BITS[details?.namedCurve ?? ''];
}

/** A distinguished name as RFC 2253 writes it, most specific part first; Node gives a line a part, the other way. */
function nameText(lines: string): string {
  return lines.split('\n').reverse().join(',');
}

function parse(der: Buffer): { readonly der: x509.X509Certificate; readonly parsed: X509Certificate } {
  try {
    return { der: new x509.X509Certificate(der), parsed: new X509Certificate(der) };
  } catch {
    return refuseField('The Certificate Value is not an X.509 certificate in DER form.');
  }
}
