import type { Writable } from 'node:stream';

interface Answer {
  readonly socket: Writable;
  readonly bytes: Buffer;
  readonly sent: () => void;
}

/**
 * Sends the answers to the requests of one turn of the event loop together, at the end of the turn; each in a write of
 * its own. A client that waits is woken by the write to it, which costs the server as much as all else about a request;
 * clients that are awake already cost nothing. docs/performance.md tells what this is worth.
 */
export class Outbox {
  #answers: Answer[] = [];

  /** Writes bytes to a socket before the turn ends. @param sent called once they are taken, or cannot be */
  send(socket: Writable, bytes: Buffer, sent: () => void): void {
    if (this.#answers.push({ socket, bytes, sent }) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const answers = this.#answers;
    this.#answers = [];
    for (const { socket, bytes, sent } of answers) socket.write(bytes, sent);
  };
}
