import { shownCertificate } from '../../core/pki/index.js';
import { errorText } from '../../core/errors.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { ClientIdentity } from './client-identity.js';

const TIMEOUT_MS = 10_000;

/**
 * The certificate (PEM) that a key server shows, so that an administrator can decide whether to trust it.
 *
 * @throws VimFault `SystemError` if there is no TLS server
 */
export async function showServerCertificate(
  server: { readonly address: string; readonly port: number },
  clientCertificate: ClientIdentity,
): Promise<string> {
  try {
    const { address: host, port } = server;
    return await shownCertificate({ host, port, timeoutMs: TIMEOUT_MS, clientCertificate });
  } catch (error) {
    const reason = `Key server ${errorText(error)}`;
    throw new VimFault('SystemError', reason, { fields: { reason }, cause: error });
  }
}
