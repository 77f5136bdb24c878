import { EXTENDED_KEY_USAGE } from '../core/pki/index.js';
import { x509 } from '../core/pki/x509.js';
import type { CertificateAuthority } from '../core/pki/index.js';

/** Signs a PKCS #10 request as a client certificate for `commonName`, as a key server's administrator would. */
export async function clientCertificateFor(
  authority: CertificateAuthority,
  requestPem: string,
  commonName: string,
): Promise<string> {
  const request = new x509.Pkcs10CertificateRequest(requestPem);
  const certificate = authority.issueFor(await request.publicKey.export(), {
    commonName,
    extendedKeyUsages: [EXTENDED_KEY_USAGE.clientAuth],
  });
  return certificate.toString();
}
