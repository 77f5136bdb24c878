import { once } from 'node:events';
import { connect } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';

import { MessageFramer } from '../../kms/server/framing.js';
import { tagValue } from '../../wire/kmip/index.js';
import type { TestPki } from './harness.js';

/** A TLS connection that sends bytes as they are, for requests that no client would make. */
export class RawClient implements AsyncDisposable {
  readonly socket: TLSSocket;
  readonly #framer = new MessageFramer(tagValue('ResponseMessage'), 64 * 1024 * 1024);
  readonly #arrived: ((message: Buffer | undefined) => void)[] = [];

  private constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#framer.push(chunk);
      for (let message = this.#framer.next(); message; message = this.#framer.next())
        this.#arrived.shift()?.(message);
    });
    socket.on('close', () => {
      for (const arrived of this.#arrived.splice(0)) arrived(undefined);
    });
  }

  /** Connects as `vc-east` unless told otherwise. */
  static async open(pki: TestPki, port: number, options: ConnectionOptions = {}): Promise<RawClient> {
    const socket = connect({
      host: '127.0.0.1',
      port,
      ca: pki.authority.caPem,
      cert: pki.east.certificatePem,
      key: pki.east.privateKeyPem,
      ...options,
    });
    await once(socket, 'secureConnect');
    return new RawClient(socket);
  }

  /** The next response message; undefined if the connection closes instead. */
  next(): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      if (this.socket.destroyed) resolve(undefined);
      else this.#arrived.push(resolve);
    });
  }

  /** Sends bytes and waits for the response to them. */
  async exchange(bytes: Buffer): Promise<Buffer | undefined> {
    const answer = this.next();
    this.socket.write(bytes);
    return answer;
  }

  /** Resolves when the server has closed the connection. */
  async closed(): Promise<void> {
    if (!this.socket.destroyed) await once(this.socket, 'close');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.socket.destroy();
    await this.closed();
  }
}
