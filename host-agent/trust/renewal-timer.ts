/**
 * Does `work` every `intervalMs` milliseconds until the function that it returns is called; `work` does not throw.
 * Tests bring one that goes when they say so.
 */
export type Every = (intervalMs: number, work: () => Promise<void>) => () => void;

/** Goes by the machine's timer, which does not keep the process running. */
export const everyInterval: Every = (intervalMs, work) => {
  const timer = setInterval(() => void work(), intervalMs).unref();
  return () => {
    clearInterval(timer);
  };
};
