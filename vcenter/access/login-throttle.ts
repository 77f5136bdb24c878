import type { Clock } from '../../core/clock.js';

/** Failures that are let through before waiting begins. */
const FREE_FAILURES = 5;
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;
/** Failures are forgotten after so long without another. */
const FORGET_AFTER_MS = 15 * 60_000;
const SUBJECT_LIMIT = 10_000;

interface Failures {
  count: number;
  lastAt: number;
}

/**
 * Slows down guessing: after five failures of one user name from one address, each further attempt has to wait
 * twice as long as the one before, up to a minute. Own choice.
 */
export class LoginThrottle {
  readonly #clock: Clock;
  readonly #failures = new Map<string, Failures>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until another attempt is looked at; 0 if it is now. */
  waitMs(user: string, address: string): number {
    const found = this.#failures.get(keyOf(user, address));
    if (!found || found.count < FREE_FAILURES) return 0;
    const wait = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** (found.count - FREE_FAILURES));
    return Math.max(0, found.lastAt + wait - this.#clock.now());
  }

  failed(user: string, address: string): void {
    const now = this.#clock.now();
    const key = keyOf(user, address);
    const found = this.#failures.get(key);
    const count = found && now - found.lastAt < FORGET_AFTER_MS ? found.count + 1 : 1;
    this.#failures.delete(key);
    this.#failures.set(key, { count, lastAt: now });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > SUBJECT_LIMIT && oldest !== undefined) this.#failures.delete(oldest);
  }

  succeeded(user: string, address: string): void {
    this.#failures.delete(keyOf(user, address));
  }
}

function keyOf(user: string, address: string): string {
  return `${address} ${user.toLowerCase()}`;
}
