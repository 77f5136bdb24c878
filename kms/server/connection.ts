import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { Logger } from '../../core/logging.js';
import { zeroise } from '../../core/secret.js';
import { KmipError, tagValue } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { Answer, BatchProcessor } from './batch.js';
import { MessageFramer } from './framing.js';
import type { Client } from './identity.js';
import type { KmsMetrics } from './metrics.js';

/** One client's connection: requests are answered one after another, in their order. */
export class KmipConnection {
  readonly #socket: TLSSocket;
  readonly #transport: Socket | undefined;
  readonly #client: Client;
  readonly #log: Logger;
  readonly #processor: BatchProcessor;
  readonly #metrics: KmsMetrics;
  readonly #framer: MessageFramer;
  readonly #limits: KmsConfig['limits'];
  #busy = false;
  #ended = false;
  /** When the request that is still incomplete began to arrive, or the client was last waited for (monotonic ms). */
  #waitingSince = performance.now();

  constructor(
    socket: TLSSocket,
    parts: {
      /** The TCP connection below; a TLS socket cannot send a reset itself. */
      readonly transport: Socket | undefined;
      readonly client: Client;
      readonly log: Logger;
      readonly processor: BatchProcessor;
      readonly metrics: KmsMetrics;
      readonly limits: KmsConfig['limits'];
    },
  ) {
    this.#socket = socket;
    this.#transport = parts.transport;
    this.#client = parts.client;
    this.#log = parts.log;
    this.#processor = parts.processor;
    this.#metrics = parts.metrics;
    this.#limits = parts.limits;
    this.#framer = new MessageFramer(tagValue('RequestMessage'), parts.limits.messageBytes);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => {
      this.#ended = true;
      if (!this.#busy) socket.end();
    });
  }

  /** Closes the connection if its client has been too slow. @param now monotonic milliseconds */
  closeIfOverdue(now: number): void {
    const unread = this.#socket.writableLength > 0;
    if (this.#busy && !unread) return;
    const inTransfer = unread || this.#framer.bufferedBytes > 0;
    const allowedSeconds = inTransfer ? this.#limits.frameSeconds : this.#limits.idleSeconds;
    if (now - this.#waitingSince > allowedSeconds * 1000) this.#socket.destroy();
  }

  /** Closes the connection after the answer under way. */
  finish(): void {
    this.#ended = true;
    if (!this.#busy) this.#socket.end();
  }

  #receive(chunk: Buffer): void {
    if (this.#framer.bufferedBytes === 0) this.#waitingSince = performance.now();
    this.#framer.push(chunk);
    if (this.#busy) {
      // What is sent ahead of its turn waits in the kernel, beyond one message's worth.
      if (this.#framer.bufferedBytes > this.#limits.messageBytes) this.#socket.pause();
      return;
    }
    this.#serve().catch((error: unknown) => {
      this.#log.error({ err: error }, 'a connection could not be served');
      this.#socket.destroy();
    });
  }

  async #serve(): Promise<void> {
    this.#busy = true;
    for (;;) {
      const message = this.#nextMessage();
      if (message === undefined) break;
      const started = performance.now();
      const answer =
        message instanceof KmipError
          ? this.#processor.answerGarbage(message, this.#client)
          : await this.#processor.answer(message, this.#client);
      this.#metrics.duration.observe((performance.now() - started) / 1000);
      this.#waitingSince = performance.now();
      await this.#deliver(answer);
      if (message instanceof KmipError) {
        // The stream cannot be cut into messages any more.
        this.#ended = true;
        break;
      }
    }
    this.#busy = false;
    this.#waitingSince = performance.now();
    if (this.#ended) this.#socket.end();
    else this.#socket.resume();
  }

  #nextMessage(): Buffer | KmipError | undefined {
    if (this.#socket.destroyed || this.#socket.writableEnded) return undefined;
    try {
      return this.#framer.next();
    } catch (error) {
      if (error instanceof KmipError) return error;
      throw error;
    }
  }

  /** Writes the answer in one piece, waits until the client took it, and clears the keys it may hold. */
  async #deliver({ bytes, delivery }: Answer): Promise<void> {
    switch (delivery) {
      case 'send':
        await this.#write(bytes);
        break;
      case 'truncate':
        await this.#write(bytes.subarray(0, bytes.length >> 1));
        this.#ended = true;
        break;
      case 'reset':
        this.#transport?.resetAndDestroy();
        break;
      case 'drop':
        break;
    }
    zeroise(bytes);
  }

  #write(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) {
        resolve();
        return;
      }
      // A client that goes away instead of reading ends the wait as well.
      const closed = (): void => resolve();
      this.#socket.once('close', closed);
      this.#socket.write(bytes, () => {
        this.#socket.off('close', closed);
        resolve();
      });
    });
  }
}
