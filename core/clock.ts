/** The time as a service sees it; injected, so that expiry and lifecycles can be tested without waiting. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** A clock is kept within the years 0 to 9999, which every format of dates can say. */
const EARLIEST_MS = Date.parse('0000-01-01T00:00:00Z');
const LATEST_MS = Date.parse('9999-01-01T00:00:00Z');

function within(epochMs: number): number {
  return Math.min(Math.max(epochMs, EARLIEST_MS), LATEST_MS);
}

/** A clock that runs with another one, shifted by an offset; `/clock` of the admin listener moves it. */
export class AdjustableClock implements Clock {
  readonly #base: Clock;
  #offsetMs = 0;

  /** @param base the clock it runs with; a fixed one (`{ now: () => t }`) makes time stand still */
  constructor(base: Clock = systemClock) {
    this.#base = base;
  }

  now(): number {
    return this.#base.now() + this.#offsetMs;
  }

  /** How far this clock is from its base, in milliseconds. */
  get offsetMs(): number {
    return this.#offsetMs;
  }

  /** Moves the clock by `deltaMs`, backwards if negative; not beyond the years 0 to 9999. */
  advance(deltaMs: number): void {
    const base = this.#base.now();
    this.#offsetMs = within(base + this.#offsetMs + deltaMs) - base;
  }

  /** Makes the clock read `epochMs` now and run on from there. */
  set(epochMs: number): void {
    this.#offsetMs = within(epochMs) - this.#base.now();
  }

  /** Back to the base clock. */
  reset(): void {
    this.#offsetMs = 0;
  }
}
