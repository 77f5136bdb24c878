import type { IncomingMessage, RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { PeerCertificate } from 'node:tls';

import { KpsimError } from '../errors.js';
import { parseCertificate } from '../pki/certificate.js';
import type { X509Certificate } from 'node:crypto';

/** A server's own certificate, and whether it asks its clients for one. */
export interface ServerTls {
  /** The certificate, followed by its issuers if they are not roots. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** Authorities that client certificates must come from. */
  readonly clientCaPem?: string | undefined;
  /** `optional` asks and leaves the decision to the route; `required` ends the handshake without one. */
  readonly requestClientCertificate?: 'none' | 'optional' | 'required' | undefined;
}

/** Choices for {@link startHttpsServer}. */
export interface HttpsServerOptions {
  readonly app: RequestListener;
  /**
   * Gets requests that wait to be continued (RFC 9110 §10.1.1), and continues them once it wants their bodies. Without
   * it they are continued at once, and `app` gets them.
   */
  readonly waiting?: RequestListener | undefined;
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly tls: ServerTls;
}

/** A running HTTPS server. */
export interface HttpsServer {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** Stops listening, ends idle connections, gives running requests a moment, then cuts the rest. */
  close(): Promise<void>;
}

/** Handshakes, headers and whole requests that take longer than this are cut off. */
const TIMEOUTS_MS = { handshake: 10_000, headers: 15_000, request: 300_000, keepAlive: 60_000, grace: 2_000 };

/** Starts an HTTPS server with TLS 1.2/1.3. @throws KpsimError `port_in_use` */
export async function startHttpsServer(options: HttpsServerOptions): Promise<HttpsServer> {
  const { tls, host } = options;
  const wanted = tls.requestClientCertificate ?? 'none';
  const server = createServer(
    {
      cert: tls.certificatePem,
      key: tls.privateKeyPem,
      ...(tls.clientCaPem !== undefined && { ca: tls.clientCaPem }),
      requestCert: wanted !== 'none',
      rejectUnauthorized: wanted === 'required',
      minVersion: 'TLSv1.2',
      handshakeTimeout: TIMEOUTS_MS.handshake,
      headersTimeout: TIMEOUTS_MS.headers,
      requestTimeout: TIMEOUTS_MS.request,
      keepAliveTimeout: TIMEOUTS_MS.keepAlive,
      maxHeaderSize: 64 * 1024,
    },
    options.app,
  );
  if (options.waiting) server.on('checkContinue', options.waiting);
  await listening(server, options.port, host);
  const { port } = server.address() as AddressInfo;
  let closed: Promise<void> | undefined;
  return { host, port, url: urlOf(host, port), close: () => (closed ??= closeServer(server)) };
}

/** Certificates of connections, which are parsed once and not for each request. */
const clientCertificates = new WeakMap<TLSSocket, X509Certificate>();

/** The verified client certificate of a request; undefined if none was sent or it does not verify. */
export function clientCertificateOf(request: IncomingMessage): X509Certificate | undefined {
  const { socket } = request;
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const known = clientCertificates.get(socket);
  if (known) return known;
  const peer: Partial<PeerCertificate> = socket.getPeerCertificate();
  if (!peer.raw) return undefined;
  const certificate = parseCertificate(peer.raw);
  clientCertificates.set(socket, certificate);
  return certificate;
}

/** `https://host:port`, with brackets around IPv6 addresses. */
export function urlOf(host: string, port: number, scheme = 'https'): string {
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** Binds any Node server. @throws KpsimError `port_in_use` or `listen_failed`, saying which address */
export function listening(
  server: {
    listen(port: number, host: string, done: () => void): unknown;
    once(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
    removeListener(event: 'error', listener: (error: NodeJS.ErrnoException) => void): unknown;
  },
  port: number,
  host: string,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const failed = (error: NodeJS.ErrnoException): void => {
      const inUse = error.code === 'EADDRINUSE';
      const remedy = inUse
        ? 'Another program listens there: choose another port, or 0 for any.'
        : 'Choose an address of this machine and a port you may bind.';
      reject(
        new KpsimError(
          inUse ? 'port_in_use' : 'listen_failed',
          `Cannot listen on ${host}:${port} (${error.code ?? error.message}). ${remedy}`,
          { cause: error },
        ),
      );
    };
    server.once('error', failed);
    server.listen(port, host, () => {
      server.removeListener('error', failed);
      resolve();
    });
  });
}

function closeServer(server: ReturnType<typeof createServer>): Promise<void> {
  return new Promise((resolve) => {
    const cut = setTimeout(() => server.closeAllConnections(), TIMEOUTS_MS.grace);
    server.close(() => {
      clearTimeout(cut);
      resolve();
    });
    server.closeIdleConnections();
  });
}
