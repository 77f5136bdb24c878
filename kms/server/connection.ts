import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import type { Logger } from '../../core/logging.js';
import { KmipError, recycleMessage, tagValue } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { Answer } from './answers.js';
import type { BatchProcessor } from './batch.js';
import { MessageFramer } from './framing.js';
import type { Client } from './identity.js';
import type { KmsMetrics } from './metrics.js';
import type { Outbox } from './outbox.js';

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
  readonly #outbox: Outbox;
  /** A request is being answered, or its answer being sent. */
  #busy = false;
  /** The connection is to be closed once what was received is answered. */
  #ended = false;
  /** What follows cannot be cut into messages any more, or would be answered behind half an answer. */
  #broken = false;
  #started = 0;
  /** The answer on its way out. */
  #sent: Buffer | undefined;
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
      readonly outbox: Outbox;
    },
  ) {
    this.#socket = socket;
    this.#transport = parts.transport;
    this.#client = parts.client;
    this.#log = parts.log;
    this.#processor = parts.processor;
    this.#metrics = parts.metrics;
    this.#limits = parts.limits;
    this.#outbox = parts.outbox;
    this.#framer = new MessageFramer(tagValue('RequestMessage'), parts.limits.messageBytes);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('end', () => this.finish());
    // A client that goes away instead of reading ends the wait for it as well.
    socket.on('close', () => this.#delivered());
  }

  /** Closes the connection if its client has been too slow. @param now monotonic milliseconds */
  closeIfOverdue(now: number): void {
    const unread = this.#socket.writableLength > 0;
    if (this.#busy && !unread) return;
    const inTransfer = unread || this.#broken || this.#framer.bufferedBytes > 0;
    const allowedSeconds = inTransfer ? this.#limits.frameSeconds : this.#limits.idleSeconds;
    if (now - this.#waitingSince > allowedSeconds * 1000) this.#socket.destroy();
  }

  /** Closes the connection after the answer under way. */
  finish(): void {
    this.#ended = true;
    if (!this.#busy) this.#socket.end();
  }

  #receive(chunk: Buffer): void {
    // A client that writes on is let to, for a while: one whose connection is reset would not read why.
    if (this.#broken) return;
    const now = performance.now();
    if (this.#framer.bufferedBytes === 0) this.#waitingSince = now;
    this.#framer.push(chunk);
    if (this.#busy) {
      // What is sent ahead of its turn waits in the kernel, beyond one message's worth.
      if (this.#framer.bufferedBytes > this.#limits.messageBytes) this.#socket.pause();
      return;
    }
    this.#serve(now);
  }

  /**
   * Begins to answer the next request, if it is here; what was received with it or after it follows from there.
   *
   * @param now monotonic milliseconds
   */
  #serve(now: number): void {
    const message = this.#nextMessage();
    this.#busy = message !== undefined;
    if (message === undefined) {
      if (this.#ended) this.#socket.end();
      if (this.#socket.isPaused()) this.#socket.resume();
      return;
    }
    this.#started = now;
    if (message instanceof KmipError) {
      this.#breakOff();
      this.#deliver(this.#processor.answerGarbage(message, this.#client));
    } else {
      const answer = this.#processor.answer(message, this.#client);
      if (answer instanceof Promise) answer.then(this.#deliver, this.#giveUp);
      else this.#deliver(answer);
    }
  }

  #nextMessage(): Buffer | KmipError | undefined {
    if (this.#broken || this.#socket.destroyed || this.#socket.writableEnded) return undefined;
    try {
      return this.#framer.next();
    } catch (error) {
      if (error instanceof KmipError) return error;
      throw error;
    }
  }

  /** Sends the answer, in one write, as far as it is to be sent. */
  readonly #deliver = ({ bytes, delivery }: Answer): void => {
    this.#waitingSince = performance.now();
    this.#metrics.took((this.#waitingSince - this.#started) / 1000);
    this.#sent = bytes;
    switch (delivery) {
      case 'send':
        this.#outbox.send(this.#socket, bytes, this.#delivered);
        return;
      case 'truncate':
        this.#breakOff();
        this.#outbox.send(this.#socket, bytes.subarray(0, bytes.length >> 1), this.#delivered);
        return;
      case 'reset':
        this.#transport?.resetAndDestroy();
        break;
      case 'hangUp':
        this.#transport?.destroy();
        break;
      case 'drop':
        break;
    }
    this.#delivered();
  };

  /** The client took the answer, or is gone: clears the keys that it may hold, and goes on. */
  readonly #delivered = (): void => {
    if (this.#sent === undefined) return;
    recycleMessage(this.#sent);
    this.#sent = undefined;
    this.#waitingSince = performance.now();
    this.#serve(this.#waitingSince);
  };

  #breakOff(): void {
    this.#broken = true;
    this.#ended = true;
  }

  readonly #giveUp = (error: unknown): void => {
    this.#log.error({ err: error }, 'a connection could not be served');
    this.#socket.destroy();
  };
}
