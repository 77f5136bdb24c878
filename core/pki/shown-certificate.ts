import { connect } from 'node:tls';

import { KpsimError, errorText } from '../errors.js';

/** A server whose certificate is to be looked at. */
export interface ShownCertificateRequest {
  readonly host: string;
  readonly port: number;
  readonly timeoutMs: number;
  /** For servers that end the handshake of clients without one. */
  readonly clientCertificate?:
    { readonly certificatePem: string; readonly privateKeyPem: string } | undefined;
}

/**
 * The certificate (PEM) that a TLS server shows, trusted or not, for an administrator to judge: nothing is sent over
 * this connection.
 *
 * @throws KpsimError `unreachable` if there is no TLS server, or no answer in time
 */
export function shownCertificate(request: ShownCertificateRequest): Promise<string> {
  const { host, port, clientCertificate } = request;
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      socket.destroy();
      const message = `${host}:${port} shows no certificate (${errorText(error)}); check address and port.`;
      reject(new KpsimError('unreachable', message, { cause: error }));
    };
    const socket = connect({
      host,
      port,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false, // whether to trust it is decided by whoever is shown the certificate
      ...(clientCertificate && {
        cert: clientCertificate.certificatePem,
        key: clientCertificate.privateKeyPem,
      }),
    });
    socket.setTimeout(request.timeoutMs, () => fail(new Error('no answer in time')));
    socket.once('error', fail);
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      socket.destroy();
      if (certificate) resolve(certificate.toString());
      else fail(new Error('an empty handshake'));
    });
  });
}
