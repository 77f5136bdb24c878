/**
 * What a request did besides changing objects, for the case that its outcome does not hold: a batch that is undone, a
 * commit that fails, an answer that is too large. One for each request, however often it is done again.
 */
export class RequestEffects {
  /** Made when they are needed first: most requests have none of them. */
  #results: Map<object, unknown> | undefined;
  #undoings: (() => void)[] | undefined;
  #endings: (() => void)[] | undefined;

  /**
   * Does what cannot be done twice, once for each batch item: if the request is done again because it lost a
   * race for an object, the item has the same result again.
   *
   * @param part request payload of the item, or an object in it
   */
  once<T>(part: object, work: () => T): T {
    this.#results ??= new Map();
    if (!this.#results.has(part)) this.#results.set(part, work());
    // What was remembered for the item is what its own operation made.
    return this.#results.get(part) as T;
  }

  /** Notes what is to be done if the outcome does not hold. */
  whenUndone(work: () => void): void {
    (this.#undoings ??= []).push(work);
  }

  /** Notes what is to be done once the request is answered for good. */
  whenDone(work: () => void): void {
    (this.#endings ??= []).push(work);
  }

  /** The request is answered. */
  done(): void {
    for (const work of this.#endings?.splice(0) ?? []) work();
  }

  /** The outcome does not hold. */
  undo(): void {
    for (const work of this.#undoings?.splice(0) ?? []) work();
  }
}
