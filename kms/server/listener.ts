import type { Socket } from 'node:net';
import { createServer } from 'node:tls';
import type { Server, TLSSocket } from 'node:tls';

import type { AdmissionParts } from './admission.js';
import { admit, noteRefusals, mutualTls, peerOf } from './admission.js';
import type { BatchProcessor } from './batch.js';
import { KmipConnection } from './connection.js';
import { Outbox } from './outbox.js';
import { Port } from './port.js';

/** How often slow connections are looked for, in milliseconds; one timer for all of them. */
const SWEEP_MS = 250;
/** Answers under way may take this long when the server stops, in milliseconds. */
const STOP_GRACE_MS = 2000;

interface ListenerParts extends AdmissionParts {
  readonly processor: BatchProcessor;
}

/** The KMIP port: TLS 1.2 and 1.3, mutual. KMIP 1.4 §10. */
export class KmipListener {
  readonly #parts: ListenerParts;
  readonly #server: Server;
  readonly #port: Port;
  /** Sockets before the end of their handshake, by the client's address and port. */
  readonly #handshaking = new Map<string, Socket>();
  readonly #outbox = new Outbox();
  readonly #connections = new Map<TLSSocket, KmipConnection>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
    this.#server = this.#createServer();
    this.#port = new Port(this.#server, parts);
  }

  /** Binds the port and returns the one really bound. @throws KpsimError `port_in_use`, `listen_failed` */
  async listen(): Promise<number> {
    const { config, context } = this.#parts;
    const port = await this.#port.listen(config.port);
    this.#server.on('error', (error) => context.log.error({ err: error }, 'the KMIP listener failed'));
    this.#sweep = setInterval(() => this.#closeOverdue(), SWEEP_MS);
    return port;
  }

  /** Stops accepting, lets answers under way go out, and closes every connection. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    const closed = this.#port.close();
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
    const server = createServer(mutualTls(this.#parts));
    server.maxConnections = this.#parts.config.limits.connections;
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.#handshaking.set(peer, socket);
      socket.once('close', () => this.#handshaking.delete(peer));
    });
    server.on('secureConnection', (socket) => this.#accept(socket));
    noteRefusals(server, this.#parts);
    return server;
  }

  #accept(socket: TLSSocket): void {
    const peer = peerOf(socket);
    const transport = this.#handshaking.get(peer);
    this.#handshaking.delete(peer);
    const client = admit(socket, this.#parts);
    if (!client) return;
    const { config, context, processor, metrics } = this.#parts;
    const connection = new KmipConnection(socket, {
      transport,
      client,
      log: context.log,
      processor,
      metrics,
      limits: config.limits,
      outbox: this.#outbox,
    });
    this.#connections.set(socket, connection);
    metrics.connections.inc();
    socket.once('close', () => {
      this.#connections.delete(socket);
      metrics.connections.dec();
    });
  }

  #closeOverdue(): void {
    const now = performance.now();
    for (const connection of this.#connections.values()) connection.closeIfOverdue(now);
  }
}
