import { randomBytes } from 'node:crypto';

import type { VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';

type ObjectContent = VimObject<'ObjectContent'>;

interface Rest {
  readonly session: string;
  readonly objects: readonly ObjectContent[];
  readonly size: number;
}

/** Answers that wait to be continued; the oldest are forgotten. */
const WAITING_LIMIT = 1000;

/** Answers of RetrievePropertiesEx that are told page by page. */
export class Pages {
  readonly #rest = new Map<string, Rest>();

  /** The first page, with a token if there are more. @throws VimFault `InvalidArgument` */
  first(
    session: string,
    objects: readonly ObjectContent[],
    maxObjects: number | undefined,
  ): VimObject<'RetrieveResult'> {
    if (maxObjects !== undefined && maxObjects < 1) {
      throw new VimFault('InvalidArgument', 'maxObjects is 1 or more.', {
        fields: { invalidProperty: 'options.maxObjects' },
      });
    }
    return this.#page({ session, objects, size: maxObjects ?? objects.length });
  }

  /** The next page. @throws VimFault `InvalidArgument` if the token is not known */
  next(session: string, token: string): VimObject<'RetrieveResult'> {
    return this.#page(this.#take(session, token));
  }

  cancel(session: string, token: string): void {
    this.#take(session, token);
  }

  #take(session: string, token: string): Rest {
    const rest = this.#rest.get(token);
    if (rest?.session !== session) {
      throw new VimFault('InvalidArgument', 'That token is not known; retrieve the properties again.', {
        fields: { invalidProperty: 'token' },
      });
    }
    this.#rest.delete(token);
    return rest;
  }

  #page({ session, objects, size }: Rest): VimObject<'RetrieveResult'> {
    const page = objects.slice(0, size);
    const rest = objects.slice(size);
    if (rest.length === 0) return { _typeName: 'RetrieveResult', objects: page };
    const token = randomBytes(12).toString('hex');
    this.#rest.set(token, { session, objects: rest, size });
    const [oldest] = this.#rest.keys();
    if (this.#rest.size > WAITING_LIMIT && oldest !== undefined) this.#rest.delete(oldest);
    return { _typeName: 'RetrieveResult', objects: page, token };
  }
}
