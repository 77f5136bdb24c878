import type { X509Certificate } from 'node:crypto';

import { VapiError, validate } from '../../core/http/index.js';
import { parseCertificate } from '../../core/pki/index.js';
import { x509CertChain } from '../../wire/attestation/index.js';
import { basicConstraintsOf } from '../pki/basic-constraints.js';
import { LruMap } from '../lru-map.js';
import type { CaCertificateInfo } from './client.js';
import { readRevocationList, serialOf } from './revocation-lists.js';
import type { RevocationList } from './revocation-lists.js';

/** One imported authority. */
export interface TrustAnchor {
  readonly name: string;
  /** Root first. */
  readonly chain: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
}

/** A certificate with what is judged of it, read once. */
export interface JudgedCertificate {
  readonly certificate: X509Certificate;
  /** As revocation lists are searched for it. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Whether its basicConstraints make it one of an authority. */
  readonly isAuthority: boolean;
  /** OIDs of its extended key usage; none without that extension. */
  readonly usages: readonly string[];
  /** Lists of its issuer, whichever authority they were imported with. */
  readonly revocationLists: readonly RevocationList[];
}

/** One way from a certificate to a trusted root: the certificate first, the root last. */
export type CertificatePath = readonly JudgedCertificate[];

/** Certificates whose paths are remembered; a large inventory attests again every few hours. */
const REMEMBERED_PATHS = 4096;

/** The imported authorities as they are searched for the issuer of a certificate. */
export class TrustAnchors {
  readonly #anchors: readonly TrustAnchor[];
  readonly #lists: readonly RevocationList[];
  readonly #paths = new LruMap<string, readonly CertificatePath[]>(REMEMBERED_PATHS);

  constructor(anchors: readonly TrustAnchor[]) {
    this.#anchors = anchors;
    this.#lists = anchors.flatMap(({ revocationLists }) => revocationLists);
  }

  get size(): number {
    return this.#anchors.length;
  }

  /**
   * Every way from a certificate to a root; none if no imported authority issued it. Which of them are good is not
   * judged here, but lists of revoked certificates belong to an issuer, whichever authority brought them: importing an
   * authority once more without its lists does not bring a revoked certificate back.
   */
  pathsTo(certificate: X509Certificate): readonly CertificatePath[] {
    const key = certificate.fingerprint256;
    const known = this.#paths.get(key);
    if (known) return known;
    const paths = this.#anchors.flatMap(({ chain }) =>
      chain.flatMap((issuer, index) => {
        if (!issued(issuer, certificate)) return [];
        return [this.#pathOf([certificate, ...chain.slice(0, index + 1).reverse()])];
      }),
    );
    this.#paths.set(key, paths);
    return paths;
  }

  #pathOf(certificates: readonly X509Certificate[]): CertificatePath {
    return certificates.map((certificate, index) => {
      const issuer = certificates[index + 1] ?? certificate;
      const lists = this.#lists.filter((list) => isSameAuthority(list.issuer, issuer));
      return judgedCertificate(certificate, lists);
    });
  }
}

/** A certificate with what is judged of it. */
export function judgedCertificate(
  certificate: X509Certificate,
  revocationLists: readonly RevocationList[] = [],
): JudgedCertificate {
  // Node types the list as always there; a certificate without the extension has none.
  const usages = (certificate.keyUsage as string[] | undefined) ?? [];
  return {
    certificate,
    serial: serialOf(certificate.serialNumber),
    notBeforeMs: Date.parse(certificate.validFrom),
    notAfterMs: Date.parse(certificate.validTo),
    isAuthority: basicConstraintsOf(certificate.raw).isAuthority,
    usages,
    revocationLists,
  };
}

/**
 * Reads an authority's chain and revocation lists, and makes sure that they are what they must be.
 *
 * @throws VapiError `INVALID_ARGUMENT`, reason `ek_ca_untrusted`, if the chain does not begin with a root, is out of
 *   order, or is longer than one of its certificates allows
 */
export async function readTrustAnchor(info: CaCertificateInfo): Promise<TrustAnchor> {
  const chain = validate(x509CertChain, info.cert_chain).cert_chain.map((pem) => parseCertificate(pem));
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
    const { pathLength } = basicConstraintsOf(certificate.raw);
    const below = chain.length - 1 - index;
    if (pathLength !== undefined && below > pathLength) {
      throw chainError(`certificate ${index + 1} allows ${pathLength} authorities below it, not ${below}`);
    }
  });
  const lists = await Promise.all((info.crls ?? []).map((pem) => readRevocationList(pem, chain)));
  return { name: info.name, chain, revocationLists: lists };
}

/** True for two certificates of one authority, which may have been renewed: same name, same key. */
function isSameAuthority(one: X509Certificate, other: X509Certificate): boolean {
  return one === other || (one.subject === other.subject && one.publicKey.equals(other.publicKey));
}

/** True if `issuer` signed `certificate`; false also for a certificate whose signature cannot be judged. */
function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
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
