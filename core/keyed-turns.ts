/** Work on rows that are told by keys: on each row one piece after another, on different rows at the same time. */
export class KeyedTurns {
  /** The last work on each key. */
  readonly #last = new Map<string, Promise<unknown>>();
  /** The last work on all rows. */
  #whole: Promise<unknown> | undefined;

  /** Does a piece of work once all earlier work on the same row is over, whether it went well or not. */
  take<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? this.#whole;
    const turn = before ? before.then(work) : work();
    const settled = turn.catch(() => undefined);
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return turn;
  }

  /** Does a piece of work once all earlier work is over, and lets none begin before it is over itself. */
  takeAll<T>(work: () => Promise<T>): Promise<T> {
    const turn = Promise.all([this.#whole, ...this.#last.values()]).then(work);
    const settled = turn.catch(() => undefined);
    this.#last.clear();
    this.#whole = settled;
    void settled.then(() => {
      if (this.#whole === settled) this.#whole = undefined;
    });
    return turn;
  }
}
