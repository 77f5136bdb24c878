import type { X509Certificate } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';
import { x509 } from '../../core/pki/x509.js';

/** A revocation list that was verified when it was imported. */
export interface RevocationList {
  /** The certificate that verified it. */
  readonly issuer: X509Certificate;
  /** Serial numbers, lower-case hex without leading zeros. */
  readonly revoked: ReadonlySet<string>;
  readonly nextUpdateMs: number | undefined;
}

/** A serial number as revocation lists are searched for it. */
export function serialOf(hex: string): string {
  return hex.toLowerCase().replace(/^0+(?=.)/, '');
}

/**
 * Reads a revocation list in PEM.
 *
 * @param chain certificates, one of which must have signed the list
 * @throws VapiError `INVALID_ARGUMENT`
 */
export async function readRevocationList(
  pem: string,
  chain: readonly X509Certificate[],
): Promise<RevocationList> {
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
    if (candidate.subject === list.issuer && maySignLists(candidate) && (await verifies(list, candidate))) {
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

/** A certificate that says what its key is for must name revocation lists (RFC 5280 §4.2.1.3). */
function maySignLists(issuer: x509.X509Certificate): boolean {
  const usages = issuer.getExtension(x509.KeyUsagesExtension)?.usages;
  return usages === undefined || (usages & x509.KeyUsageFlags.cRLSign) !== 0;
}

async function verifies(list: x509.X509Crl, issuer: x509.X509Certificate): Promise<boolean> {
  try {
    return await list.verify({ publicKey: issuer });
  } catch {
    return false;
  }
}
