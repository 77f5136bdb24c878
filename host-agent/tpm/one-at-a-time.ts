import type { Socket } from 'node:net';

/** Clients that wait for their turn; who comes when so many wait is turned away (own choice). */
const MOST_WAITING = 16;

/** Serves connections one after the other, as swtpm does: the next one when the one before has closed. */
export class OneAtATime {
  readonly #serve: (socket: Socket) => void;
  readonly #idleMs: number;
  readonly #waiting: Socket[] = [];
  #served: Socket | undefined;

  /** @param idleMs after how long without a word the client that is served is cut */
  constructor(serve: (socket: Socket) => void, idleMs: number) {
    this.#serve = serve;
    this.#idleMs = idleMs;
  }

  /** Serves the connection now, or when its turn comes. It must come paused. */
  enter(socket: Socket): void {
    if (this.#waiting.length >= MOST_WAITING) {
      socket.destroy();
      return;
    }
    this.#waiting.push(socket);
    if (this.#served === undefined) this.#next();
  }

  #next(): void {
    this.#served = this.#waiting.shift();
    const socket = this.#served;
    if (socket === undefined) return;
    if (socket.destroyed) {
      this.#next();
      return;
    }
    socket.once('close', () => {
      this.#next();
    });
    socket.setTimeout(this.#idleMs, () => socket.destroy());
    this.#serve(socket);
    socket.resume();
  }
}
