import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';

import { KpsimError } from '../errors.js';

/** A private key with its certificate, in PEM; `chainPem` is the certificate followed by its issuers. */
export interface KeyAndCertificate {
  readonly certificatePem: string;
  /** PKCS#8, unencrypted. */
  readonly privateKeyPem: string;
  readonly chainPem: string;
}

const PEM_BLOCK = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
/** Certificates that one PEM text may hold; more is refused as hostile. */
const PEM_CHAIN_LIMIT = 16;

/**
 * The certificates of a PEM text, in their order.
 *
 * @throws KpsimError `certificate_invalid` if there is none, too many, or one cannot be parsed
 */
export function parsePemChain(pem: string): X509Certificate[] {
  const blocks = pem.match(PEM_BLOCK) ?? [];
  if (blocks.length === 0 || blocks.length > PEM_CHAIN_LIMIT) {
    throw new KpsimError(
      'certificate_invalid',
      `Expected 1 to ${PEM_CHAIN_LIMIT} PEM certificates, found ${blocks.length}. Give the text from BEGIN CERTIFICATE to END CERTIFICATE.`,
    );
  }
  return blocks.map(parseCertificate);
}

/** One certificate in PEM or DER. @throws KpsimError `certificate_invalid` */
export function parseCertificate(pemOrDer: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(pemOrDer);
  } catch (error) {
    throw new KpsimError('certificate_invalid', 'Not an X.509 certificate in PEM or DER form.', {
      cause: error,
    });
  }
}

/** SHA-256 of the DER form as vSphere writes thumbprints: upper-case hex, bytes separated by colons. */
export function certificateThumbprintSha256(certificate: string | Uint8Array | X509Certificate): string {
  const parsed = certificate instanceof X509Certificate ? certificate : parseCertificate(certificate);
  return parsed.fingerprint256;
}

/** SHA-256 of the DER form in base64url, the `x5t#S256` of RFC 8705. */
export function certificateX5tS256(certificate: string | Uint8Array | X509Certificate): string {
  const parsed = certificate instanceof X509Certificate ? certificate : parseCertificate(certificate);
  return createHash('sha256').update(parsed.raw).digest('base64url');
}

/** Whether a private key (PEM) is the one of a certificate; false if it is no key at all. */
export function isPrivateKeyOf(privateKeyPem: string, certificate: X509Certificate): boolean {
  try {
    return certificate.checkPrivateKey(createPrivateKey(privateKeyPem));
  } catch {
    return false;
  }
}

/** The common name of a certificate's subject; undefined if it has none, or several. */
export function commonNameOf(certificate: X509Certificate): string | undefined {
  const { CN: commonName } = certificate.toLegacyObject().subject as Partial<
    Record<string, string | string[]>
  >;
  return typeof commonName === 'string' ? commonName : undefined;
}
