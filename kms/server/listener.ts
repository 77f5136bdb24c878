import type { AddressInfo, Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';

import type { ServiceContext } from '../../core/context.js';
import { listening } from '../../core/http/index.js';
import type { KmsConfig } from '../config.js';
import type { BatchProcessor } from './batch.js';
import { KmipConnection } from './connection.js';
import type { IdentityPolicy } from './identity.js';
import type { KmsMetrics } from './metrics.js';

/** How often slow connections are looked for, in milliseconds; one timer for all of them. */
const SWEEP_MS = 250;
/** Answers under way may take this long when the server stops, in milliseconds. */
const STOP_GRACE_MS = 2000;

/** The KMIP port: TLS 1.2 and 1.3, mutual. KMIP 1.4 §10. */
export class KmipListener {
  readonly #config: KmsConfig;
  readonly #context: ServiceContext;
  readonly #identity: IdentityPolicy;
  readonly #processor: BatchProcessor;
  readonly #metrics: KmsMetrics;
  readonly #server: Server;
  /** Sockets before the end of their handshake, by the client's address and port. */
  readonly #handshaking = new Map<string, Socket>();
  readonly #connections = new Map<TLSSocket, KmipConnection>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(parts: {
    readonly config: KmsConfig;
    readonly context: ServiceContext;
    readonly identity: IdentityPolicy;
    readonly processor: BatchProcessor;
    readonly metrics: KmsMetrics;
  }) {
    this.#config = parts.config;
    this.#context = parts.context;
    this.#identity = parts.identity;
    this.#processor = parts.processor;
    this.#metrics = parts.metrics;
    this.#server = this.#createServer();
  }

  /** Binds the port and returns the one really bound. @throws KpsimError `port_in_use`, `listen_failed` */
  async listen(): Promise<number> {
    await listening(this.#server, this.#config.port, this.#config.host);
    this.#server.on('error', (error) => this.#context.log.error({ err: error }, 'the KMIP listener failed'));
    this.#sweep = setInterval(() => this.#closeOverdue(), SWEEP_MS);
    return (this.#server.address() as AddressInfo).port;
  }

  /** Stops accepting, lets answers under way go out, and closes every connection. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    for (const connection of this.#connections.values()) connection.finish();
    for (const socket of this.#handshaking.values()) socket.destroy();
    const impatient = setTimeout(() => {
      for (const socket of this.#connections.keys()) socket.destroy();
    }, STOP_GRACE_MS);
    await closed;
    clearTimeout(impatient);
  }

  /** Connections whose clients are identified. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  #createServer(): Server {
    const server = createServer({
      cert: this.#config.tls.certificatePem,
      key: this.#config.tls.privateKeyPem,
      ca: this.#identity.acceptableIssuersPem(),
      minVersion: 'TLSv1.2',
      requestCert: true,
      // Pinned certificates need no chain; every peer is judged by IdentityPolicy before a byte of it is read.
      rejectUnauthorized: false,
      handshakeTimeout: this.#config.limits.handshakeSeconds * 1000,
    });
    server.maxConnections = this.#config.limits.connections;
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.#handshaking.set(peer, socket);
      socket.once('close', () => this.#handshaking.delete(peer));
    });
    server.on('secureConnection', (socket) => this.#accept(socket));
    server.on('tlsClientError', (error, socket) => {
      // Node reports a handshake that takes too long, but leaves the socket open.
      socket.destroy();
      this.#metrics.refusedConnections.inc({ reason: 'handshake' });
      this.#context.log.debug({ err: error }, 'a TLS handshake failed');
    });
    server.on('drop', () => {
      this.#metrics.refusedConnections.inc({ reason: 'too_many' });
      this.#context.log.warn('a connection was refused: as many are open as limits.connections allows');
    });
    return server;
  }

  #accept(socket: TLSSocket): void {
    const peer = peerOf(socket);
    const transport = this.#handshaking.get(peer);
    this.#handshaking.delete(peer);
    socket.on('error', (error) => this.#context.log.debug({ err: error }, 'a connection failed'));
    const client = this.#identity.identify(socket, this.#context.clock.now());
    if (typeof client === 'string') {
      this.#metrics.refusedConnections.inc({ reason: 'certificate' });
      this.#context.log.warn({ problem: client }, 'a client was refused');
      socket.destroy();
      return;
    }
    const connection = new KmipConnection(socket, {
      transport,
      client,
      log: this.#context.log,
      processor: this.#processor,
      metrics: this.#metrics,
      limits: this.#config.limits,
    });
    this.#connections.set(socket, connection);
    this.#metrics.connections.set(this.#connections.size);
    socket.once('close', () => {
      this.#connections.delete(socket);
      this.#metrics.connections.set(this.#connections.size);
    });
  }

  #closeOverdue(): void {
    const now = performance.now();
    for (const connection of this.#connections.values()) connection.closeIfOverdue(now);
  }
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress ?? ''} ${socket.remotePort ?? 0}`;
}
