import type { Clock } from '../../core/clock.js';
import { zeroise } from '../../core/secret.js';

/** A primary key, for as long as it is lent. */
export interface PrimaryKey {
  readonly id: string;
  /** 32 bytes; zeroised when the key leaves the cache. */
  readonly key: Buffer;
}

interface CachedKey extends PrimaryKey {
  readonly expiresMs: number;
}

/** How often keys whose time is over are cleared from memory, in milliseconds. */
const SWEEP_MS = 1000;

/**
 * Primary keys in memory, each for a short time, so that a storm of hosts costs the key server one request and a key
 * that is deactivated there stops working here soon. Requests for a key that is being fetched wait for that fetch.
 */
export class PrimaryKeys {
  readonly #clock: Clock;
  readonly #lifetimeMs: number;
  readonly #keys = new Map<string, CachedKey>();
  readonly #fetching = new Map<string, Promise<void>>();
  readonly #sweep: NodeJS.Timeout;
  #epoch = 0;

  constructor(clock: Clock, lifetimeSeconds: number) {
    this.#clock = clock;
    this.#lifetimeMs = lifetimeSeconds * 1000;
    this.#sweep = setInterval(() => this.#forgetExpired(), SWEEP_MS);
    this.#sweep.unref();
  }

  /**
   * Lends a provider's key to `work`, which must not keep it: the key may be cleared as soon as `work` returns.
   *
   * @param fetch asked for the key if it is not in memory
   * @throws whatever `fetch` or `work` throws
   */
  async lend<T>(
    provider: string,
    id: string,
    fetch: () => Promise<Buffer>,
    work: (primary: PrimaryKey) => T,
  ): Promise<T> {
    const place = `${provider}/${id}`;
    const cached = this.#current(place);
    if (cached) return work(cached);
    await (this.#fetching.get(place) ?? this.#fetch(place, id, fetch));
    const fetched = this.#keys.get(place);
    // Forgotten while it was waited for: the next attempt judges the provider as it is now.
    return fetched ? work(fetched) : this.lend(provider, id, fetch, work);
  }

  /** Forgets all keys of a provider, after its settings changed. */
  forget(provider: string): void {
    this.#epoch += 1;
    for (const place of this.#keys.keys()) if (place.startsWith(`${provider}/`)) this.#drop(place);
  }

  /** Forgets all keys and ends the timer. */
  close(): void {
    clearInterval(this.#sweep);
    this.#epoch += 1;
    for (const place of this.#keys.keys()) this.#drop(place);
  }

  #current(place: string): CachedKey | undefined {
    const cached = this.#keys.get(place);
    const now = this.#clock.now();
    // A clock that was set back must not prolong a key's time.
    if (cached && now < cached.expiresMs && now >= cached.expiresMs - this.#lifetimeMs) return cached;
    this.#drop(place);
    return undefined;
  }

  async #fetch(place: string, id: string, fetch: () => Promise<Buffer>): Promise<void> {
    const epoch = this.#epoch;
    // Counted from the question on: the key may be destroyed while the answer is on its way.
    const expiresMs = this.#clock.now() + this.#lifetimeMs;
    const work = fetch()
      .then((key) => {
        if (epoch !== this.#epoch) zeroise(key);
        else this.#keys.set(place, { id, key, expiresMs });
      })
      .finally(() => this.#fetching.delete(place));
    this.#fetching.set(place, work);
    await work;
  }

  #forgetExpired(): void {
    const now = this.#clock.now();
    for (const [place, { expiresMs }] of this.#keys) if (now >= expiresMs) this.#drop(place);
  }

  #drop(place: string): void {
    zeroise(this.#keys.get(place)?.key);
    this.#keys.delete(place);
  }
}
