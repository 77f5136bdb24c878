/** Runs something later; injected, so that tests decide when later is. */
export interface Scheduler {
  /** Runs `run` once in `delayMs`; the function returned takes that back. */
  after(delayMs: number, run: () => void): () => void;
}

/** Timers of the runtime, which do not keep the process alive. */
export const systemScheduler: Scheduler = {
  after(delayMs, run) {
    const timer = setTimeout(run, delayMs).unref();
    return () => clearTimeout(timer);
  },
};
