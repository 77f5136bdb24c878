import type { X509Certificate } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';
import { parseCertificate, x509 } from '../../core/pki/index.js';
import type { CaCertificateInfo } from './client.js';

/** A revocation list that was verified when it was imported. */
export interface RevocationList {
  /** DER of the issuer's subject name is compared by its text, as OpenSSL prints it. */
  readonly issuer: X509Certificate;
  /** Serial numbers, lower-case hex without leading zeros. */
  readonly revoked: ReadonlySet<string>;
  readonly nextUpdateMs: number | undefined;
}

/** One imported authority. */
export interface TrustAnchor {
  readonly name: string;
  /** Root first. */
  readonly chain: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
}

/** The way from a certificate to a trusted root. */
export interface CertificatePath {
  /** Issuer of the certificate first, root last. */
  readonly issuers: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
}

/**
 * Reads an authority's chain and revocation lists, and makes sure that they are what they must be.
 *
 * @throws VapiError `INVALID_ARGUMENT`, reason `ek_ca_untrusted`, if the chain does not begin with a root or is out of order
 */
export async function readTrustAnchor(info: CaCertificateInfo): Promise<TrustAnchor> {
  const chain = info.cert_chain.cert_chain.map((pem) => parseCertificate(pem));
  chain.forEach((certificate, index) => {
    const issuer = chain[index === 0 ? 0 : index - 1];
    if (!certificate.ca) throw chainError(`certificate ${index + 1} is not one of an authority`);
    if (issuer === undefined || !issued(issuer, certificate)) {
      throw chainError(
        index === 0
          ? 'the first certificate is not a root, which signs itself'
          : `certificate ${index + 1} was not issued by the one before it`,
      );
    }
  });
  const lists = await Promise.all((info.crls ?? []).map((pem) => readRevocationList(pem, chain)));
  return { name: info.name, chain, revocationLists: lists };
}

/** The way from `certificate` to a root of one of the anchors; undefined if there is none. */
export function pathTo(
  certificate: X509Certificate,
  anchors: readonly TrustAnchor[],
): CertificatePath | undefined {
  for (const { chain, revocationLists } of anchors) {
    for (let index = chain.length - 1; index >= 0; index -= 1) {
      const issuer = chain[index];
      if (issuer && issued(issuer, certificate)) {
        return { issuers: chain.slice(0, index + 1).reverse(), revocationLists };
      }
    }
  }
  return undefined;
}

/** True if `issuer` signed `certificate`; false also for a certificate whose signature cannot be judged. */
function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}

/** A serial number as revocation lists are searched for it. */
export function serialOf(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

async function readRevocationList(pem: string, chain: readonly X509Certificate[]): Promise<RevocationList> {
  let list: x509.X509Crl;
  try {
    list = new x509.X509Crl(pem);
  } catch (error) {
    throw new VapiError('INVALID_ARGUMENT', 'crls: not a certificate revocation list in PEM.', {
      cause: error,
    });
  }
  for (const issuer of chain) {
    const candidate = new x509.X509Certificate(issuer.raw);
    if (candidate.subject === list.issuer && (await verifies(list, candidate))) {
      return {
        issuer,
        revoked: new Set(list.entries.map((entry) => serialOf(entry.serialNumber))),
        nextUpdateMs: list.nextUpdate?.getTime(),
      };
    }
  }
  throw new VapiError(
    'INVALID_ARGUMENT',
    'crls: a revocation list is not signed by a certificate of the chain. Import it with the chain of its issuer.',
  );
}

async function verifies(list: x509.X509Crl, issuer: x509.X509Certificate): Promise<boolean> {
  try {
    return await list.verify({ publicKey: issuer });
  } catch {
    return false;
  }
}

function chainError(what: string): VapiError {
  return new VapiError(
    'INVALID_ARGUMENT',
    `cert_chain: ${what}. Give the chain in the order root, intermediate, …`,
    { data: { reason: 'ek_ca_untrusted' } },
  );
}
