import type { AddressInfo, Socket } from 'node:net';
import type { Server } from 'node:tls';

import { errorText } from '../../core/errors.js';
import { listening } from '../../core/http/https-server.js';
import type { AdmissionParts } from './admission.js';
import { mutualTls } from './admission.js';

/**
 * The port of a TLS server, which faults can trouble: refuse connections, reset them, leave them without an answer (the
 * requests see to that), present an expired certificate.
 */
export class Port {
  readonly #server: Server;
  readonly #parts: AdmissionParts;
  readonly #sockets = new Set<Socket>();
  #bound: number | undefined;
  /** Whether the certificate in place is the expired one. */
  #expired = false;
  #unwatch: (() => void) | undefined;

  /** @param server takes connections from here on; its own listeners may be added before or after */
  constructor(server: Server, parts: AdmissionParts) {
    this.#server = server;
    this.#parts = parts;
    // Before and after the server's own listener, which makes the TLS socket.
    server.prependListener('connection', (socket: Socket) => this.#before(socket));
    server.on('connection', (socket: Socket) => this.#after(socket));
  }

  /** Binds the port and returns the one really bound. @throws KpsimError `port_in_use`, `listen_failed` */
  async listen(port: number): Promise<number> {
    const { config, context } = this.#parts;
    await listening(this.#server, port, config.host);
    this.#bound = (this.#server.address() as AddressInfo).port;
    this.#unwatch = context.faults.watch(() => this.#apply());
    this.#apply();
    return this.#bound;
  }

  /** Stops accepting; resolves when the last connection is closed. */
  close(): Promise<void> {
    this.#unwatch?.();
    this.#bound = undefined;
    return new Promise((resolve) => {
      // An error means that the port is closed already, as a fault has it.
      this.#server.close(() => resolve());
    });
  }

  get #down(): 'refuse' | 'reset' | 'silent' | undefined {
    const { config, context } = this.#parts;
    return context.faults.condition('down', config.name)?.how;
  }

  #apply(): void {
    if (this.#bound === undefined) return;
    const { config, context } = this.#parts;
    const down = this.#down;
    if (down === 'refuse' || down === 'reset') for (const socket of this.#sockets) socket.resetAndDestroy();
    if (down === 'refuse' && this.#server.listening) this.#server.close();
    if (down !== 'refuse' && !this.#server.listening) {
      listening(this.#server, this.#bound, config.host).catch((error: unknown) =>
        context.log.error({ problem: errorText(error) }, 'the port cannot be opened again'),
      );
    }
  }

  #before(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    const { config, context, expired } = this.#parts;
    if (!context.faults.matchConnection(config.name)) return;
    const { pem } = expired;
    if (pem === undefined) {
      context.log.error('there is no expired certificate to present: set tls.expiredCertificatePem');
      socket.resetAndDestroy();
      return;
    }
    // The server's own listener takes it for this connection; then the good one is put back.
    this.#server.setSecureContext({ ...mutualTls(this.#parts), cert: pem });
    this.#expired = true;
  }

  #after(socket: Socket): void {
    if (this.#expired) this.#server.setSecureContext(mutualTls(this.#parts));
    this.#expired = false;
    if (this.#down === 'reset') socket.resetAndDestroy();
  }
}
