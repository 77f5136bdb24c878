import type { KeyObject } from 'node:crypto';

import { x509 } from '../../core/pki/x509.js';
import type { Attribute, AttributeName } from '../../wire/kmip/index.js';
import { CRYPTOGRAPHIC_USAGE_MASK, KmipError } from '../../wire/kmip/index.js';
import { exported } from '../keys/key-der.js';
import { NAME_PARTS } from '../objects/certificate.js';
import { givenValue } from '../operations/given.js';
import type { RequestScope } from '../server/scope.js';
import type { CertificateContent } from './authority.js';
import type { CertificationRequest } from './request.js';

/** Certificates are valid from this long before they are made, for those whose clock is behind. */
const BACKDATE_SECONDS = 86_400;
const DAY_SECONDS = 86_400;

/** Extensions that a request may ask for; whether somebody is an authority is not his to say. */
const GRANTED: ReadonlySet<string> = new Set([
  '2.5.29.15', // Key Usage
  '2.5.29.17', // Subject Alternative Name
  '2.5.29.37', // Extended Key Usage
]);

/** Key Usage of RFC 5280 §4.2.1.3 by bits of the Cryptographic Usage Mask (KMIP 1.4 §3.19). */
const KEY_USAGES = [
  ['Sign', x509.KeyUsageFlags.digitalSignature],
  ['Verify', x509.KeyUsageFlags.digitalSignature],
  ['ContentCommitment', x509.KeyUsageFlags.nonRepudiation],
  ['WrapKey', x509.KeyUsageFlags.keyEncipherment],
  ['UnwrapKey', x509.KeyUsageFlags.keyEncipherment],
  ['Encrypt', x509.KeyUsageFlags.dataEncipherment],
  ['Decrypt', x509.KeyUsageFlags.dataEncipherment],
  ['KeyAgreement', x509.KeyUsageFlags.keyAgreement],
] as const;

/**
 * What a certificate is to say: first what the certificate request asks for, then the attributes of the KMIP request
 * (KMIP 1.4 §4.7), then what goes without saying.
 *
 * @param fallbackName common name of a subject that nobody names
 * @throws KmipError `InvalidField`
 */
export function certificateContent(
  request: Pick<CertificationRequest, 'publicKey'> & Partial<CertificationRequest>,
  given: readonly Attribute[],
  fallbackName: string,
  scope: RequestScope,
): CertificateContent {
  const subject = request.subject ?? subjectOf(given) ?? named({ CN: [fallbackName] });
  return {
    subject,
    spki: spkiOf(request.publicKey),
    ...validityOf(given, scope),
    extensions: extensionsOf(request.extensions ?? [], given),
  };
}

/** SubjectPublicKeyInfo of a key. */
export function spkiOf(publicKey: KeyObject): Buffer {
  return exported(publicKey, 'spki');
}

/** Dates from the attributes, or as the configuration has them. */
function validityOf(
  given: readonly Attribute[],
  scope: RequestScope,
): Pick<CertificateContent, 'notBefore' | 'notAfter'> {
  const activation = givenValue(given, 'ActivationDate');
  const notBefore = activation ?? scope.nowSeconds - BACKDATE_SECONDS;
  const lifetime = scope.config.certificateDays * DAY_SECONDS;
  const notAfter = givenValue(given, 'DeactivationDate') ?? Math.max(notBefore, scope.nowSeconds) + lifetime;
  if (notAfter <= notBefore) {
    throw new KmipError('InvalidField', 'The certificate would end before it begins. Check its dates.');
  }
  return { notBefore: dateOf(notBefore), notAfter: dateOf(notAfter) };
}

/** X.509 tells times from 1950 to 9999 (RFC 5280 §4.1.2.5). */
function dateOf(seconds: number): Date {
  const date = new Date(seconds * 1000);
  const year = date.getUTCFullYear();
  if (year >= 1950 && year <= 9999) return date;
  throw new KmipError('InvalidField', 'A certificate cannot tell this date. Give one from 1950 to 9999.');
}

function subjectOf(given: readonly Attribute[]): x509.Name | undefined {
  const encoded = givenValue(given, 'X_509CertificateSubject')?.subjectDistinguishedName;
  if (encoded !== undefined && encoded.length > 0) return parsedName(new Uint8Array(encoded));
  const parts = partsOf(given);
  if (parts.length > 0) return new x509.Name(parts);
  const text = givenValue(given, 'CertificateSubject')?.distinguishedName;
  return text === undefined || text === '' ? undefined : parsedName(text);
}

/** The parts of a subject from the attributes that name them singly, the country first. */
function partsOf(given: readonly Attribute[]): Record<string, string[]>[] {
  return Object.entries(NAME_PARTS)
    .reverse()
    .flatMap(([part, oid]) => {
      const name = `CertificateSubject${part}` as AttributeName;
      return given
        .filter((attribute) => attribute.name === name)
        .map((attribute) => ({ [oid]: [attribute.value as string] }));
    });
}

function named(parts: Record<string, string[]>): x509.Name {
  return new x509.Name([parts]);
}

function parsedName(name: string | Uint8Array<ArrayBuffer>): x509.Name {
  try {
    return new x509.Name(name);
  } catch {
    throw new KmipError('InvalidField', 'The subject is no distinguished name. Write it as CN=…,O=….');
  }
}

function extensionsOf(asked: readonly x509.Extension[], given: readonly Attribute[]): x509.Extension[] {
  const granted = asked.filter(({ type }) => GRANTED.has(type));
  const has = (type: string): boolean => granted.some((extension) => extension.type === type);
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(false, undefined, true),
    ...granted,
  ];
  const usages = keyUsagesOf(givenValue(given, 'CryptographicUsageMask') ?? 0);
  if (usages !== 0 && !has('2.5.29.15')) {
    // The mask of several flags is what the library takes, though not one of its flags.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
    extensions.push(new x509.KeyUsagesExtension(usages, true));
  }
  const alternative = alternativeNamesOf(given);
  if (alternative && !has('2.5.29.17')) extensions.push(alternative);
  return extensions;
}

function keyUsagesOf(mask: number): number {
  let usages = 0;
  for (const [name, usage] of KEY_USAGES) {
    if ((mask & CRYPTOGRAPHIC_USAGE_MASK[name]) !== 0) usages |= usage;
  }
  return usages;
}

/** Alternative names that the request gives as texts: mail addresses, URIs, and DNS names. */
function alternativeNamesOf(given: readonly Attribute[]): x509.Extension | undefined {
  const texts = givenValue(given, 'CertificateSubject')?.alternativeNames ?? [];
  if (texts.length === 0) return undefined;
  return new x509.SubjectAlternativeNameExtension(
    texts.map((value) => ({
      type: value.includes('://') ? 'url' : value.includes('@') ? 'email' : 'dns',
      value,
    })),
  );
}
