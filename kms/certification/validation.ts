import type { X509Certificate } from 'node:crypto';

import { x509 } from '../../core/pki/x509.js';

/** What is known of a certificate chain: Validity Indicator (KMIP 1.4 §9.1.3.2.23). */
export type Validity = 'Valid' | 'Invalid' | 'Unknown';

/** Longest chain that is followed. */
const DEPTH_LIMIT = 16;

/** A certificate of a chain. */
export interface ChainMember {
  readonly certificate: X509Certificate;
  /** Whether its owner revoked it. */
  readonly revoked: boolean;
}

/**
 * Whether certificates form one chain that leads to an anchor and was unbroken at a time (RFC 5280 §6.1: signatures,
 * validity, names, basic constraints). Unknown is a chain that misses an issuer or ends in a root that nobody vouches for.
 *
 * @param members all but the end entity in any order; the end entity is the one that issued no other
 */
export function validityOf(
  members: readonly ChainMember[],
  anchors: readonly X509Certificate[],
  atMs: number,
): Validity {
  const ends = members.filter(
    (member) => !members.some((other) => other !== member && isIssuer(member, other)),
  );
  const [end] = ends;
  if (!end || ends.length > 1) return 'Invalid';
  let current = end;
  let unused = members.filter((member) => member !== end);
  for (let below = 0; below < DEPTH_LIMIT; below += 1) {
    if (current.revoked || !isWithin(current.certificate, atMs)) return 'Invalid';
    if (anchors.some((anchor) => anchor.raw.equals(current.certificate.raw))) return verdict(unused);
    const issuer = [...unused, ...anchors.map(asMember)].find((member) => isIssuer(member, current));
    if (!issuer) return isSelfSigned(current) && !isForged(current) ? 'Unknown' : missing(current);
    if (!mayIssue(issuer.certificate, below) || !current.certificate.verify(issuer.certificate.publicKey)) {
      return 'Invalid';
    }
    unused = unused.filter((member) => member !== issuer);
    current = issuer;
  }
  return 'Invalid';
}

/** Certificates that are not part of the chain make it no chain. */
function verdict(unused: readonly ChainMember[]): Validity {
  return unused.length === 0 ? 'Valid' : 'Invalid';
}

function missing(current: ChainMember): Validity {
  return isForged(current) ? 'Invalid' : 'Unknown';
}

/** A self-issued certificate whose signature is not its own. */
function isForged({ certificate }: ChainMember): boolean {
  return certificate.checkIssued(certificate) && !certificate.verify(certificate.publicKey);
}

function isSelfSigned({ certificate }: ChainMember): boolean {
  return certificate.checkIssued(certificate);
}

function isIssuer(issuer: ChainMember, of: ChainMember): boolean {
  return issuer.certificate !== of.certificate && of.certificate.checkIssued(issuer.certificate);
}

function isWithin(certificate: X509Certificate, atMs: number): boolean {
  return Date.parse(certificate.validFrom) <= atMs && atMs <= Date.parse(certificate.validTo);
}

/** Whether a certificate may be above that many others, the end entity among them. */
function mayIssue(certificate: X509Certificate, below: number): boolean {
  if (!certificate.ca) return false;
  const parsed = new x509.X509Certificate(new Uint8Array(certificate.raw));
  const pathLength = parsed.getExtension(x509.BasicConstraintsExtension)?.pathLength;
  return pathLength === undefined || below <= pathLength;
}

function asMember(certificate: X509Certificate): ChainMember {
  return { certificate, revoked: false };
}
