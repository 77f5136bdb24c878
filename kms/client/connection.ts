import { isIP } from 'node:net';
import { connect, createSecureContext } from 'node:tls';
import type { SecureContext, TLSSocket } from 'node:tls';

import { errorText } from '../../core/errors.js';
import { tagValue } from '../../wire/kmip/index.js';
import { MessageFramer } from '../server/framing.js';
import { KmipConnectionError } from './errors.js';

/** Where a key server is. */
export interface KmipServerAddress {
  readonly host: string;
  readonly port: number;
}

/** How the client and the servers prove who they are. */
export interface KmipClientTls {
  /** The client's certificate, followed by its issuers. */
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** CA of the servers' certificates; host names are checked. */
  readonly caPem?: string | undefined;
  /** Or the servers' certificates themselves: SHA-256, hex with colons. Names and issuers do not matter then. */
  readonly pinnedThumbprintsSha256?: readonly string[] | undefined;
  /** Newest TLS version offered; TLS 1.3 if absent. */
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined;
}

/** Largest response taken, in bytes. */
export const RESPONSE_LIMIT_BYTES = 64 * 1024 * 1024;

interface Waiting {
  readonly resolve: (message: Buffer) => void;
  readonly reject: (error: KmipConnectionError) => void;
  readonly timer: NodeJS.Timeout;
}

/** A connection to a key server, of whatever kind; carries one exchange at a time. */
export interface Connection {
  /** Whether another exchange can be tried. */
  readonly usable: boolean;
  /**
   * Sends a request in TTLV and waits for its response.
   *
   * @throws KmipConnectionError, after which the connection is closed
   */
  exchange(request: Buffer, timeoutMs: number): Promise<Buffer>;
  /** Closes the connection. */
  close(): Promise<void>;
}

/**
 * Opens a connection and verifies the server.
 *
 * @param timeoutMs for the whole of it: TCP and TLS
 * @param signal gives it up
 * @throws KmipConnectionError
 */
export type Connector = (
  server: KmipServerAddress,
  tls: KmipClientTls,
  timeoutMs: number,
  signal?: AbortSignal,
) => Promise<Connection>;

/** One TLS connection to a key server, in TTLV. */
export class ClientConnection implements Connection {
  readonly server: KmipServerAddress;
  readonly #socket: TLSSocket;
  readonly #framer = new MessageFramer(tagValue('ResponseMessage'), RESPONSE_LIMIT_BYTES);
  #waiting: Waiting | undefined;
  #usable = true;

  private constructor(server: KmipServerAddress, socket: TLSSocket) {
    this.server = server;
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error: Error) =>
      this.#fail(`the connection to ${nameOf(server)} failed: ${error.message}`, error),
    );
    socket.on('close', () =>
      this.#fail(
        `${nameOf(server)} closed the connection before it answered; it may not trust the certificate shown to it`,
      ),
    );
  }

  /** Connects and verifies the server. @throws KmipConnectionError */
  static async open(
    server: KmipServerAddress,
    tls: KmipClientTls,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<ClientConnection> {
    return new ClientConnection(server, await openTls(server, tls, timeoutMs, signal));
  }

  get usable(): boolean {
    return this.#usable && !this.#socket.destroyed;
  }

  exchange(request: Buffer, timeoutMs: number): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal();
      if (refusal !== undefined) {
        reject(new KmipConnectionError(refusal, { mayHaveBeenPerformed: false }));
        return;
      }
      const late = (): void => this.#fail(`${nameOf(this.server)} did not answer within ${timeoutMs} ms`);
      this.#waiting = { resolve, reject, timer: setTimeout(late, timeoutMs) };
      this.#socket.write(request);
    });
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#usable = false;
      if (this.#socket.destroyed) {
        resolve();
        return;
      }
      this.#socket.once('close', () => resolve());
      this.#socket.end();
      this.#socket.destroySoon();
    });
  }

  /** Why nothing can be sent now. */
  #refusal(): string | undefined {
    if (!this.usable) return `the connection to ${nameOf(this.server)} is closed`;
    return this.#waiting ? `the connection to ${nameOf(this.server)} waits for another answer` : undefined;
  }

  #receive(chunk: Buffer): void {
    this.#framer.push(chunk);
    try {
      for (let message = this.#framer.next(); message; message = this.#framer.next()) {
        // What nobody asked for would be taken for the answer to the next request.
        if (!this.#waiting) throw new Error('it sends what was not asked for');
        const answer = message;
        this.#settle((waiting) => waiting.resolve(answer));
      }
    } catch (error) {
      this.#fail(`${nameOf(this.server)} does not answer in KMIP: ${errorText(error)}`, error);
    }
  }

  #fail(message: string, cause?: unknown): void {
    this.#usable = false;
    this.#socket.destroy();
    this.#settle((waiting) =>
      waiting.reject(new KmipConnectionError(message, { cause, mayHaveBeenPerformed: true })),
    );
  }

  #settle(how: (waiting: Waiting) => void): void {
    const waiting = this.#waiting;
    if (!waiting) return;
    this.#waiting = undefined;
    clearTimeout(waiting.timer);
    how(waiting);
  }
}

