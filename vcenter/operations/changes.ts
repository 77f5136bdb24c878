/** Tells whoever waits that something of the inventory or of a task has changed. */
export class Changes {
  #version = 1;
  readonly #waiting = new Set<() => void>();

  /** Grows with each change. */
  get version(): number {
    return this.#version;
  }

  /** Something has changed. */
  readonly signal = (): void => {
    this.#version += 1;
    for (const wake of [...this.#waiting]) wake();
  };

  /** Resolves at the next change, after `timeoutMs`, or when `signal` is aborted. */
  next(timeoutMs: number, abort: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        abort.removeEventListener('abort', done);
        this.#waiting.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.#waiting.add(done);
      abort.addEventListener('abort', done);
      if (abort.aborted) done();
    });
  }
}
