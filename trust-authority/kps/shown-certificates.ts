import type { X509Certificate } from 'node:crypto';

import { errorText } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import { parsePemChain } from '../../core/pki/index.js';
import { isChainValidAt } from '../pki/signing-chain.js';
import type { RemoteServerCertificate } from './client.js';
import { remoteCertificate } from './key-server.js';
import type { NamedServer } from './key-server.js';

const REMOTE_TIMEOUT_MS = 5_000;

/**
 * The certificates that key servers show right now, and whether they are trusted; servers that cannot be reached are
 * left out.
 *
 * @param trusted certificates of key servers, or of their authorities
 * @throws VapiError `SERVICE_UNAVAILABLE` if none can be reached
 */
export async function shownCertificates(
  servers: readonly NamedServer[],
  trusted: readonly X509Certificate[],
  nowMs: number,
): Promise<RemoteServerCertificate[]> {
  const asked = await Promise.allSettled(
    servers.map(async ({ name: server, address }) => {
      const certificate = await remoteCertificate(address, REMOTE_TIMEOUT_MS);
      const [shown] = parsePemChain(certificate);
      const isTrusted =
        shown !== undefined &&
        isChainValidAt([shown], nowMs) &&
        trusted.some((known) => vouchesFor(known, shown));
      return { server, certificate, trusted: isTrusted };
    }),
  );
  const shown = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const [failed] = asked.flatMap((one) => (one.status === 'rejected' ? [errorText(one.reason)] : []));
  if (shown.length === 0) throw new VapiError('SERVICE_UNAVAILABLE', failed ?? 'No key server answers.');
  return shown;
}

/** True if a trusted certificate is the one shown, or that of its issuer. */
function vouchesFor(trusted: X509Certificate, shown: X509Certificate): boolean {
  if (trusted.raw.equals(shown.raw)) return true;
  return trusted.ca && shown.checkIssued(trusted) && shown.verify(trusted.publicKey);
}
