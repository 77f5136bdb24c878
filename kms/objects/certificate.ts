import { x509 } from '../../core/pki/index.js';
import type { Attribute, ManagedObjectValue } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import { refuseField } from './new-object.js';

type Certificate = Extract<ManagedObjectValue, { readonly objectType: 'Certificate' }>;

/**
 * The attributes that an X.509 certificate itself tells (KMIP 1.4 §3.8 to §3.12). Other types tell nothing but
 * their type and length.
 *
 * @throws KmipError `InvalidField` if the certificate cannot be parsed
 */
export function certificateAttributes(value: Certificate): Attribute[] {
  const attributes: Attribute[] = [
    attributeOf('CertificateType', value.certificateType),
    attributeOf('CertificateLength', value.certificateValue.length),
  ];
  if (value.certificateType !== 'X_509') return attributes;
  const certificate = parse(value.certificateValue);
  const issuerDistinguishedName = Buffer.from(certificate.issuerName.toArrayBuffer());
  const subjectDistinguishedName = Buffer.from(certificate.subjectName.toArrayBuffer());
  const certificateSerialNumber = Buffer.from(certificate.serialNumber, 'hex');
  attributes.push(
    attributeOf('X_509CertificateIdentifier', { issuerDistinguishedName, certificateSerialNumber }),
    attributeOf('X_509CertificateIssuer', { issuerDistinguishedName }),
    attributeOf('X_509CertificateSubject', { subjectDistinguishedName }),
  );
  return attributes;
}

function parse(der: Buffer): x509.X509Certificate {
  try {
    return new x509.X509Certificate(der);
  } catch {
    return refuseField('The Certificate Value is not an X.509 certificate in DER form.');
  }
}
