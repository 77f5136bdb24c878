/** The time as a service sees it; injected, so that expiry and lifecycles can be tested without waiting. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now() };

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

  /** Moves the clock by `deltaMs`, backwards if negative. */
  advance(deltaMs: number): void {
    this.#offsetMs += deltaMs;
  }

  /** Makes the clock read `epochMs` now and run on from there. */
  set(epochMs: number): void {
    this.#offsetMs = epochMs - this.#base.now();
  }

  /** Back to the base clock. */
  reset(): void {
    this.#offsetMs = 0;
  }
}
