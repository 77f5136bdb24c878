import { VapiError } from '../../core/http/index.js';
import { certificateThumbprintSha256, parsePemChain } from '../../core/pki/index.js';
import type { X509CertChain } from '../../wire/attestation/index.js';

/** The certificates of one PEM text. @throws KpsimError `certificate_invalid` */
export function chainOfPem(pem: string): X509CertChain {
  return { cert_chain: parsePemChain(pem).map((certificate) => certificate.toString()) };
}

/** One PEM text of a chain's certificates. @throws VapiError `INVALID_ARGUMENT` */
export function pemOfChain({ cert_chain: chain }: X509CertChain): string {
  try {
    return chain
      .map((pem) =>
        parsePemChain(pem)
          .map((certificate) => certificate.toString())
          .join(''),
      )
      .join('');
  } catch (error) {
    throw new VapiError('INVALID_ARGUMENT', 'cert_chain must hold certificates in PEM.', { cause: error });
  }
}

/** Tells two PEM texts apart by their certificates, whatever their order and layout. */
export function chainFingerprint(pem: string): string {
  try {
    return parsePemChain(pem)
      .map((certificate) => certificateThumbprintSha256(certificate))
      .sort()
      .join(' ');
  } catch {
    return pem; // a host may hold anything; it differs from what is desired
  }
}
