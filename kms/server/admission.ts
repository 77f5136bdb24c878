import type { Socket } from 'node:net';
import type { TLSSocket, TlsOptions } from 'node:tls';

import type { ServiceContext } from '../../core/context.js';
import type { KmsConfig } from '../config.js';
import type { ExpiredCertificate } from './expired-certificate.js';
import type { Client, IdentityPolicy } from './identity.js';
import type { KmsMetrics } from './metrics.js';
import type { RefusedConnections } from './refused-connections.js';

/** What a listener judges its clients by. */
export interface AdmissionParts {
  readonly config: KmsConfig;
  readonly context: ServiceContext;
  readonly identity: IdentityPolicy;
  readonly metrics: KmsMetrics;
  readonly refusals: RefusedConnections;
  readonly expired: ExpiredCertificate;
}

/** TLS of every listener: 1.2 and 1.3, mutual (KMIP 1.4 §10). */
export function mutualTls({ config, identity }: AdmissionParts): TlsOptions {
  return {
    cert: config.tls.certificatePem,
    key: config.tls.privateKeyPem,
    ca: identity.acceptableIssuersPem(),
    minVersion: 'TLSv1.2',
    requestCert: true,
    // Pinned certificates need no chain; every peer is judged by admit() before a byte of it is read.
    rejectUnauthorized: false,
    handshakeTimeout: config.limits.handshakeSeconds * 1000,
  };
}

/** Who is at the other end of a connection; undefined, and the connection closed, if it is refused. */
export function admit(
  socket: TLSSocket,
  { context, identity, refusals }: AdmissionParts,
): Client | undefined {
  socket.on('error', (error) => context.log.debug({ err: error }, 'a connection failed'));
  const client = identity.identify(socket, context.clock.now());
  if (typeof client !== 'string') return client;
  refusals.note('certificate', client, socket);
  context.log.warn({ problem: client }, 'a client was refused');
  socket.destroy();
  return undefined;
}

/** Notes connections that end in their handshake, and those above `limits.connections`. */
export function noteRefusals(
  server: {
    on(event: 'tlsClientError', listener: (error: Error, socket: TLSSocket) => void): unknown;
    on(event: 'drop', listener: () => void): unknown;
  },
  { context, refusals }: AdmissionParts,
): void {
  server.on('tlsClientError', (error, socket) => {
    refusals.note('handshake', handshakeProblem(error), socket);
    // Node reports a handshake that takes too long, but leaves the socket open.
    socket.destroy();
    context.log.debug({ err: error }, 'a TLS handshake failed');
  });
  server.on('drop', () => {
    const problem = 'as many connections are open as limits.connections allows';
    refusals.note('too_many', problem);
    context.log.warn({ problem }, 'a connection was refused');
  });
}

/** The other end's address and port, by which a TLS socket finds the TCP socket below it. */
export function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}

/** Why a handshake ended: the code of Node or OpenSSL, as the message has addresses of memory in it. */
function handshakeProblem(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  return `the TLS handshake failed (${code})`;
}
