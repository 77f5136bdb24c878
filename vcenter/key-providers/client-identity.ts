import { createPrivateKey, webcrypto } from 'node:crypto';

import type { Clock } from '../../core/clock.js';
import { KpsimError } from '../../core/errors.js';
import { parseCertificate, selfSigned } from '../../core/pki/index.js';
import { x509 } from '../../core/pki/x509.js';
import type { VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';

/** Key and certificate with which a vCenter shows itself to key servers, in PEM. */
export interface ClientIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** A signing request that waits for its certificate, with its key. */
export interface PendingRequest {
  readonly requestPem: string;
  readonly privateKeyPem: string;
}

/** `CryptoManagerKmipCertSignRequest` of vim25. */
export type CertSignRequest = VimObject<'CryptoManagerKmipCertSignRequest'>;

const EC_P256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** Attributes of a subject, by the field of the request that gives them. */
const SUBJECT_FIELDS = {
  commonName: 'CN',
  organization: 'O',
  organizationUnit: 'OU',
  locality: 'L',
  state: 'ST',
  country: 'C',
  email: 'E',
} as const satisfies Partial<Record<keyof CertSignRequest, string>>;

/** The common name that vCenter gives its KMIP clients: `kmipClient` and the time in milliseconds. */
function defaultCommonName(clock: Clock): string {
  return `kmipClient${clock.now()}`;
}

/** A new self-signed identity, as vCenter makes for each key provider (no extended key usage). */
export async function newSelfSignedIdentity(
  clock: Clock,
  request?: CertSignRequest,
): Promise<ClientIdentity> {
  const made = await selfSigned({ commonName: request?.commonName ?? defaultCommonName(clock), clock });
  return { certificatePem: made.certificatePem, privateKeyPem: made.privateKeyPem };
}

/** A new key with a PKCS #10 request for a certificate. @throws VimFault `InvalidArgument` */
export async function newSigningRequest(clock: Clock, request?: CertSignRequest): Promise<PendingRequest> {
  const keys = await webcrypto.subtle.generateKey(EC_P256, true, ['sign', 'verify']);
  const given = { ...request, commonName: request?.commonName ?? defaultCommonName(clock) };
  const subject = Object.entries(SUBJECT_FIELDS).flatMap(([field, attribute]) => {
    const value = given[field as keyof typeof SUBJECT_FIELDS];
    return value === undefined || value === '' ? [] : [{ [attribute]: [value] }];
  });
  try {
    const csr = await x509.Pkcs10CertificateRequestGenerator.create({
      name: subject,
      keys,
      signingAlgorithm: EC_P256,
    });
    const der = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey);
    return {
      requestPem: `${csr.toString('pem')}\n`,
      privateKeyPem: `${x509.PemConverter.encode(der, 'PRIVATE KEY')}\n`,
    };
  } catch (error) {
    throw new VimFault('InvalidArgument', 'A certificate request cannot be made of these names.', {
      fields: { invalidProperty: 'request' },
      cause: error,
    });
  }
}

/** An identity of a certificate and its key. @throws VimFault `InvalidArgument` if they do not belong together */
export function identityOf(certificatePem: string, privateKeyPem: string): ClientIdentity {
  let matches: boolean;
  try {
    matches = parseCertificate(certificatePem).checkPrivateKey(createPrivateKey(privateKeyPem));
  } catch (error) {
    const text = error instanceof KpsimError ? error.message : 'The private key is not one in PEM.';
    throw new VimFault('InvalidArgument', text, { fields: { invalidProperty: 'certificate' } });
  }
  if (matches) return { certificatePem, privateKeyPem };
  throw new VimFault(
    'InvalidArgument',
    'The certificate is for another key; send the one for this request.',
    {
      fields: { invalidProperty: 'certificate' },
    },
  );
}

/** `CryptoManagerKmipCertificateInfo` of a certificate. */
export function certificateInfo(pem: string, clock: Clock): VimObject<'CryptoManagerKmipCertificateInfo'> {
  const certificate = parseCertificate(pem);
  const now = clock.now();
  const notBefore = new Date(certificate.validFrom);
  const notAfter = new Date(certificate.validTo);
  return {
    _typeName: 'CryptoManagerKmipCertificateInfo',
    subject: certificate.subject.replaceAll('\n', ', '),
    issuer: certificate.issuer.replaceAll('\n', ', '),
    serialNumber: certificate.serialNumber,
    notBefore,
    notAfter,
    fingerprint: certificate.fingerprint,
    checkTime: new Date(now),
    secondsSinceValid: Math.trunc((now - notBefore.getTime()) / 1000),
    secondsBeforeExpire: Math.trunc((notAfter.getTime() - now) / 1000),
  };
}
