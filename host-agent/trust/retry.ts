/** How long a host waits after the first attestation that failed; it doubles with every further one. Own choice. */
const FIRST_WAIT_MS = 60_000;
/** It never waits longer, so that a host is back soon after its image was imported. Own choice. */
const LONGEST_WAIT_MS = 5 * 60_000;

/** When an attestation that was refused, or that found no service to ask, is tried again by itself. */
export class Retry {
  #failures = 0;
  #notBeforeMs = 0;

  /** Counts one more failure, which ended at `nowMs`. */
  failed(nowMs: number): void {
    this.#notBeforeMs = nowMs + Math.min(FIRST_WAIT_MS * 2 ** this.#failures, LONGEST_WAIT_MS);
    this.#failures += 1;
  }

  /** Forgets all failures. */
  reset(): void {
    this.#failures = 0;
    this.#notBeforeMs = 0;
  }

  /** Whether it is time to try again. */
  isDue(nowMs: number): boolean {
    // A clock that was put back must not make the host wait for as long as that.
    return nowMs >= this.#notBeforeMs || this.#notBeforeMs - nowMs > LONGEST_WAIT_MS;
  }
}
