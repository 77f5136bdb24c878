import { X509Certificate } from 'node:crypto';

import type { CertificateParts } from '../../core/pki/index.js';
import { attributesOfName, certificateParts } from '../../core/pki/index.js';
import type { Attribute, ManagedObjectValue, NameIn } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import type { DerValue } from '../../wire/der/decode.js';
import { derInteger } from '../../wire/der/encode.js';
import { derObjectIdentifierOf, derRaw, derSequenceElements, derValues } from '../keys/der.js';
import type { KeyFacts } from '../keys/key-facts.js';
import { keyFacts } from '../keys/key-facts.js';
import { checked } from '../keys/key-object.js';

type Certificate = Extract<ManagedObjectValue, { readonly objectType: 'Certificate' }>;

/** Digital Signature Algorithm by the identifier of the signature's algorithm (RFC 3279, RFC 4055, RFC 5758, RFC 9688). */
const SIGNATURE_ALGORITHMS: Readonly<Record<string, NameIn<'DigitalSignatureAlgorithm'>>> = {
  '1.2.840.113549.1.1.2': 'MD2WithRSAEncryption',
  '1.2.840.113549.1.1.4': 'MD5WithRSAEncryption',
  '1.2.840.113549.1.1.5': 'SHA_1WithRSAEncryption',
  '1.2.840.113549.1.1.14': 'SHA_224WithRSAEncryption',
  '1.2.840.113549.1.1.11': 'SHA_256WithRSAEncryption',
  '1.2.840.113549.1.1.12': 'SHA_384WithRSAEncryption',
  '1.2.840.113549.1.1.13': 'SHA_512WithRSAEncryption',
  '1.2.840.113549.1.1.10': 'RSASSAPSS',
  '1.2.840.10040.4.3': 'DSAWithSHA_1',
  '2.16.840.1.101.3.4.3.1': 'DSAWithSHA224',
  '2.16.840.1.101.3.4.3.2': 'DSAWithSHA256',
  '1.2.840.10045.4.1': 'ECDSAWithSHA_1',
  '1.2.840.10045.4.3.1': 'ECDSAWithSHA224',
  '1.2.840.10045.4.3.2': 'ECDSAWithSHA256',
  '1.2.840.10045.4.3.3': 'ECDSAWithSHA384',
  '1.2.840.10045.4.3.4': 'ECDSAWithSHA512',
  '2.16.840.1.101.3.4.3.14': 'SHA3_256WithRSAEncryption',
  '2.16.840.1.101.3.4.3.15': 'SHA3_384WithRSAEncryption',
  '2.16.840.1.101.3.4.3.16': 'SHA3_512WithRSAEncryption',
};

/** Attributes of a certificate's names, by what follows `CertificateSubject` or `CertificateIssuer` in theirs (KMIP 2.1 §4.9). */
export const NAME_PARTS = {
  CN: '2.5.4.3',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  Email: '1.2.840.113549.1.9.1',
  C: '2.5.4.6',
  ST: '2.5.4.8',
  L: '2.5.4.7',
  UID: '0.9.2342.19200300.100.1.1',
  SerialNumber: '2.5.4.5',
  Title: '2.5.4.12',
  DC: '0.9.2342.19200300.100.1.25',
  DNQualifier: '2.5.4.46',
} as const satisfies Record<string, string>;

const ALTERNATIVE_NAMES = { subject: '2.5.29.17', issuer: '2.5.29.18' } as const;
/** Kinds of GeneralName that are texts: mail address, DNS name, URI (RFC 5280 §4.2.1.6). */
const TEXT_NAMES: readonly number[] = [0x81, 0x82, 0x86];

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
  return checked('Certificate', () => {
    const parsed = new X509Certificate(value.certificateValue);
    const parts = certificateParts(parsed);
    return [
      ...attributes,
      ...nameAttributes(parts, parsed),
      ...partAttributes('CertificateIssuer', parts.issuer),
      ...partAttributes('CertificateSubject', parts.subject),
      ...algorithmAttributes(value.certificateValue, parsed),
    ];
  });
}

