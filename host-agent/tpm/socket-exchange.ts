import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { KpsimError, errorText } from '../../core/errors.js';

/** How many bytes the answer in `received` has in all; undefined until enough is there to tell. */
export type AnswerLength = (received: Buffer) => number | undefined;

interface Waiting {
  readonly lengthOf: AnswerLength;
  readonly resolve: (answer: Buffer) => void;
  readonly reject: (error: KpsimError) => void;
}

/** One TCP connection on which a request is sent and its answer awaited, one at a time. */
export class SocketExchange {
  readonly #about: string;
  readonly #socket: Socket;
  readonly #timeoutMs: number;
  #received = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #closed: KpsimError | undefined;

  private constructor(about: string, socket: Socket, timeoutMs: number) {
    this.#about = about;
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#deliver();
      // It would be taken for the answer to the next request, or pile up.
      if (this.#waiting === undefined && this.#received.length > 0)
        this.#cut('it sent more than was asked for');
    });
    socket.on('error', (error) => {
      this.#fail(errorText(error));
    });
    socket.on('close', () => {
      this.#fail('the connection was closed');
    });
  }

  /** Connects. @throws KpsimError `tpm_unavailable` */
  static open(about: string, host: string, port: number, timeoutMs: number): Promise<SocketExchange> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      const refuse = (why: string): void => {
        socket.destroy();
        reject(unavailable(about, why));
      };
      socket.setTimeout(timeoutMs, () => {
        refuse('it does not accept connections');
      });
      socket.once('error', (error) => {
        refuse(errorText(error));
      });
      socket.once('connect', () => {
        socket.setTimeout(0);
        socket.removeAllListeners('error').removeAllListeners('timeout');
        resolve(new SocketExchange(about, socket, timeoutMs));
      });
    });
  }

  /**
   * Sends a request in one write and waits for the whole answer.
   *
   * @throws KpsimError `tpm_unavailable` if the connection breaks or no answer comes in time
   */
  exchange(request: Buffer, lengthOf: AnswerLength): Promise<Buffer> {
    const turn = this.#queue.then(() => this.#exchange(request, lengthOf));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  #exchange(request: Buffer, lengthOf: AnswerLength): Promise<Buffer> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    return new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => {
        // An answer that comes later would be taken for that of the next request.
        this.#cut(`no answer came within ${this.#timeoutMs} ms`);
      }, this.#timeoutMs);
      this.#waiting = {
        lengthOf,
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      this.#socket.write(request);
    });
  }

  #deliver(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const length = waiting.lengthOf(this.#received);
    if (length === undefined || this.#received.length < length) return;
    const answer = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    this.#waiting = undefined;
    waiting.resolve(answer);
  }

  #cut(why: string): void {
    this.#received = Buffer.alloc(0);
    this.#socket.destroy();
    this.#fail(why);
  }

  #fail(why: string): void {
    this.#closed ??= unavailable(this.#about, why);
    this.#waiting?.reject(this.#closed);
    this.#waiting = undefined;
  }

  /** Closes the connection; a request that waits fails. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.closed) {
        resolve();
        return;
      }
      this.#socket.once('close', () => {
        resolve();
      });
      this.#socket.destroy();
    });
  }
}

function unavailable(about: string, why: string): KpsimError {
  return new KpsimError(
    'tpm_unavailable',
    `${about} cannot be reached: ${why}. Start it, and check host and port.`,
  );
}
