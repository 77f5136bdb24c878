import { connect } from 'node:tls';

import type { ClientIdentity } from './client-identity.js';
import { VimFault } from '../../wire/vim25/index.js';

const TIMEOUT_MS = 10_000;

/**
 * The certificate (PEM) that a key server shows. It is only looked at, so that an administrator can decide whether
 * to trust it: nothing is sent over this connection.
 *
 * @throws VimFault `SystemError` if there is no TLS server
 */
export function showServerCertificate(
  server: { readonly address: string; readonly port: number },
  identity: ClientIdentity,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const failed = (error?: Error): void => {
      socket.destroy();
      const reason = `Key server ${server.address}:${server.port} shows no certificate; check address and port.`;
      reject(new VimFault('SystemError', reason, { fields: { reason }, cause: error }));
    };
    const socket = connect({
      host: server.address,
      port: server.port,
      cert: identity.certificatePem,
      key: identity.privateKeyPem,
      minVersion: 'TLSv1.2',
      timeout: TIMEOUT_MS,
      rejectUnauthorized: false, // trust is what the administrator decides after seeing the certificate
    });
    socket.once('error', failed);
    socket.once('timeout', () => failed());
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      if (certificate) resolve(certificate.toString());
      else failed();
    });
  });
}
