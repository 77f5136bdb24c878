import { VapiError } from '../core/http/index.js';
import { KeyedTurns } from '../core/keyed-turns.js';
import type { DocumentKind, SecretChange, TrustAuthorityStore } from './store.js';

/** Orders rows of a table by their ids. */
export function byId([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

/**
 * All documents of one kind, in memory and in the store: reads cost nothing, and a write is seen only once it is
 * durable. Writes of one document are done one after another, so that none is made from what another one replaces.
 */
export class DocumentTable<T> {
  readonly #store: TrustAuthorityStore;
  readonly #kind: DocumentKind;
  readonly #what: string;
  readonly #limit: number;
  readonly #rows: Map<string, T>;
  readonly #turns = new KeyedTurns();
  /** New documents on their way to the store: they count already. */
  readonly #coming = new Set<string>();
  #version = 0;

  /**
   * @param what what one document is, for messages, for example `base image`
   * @param limit most documents that are kept
   */
  constructor(store: TrustAuthorityStore, kind: DocumentKind, what: string, limit: number) {
    this.#store = store;
    this.#kind = kind;
    this.#what = what;
    this.#limit = limit;
    this.#rows = store.documents<T>(kind);
  }

  /** Grows with every change, so that what is derived from the table can be kept until then. */
  get version(): number {
    return this.#version;
  }

  /** Most documents that are kept. */
  get limit(): number {
    return this.#limit;
  }

  get size(): number {
    return this.#rows.size;
  }

  find(id: string): T | undefined {
    return this.#rows.get(id);
  }

  /** @throws VapiError `NOT_FOUND` */
  get(id: string): T {
    const row = this.#rows.get(id);
    if (row === undefined) throw this.#notFound(id);
    return row;
  }

  entries(): readonly (readonly [string, T])[] {
    return [...this.#rows];
  }

  /** @throws VapiError `ALREADY_EXISTS`, `NOT_ALLOWED_IN_CURRENT_STATE` if there are too many */
  async create(id: string, value: T): Promise<void> {
    await this.renew(id, (known) => {
      if (known === undefined) return value;
      throw new VapiError(
        'ALREADY_EXISTS',
        `There is a ${this.#what} ${JSON.stringify(id)} already. Delete it first, or choose another name.`,
      );
    });
  }

  /**
   * Writes a document, new or not.
   *
   * @param secrets written along with it
   * @throws VapiError `NOT_ALLOWED_IN_CURRENT_STATE` if there are too many
   */
  async put(id: string, value: T, secrets: readonly SecretChange[] = []): Promise<void> {
    await this.renew(id, () => value, secrets);
  }

  /**
   * Makes a document into another one.
   *
   * @param change what to write instead of the document, as it is once all earlier writes of it are over
   * @throws VapiError `NOT_FOUND`, also if the document is deleted meanwhile; whatever `change` does
   */
  async change(id: string, change: (known: T) => T): Promise<void> {
    await this.renew(id, (known) => {
      if (known === undefined) throw this.#notFound(id);
      return change(known);
    });
  }

  /** As {@link change}, of a document that need not be there. @throws as {@link put}; whatever `change` does */
  renew(
    id: string,
    change: (known: T | undefined) => T,
    secrets: readonly SecretChange[] = [],
  ): Promise<void> {
    return this.#turns.take(id, async () => {
      const value = change(this.#rows.get(id));
      if (!this.#rows.has(id)) {
        this.#demandRoom();
        this.#coming.add(id);
      }
      try {
        await this.#store.putDocument(this.#kind, id, value, secrets);
        this.#rows.set(id, value);
        this.#version += 1;
      } finally {
        this.#coming.delete(id);
      }
    });
  }

  /** Does something that concerns all documents, while none of them is written. */
  alone<R>(work: () => Promise<R>): Promise<R> {
    return this.#turns.takeAll(work);
  }

  /** Takes over what {@link TrustAuthorityStore.replaceDocuments} has written, {@link alone}. */
  replaced(rows: ReadonlyMap<string, T>): void {
    this.#rows.clear();
    for (const [id, value] of rows) this.#rows.set(id, value);
    this.#version += 1;
  }

  /**
   * @param secrets changed along with it
   * @throws VapiError `NOT_FOUND`
   */
  delete(id: string, secrets: readonly SecretChange[] = []): Promise<void> {
    return this.#turns.take(id, async () => {
      if (!this.#rows.has(id)) throw this.#notFound(id);
      await this.#store.removeDocument(this.#kind, id, secrets);
      this.#rows.delete(id);
      this.#version += 1;
    });
  }

  #demandRoom(): void {
    if (this.#rows.size + this.#coming.size < this.#limit) return;
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      `There are ${this.#limit} documents of the kind ${this.#what} already. Delete one that is not needed.`,
    );
  }

  #notFound(id: string): VapiError {
    return new VapiError(
      'NOT_FOUND',
      `There is no ${this.#what} ${JSON.stringify(id.slice(0, 200))}; list them to see which there are.`,
    );
  }
}
