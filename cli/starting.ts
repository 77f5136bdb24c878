import { KpsimError } from '../core/errors.js';
import type { CommandIo } from './io.js';

/** The start of what runs until it is stopped. A user who stops it before it is up is told so at once. */
export class Starting {
  readonly #stop = new AbortController();
  #over = false;

  constructor(io: CommandIo) {
    void io.stopRequested.then(() => {
      if (this.#over) return;
      io.stderr.write('Stopping; once more ends it at once.\n');
      this.#stop.abort(new KpsimError('interrupted', 'Stopped before it was ready, as you asked.'));
    });
  }

  /** Aborted when the user stops it; its reason is a KpsimError `interrupted`. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Says that all is up. @throws KpsimError `interrupted` if the user stopped it meanwhile */
  end(): void {
    this.#over = true;
    this.signal.throwIfAborted();
  }
}
