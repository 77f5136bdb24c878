import type { X509Certificate } from 'node:crypto';

/**
 * Why a chain is none whose first certificate may vouch for ES256 signatures: its key is not on P-256, or a
 * certificate was not issued by the one after it. Dates are judged apart, as they change.
 *
 * @param chain the signing certificate first, each followed by its issuer
 * @returns a clause for a message; undefined if nothing is wrong
 */
export function signingChainProblem(chain: readonly X509Certificate[]): string | undefined {
  const [leaf] = chain;
  if (leaf === undefined) return 'there is no certificate';
  if (!isOnP256(leaf)) return 'the key of the signing certificate is not on the curve P-256';
  const broken = chain.findIndex((certificate, index) => {
    const issuer = chain[index + 1];
    return issuer !== undefined && !issued(issuer, certificate);
  });
  return broken === -1
    ? undefined
    : `certificate ${broken + 1} was not issued by certificate ${broken + 2}, which has to be the one of its issuer`;
}

/** True if every certificate of a chain is in its period of validity. */
export function isChainValidAt(chain: readonly X509Certificate[], nowMs: number): boolean {
  return chain.every(
    ({ validFrom, validTo }) => Date.parse(validFrom) <= nowMs && nowMs <= Date.parse(validTo),
  );
}

/** A certificate with an unknown kind of key has no public key that Node can read. */
function isOnP256(certificate: X509Certificate): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
    return asymmetricKeyType === 'ec' && asymmetricKeyDetails?.namedCurve === 'prime256v1';
  } catch {
    return false;
  }
}

function issued(issuer: X509Certificate, certificate: X509Certificate): boolean {
  try {
    return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
  } catch {
    return false;
  }
}
