import { Refusal } from '../refusals.js';

/** Objects after which others are served: about a millisecond's work. Own choice. */
const TURN_OBJECTS = 64;

/**
 * What the searches of one request may look at, over all of its batch items and however often it is done again: an
 * attribute that is not indexed is looked for in every object that the client sees.
 */
export class SearchBudget {
  readonly #limit: number;
  #looked = 0;

  /** @param limit objects */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Takes one object, or a search that found none, into account.
   *
   * @returns what to wait for, if others are to be served first
   * @throws Refusal `searchTooLong`
   */
  take(): Promise<unknown> | undefined {
    this.#looked += 1;
    if (this.#looked > this.#limit) {
      throw new Refusal(
        'searchTooLong',
        `The searches of this request would look at more than ${this.#limit} objects. Ask for a Name, an Object Group or another indexed attribute, for fewer items, or for less in one request.`,
      );
    }
    return this.#looked % TURN_OBJECTS === 0 ? new Promise(setImmediate) : undefined;
  }
}