function nameAttributes(parts: CertificateParts, parsed: X509Certificate): Attribute[] {
  const { issuer: issuerDistinguishedName, subject: subjectDistinguishedName } = parts;
  const issuerNames = alternativeNames(parts, ALTERNATIVE_NAMES.issuer);
  const subjectNames = alternativeNames(parts, ALTERNATIVE_NAMES.subject);
  const serialNumber = BigInt(`0x${parsed.serialNumber}`);
  const issuer = nameText(parsed.issuer);
  return [
    attributeOf('X_509CertificateIdentifier', {
      issuerDistinguishedName,
      // As the field of the certificate is: a DER INTEGER (OASIS test case TC-CERTATTR-1-14).
      certificateSerialNumber: derInteger(serialNumber),
    }),
    attributeOf('X_509CertificateIssuer', {
      issuerDistinguishedName,
      issuerAlternativeNames: issuerNames?.map(derRaw),
    }),
    attributeOf('X_509CertificateSubject', {
      subjectDistinguishedName,
      subjectAlternativeNames: subjectNames?.map(derRaw),
    }),
    attributeOf('CertificateIdentifier', { issuer, serialNumber: serialNumber.toString() }),
    attributeOf('CertificateIssuer', { distinguishedName: issuer, alternativeNames: texts(issuerNames) }),
    attributeOf('CertificateSubject', {
      distinguishedName: nameText(parsed.subject),
      alternativeNames: texts(subjectNames),
    }),
  ];
}

/** The parts of a distinguished name, each an attribute of its own. */
function partAttributes(whose: 'CertificateIssuer' | 'CertificateSubject', name: Buffer): Attribute[] {
  const told = attributesOfName(name);
  return Object.entries(NAME_PARTS).flatMap(([part, oid]) =>
    told
      .filter(({ identifier }) => identifier === oid)
      .map(({ text }) => attributeOf(`${whose}${part as keyof typeof NAME_PARTS}`, text)),
  );
}

/** The GeneralNames of an extension; undefined if the certificate has none. */
function alternativeNames({ extensions }: CertificateParts, oid: string): DerValue[] | undefined {
  const extension = extensions.find(({ identifier }) => identifier === oid);
  return extension && derSequenceElements(extension.value);
}

function texts(names: readonly DerValue[] | undefined): string[] | undefined {
  return names
    ?.filter(({ tag }) => TEXT_NAMES.includes(tag))
    .map(({ content }) => content.toString('latin1'));
}

function algorithmAttributes(der: Buffer, parsed: X509Certificate): Attribute[] {
  const found: Attribute[] = [];
  const [, algorithmIdentifier] = derSequenceElements(der);
  const [oid] = algorithmIdentifier ? derValues(algorithmIdentifier.content) : [];
  const signature = oid && SIGNATURE_ALGORITHMS[derObjectIdentifierOf(oid)];
  if (signature) found.push(attributeOf('DigitalSignatureAlgorithm', signature));
  const facts = factsOfKey(parsed);
  if (facts) {
    // EC exists since KMIP 1.2 only, and the key of a certificate signs.
    found.push(attributeOf('CryptographicAlgorithm', facts.algorithm === 'EC' ? 'ECDSA' : facts.algorithm));
    found.push(attributeOf('CryptographicLength', facts.lengthBits));
  }
  return found;
}

/** Certificates of keys that nobody here can use are kept nevertheless. */
function factsOfKey(parsed: X509Certificate): KeyFacts | undefined {
  try {
    return keyFacts(parsed.publicKey);
  } catch {
    return undefined;
  }
}

/** A distinguished name as RFC 2253 writes it, most specific part first; Node gives a line a part, the other way. */
function nameText(lines: string): string {
  return lines.split('\n').reverse().join(',');
}