/** Opens a TLS connection and verifies the server. @throws KmipConnectionError */
export function openTls(
  server: KmipServerAddress,
  tls: KmipClientTls,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<TLSSocket> {
  const pins = tls.pinnedThumbprintsSha256?.map((pin) => pin.toUpperCase());
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...server,
      secureContext: secureContextOf(tls),
      ...(isIP(server.host) === 0 ? { servername: server.host } : {}),
      // With pins the certificate itself is checked below, before anything is sent.
      rejectUnauthorized: pins === undefined,
    });
    const settled = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', givenUp);
    };
    const refuse = (problem: string, cause?: unknown): void => {
      settled();
      socket.destroy();
      const message = `${nameOf(server)} cannot be reached: ${problem}`;
      reject(new KmipConnectionError(message, { cause, mayHaveBeenPerformed: false }));
    };
    const timer = setTimeout(() => refuse(`no TLS connection within ${timeoutMs} ms`), timeoutMs);
    const givenUp = (): void => refuse('the client was closed');
    signal?.addEventListener('abort', givenUp);
    const failed = (error: Error): void => refuse(errorText(error), error);
    const closed = (): void => refuse('it closed the connection during the handshake');
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once('secureConnect', () => {
      const thumbprint = socket.getPeerX509Certificate()?.fingerprint256;
      if (pins && (thumbprint === undefined || !pins.includes(thumbprint))) {
        refuse(`its certificate has thumbprint ${thumbprint ?? 'none'}, which is not pinned`);
        return;
      }
      settled();
      socket.off('error', failed);
      socket.off('close', closed);
      resolve(socket);
    });
  });
}

/** Made once for all connections of a client. */
const CONTEXTS = new WeakMap<KmipClientTls, SecureContext>();

/** @throws KmipConnectionError if certificate, key or CA cannot be used */
function secureContextOf(tls: KmipClientTls): SecureContext {
  const known = CONTEXTS.get(tls);
  if (known) return known;
  try {
    const context = createSecureContext({
      cert: tls.certificatePem,
      key: tls.privateKeyPem,
      minVersion: 'TLSv1.2',
      ...(tls.maxVersion === undefined ? {} : { maxVersion: tls.maxVersion }),
      ...(tls.caPem === undefined ? {} : { ca: tls.caPem }),
    });
    CONTEXTS.set(tls, context);
    return context;
  } catch (error) {
    throw new KmipConnectionError(
      `The client's certificate, its private key or the CA cannot be used; they must be PEM, and the key that of the certificate (${errorText(error)}).`,
      { cause: error, mayHaveBeenPerformed: false },
    );
  }
}

/** A server for an error message. */
export function nameOf({ host, port }: KmipServerAddress): string {
  return `key server ${host}:${port}`;
}
