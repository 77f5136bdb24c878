import { VapiError } from '../core/http/index.js';
import type { DocumentKind, TrustAuthorityStore } from './store.js';

/** New rows for one table; see {@link DocumentTable.replaceAll}. */
export interface TableReplacement {
  /** What the store is to hold. */
  readonly write: () => readonly [DocumentKind, ReadonlyMap<string, unknown>];
  /** Takes the rows into use, once they are durable. */
  readonly apply: () => void;
}

/**
 * All documents of one kind, in memory and in the store: reads cost nothing, and a write is seen only once it is
 * durable.
 */
export class DocumentTable<T> {
  readonly #store: TrustAuthorityStore;
  readonly #kind: DocumentKind;
  readonly #what: string;
  readonly #limit: number;
  readonly #rows: Map<string, T>;
  readonly #busy = new Set<string>();
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
    if (this.#rows.has(id) || this.#busy.has(id)) {
      throw new VapiError(
        'ALREADY_EXISTS',
        `There is a ${this.#what} ${JSON.stringify(id)} already. Delete it first, or choose another name.`,
      );
    }
    this.#busy.add(id);
    try {
      await this.put(id, value);
    } finally {
      this.#busy.delete(id);
    }
  }

  /** Writes a document, new or not. @throws VapiError `NOT_ALLOWED_IN_CURRENT_STATE` if there are too many */
  async put(id: string, value: T): Promise<void> {
    if (!this.#rows.has(id) && this.#rows.size >= this.#limit) {
      throw new VapiError(
        'NOT_ALLOWED_IN_CURRENT_STATE',
        `There are ${this.#limit} documents of the kind ${this.#what} already. Delete one that is not needed.`,
      );
    }
    await this.#store.putDocument(this.#kind, id, value);
    this.#rows.set(id, value);
    this.#version += 1;
  }

  /** @throws VapiError `NOT_FOUND` */
  async delete(id: string): Promise<void> {
    if (!this.#rows.has(id)) throw this.#notFound(id);
    await this.#store.removeDocument(this.#kind, id);
    this.#rows.delete(id);
    this.#version += 1;
  }

  /**
   * Replaces everything in several tables of one store at once: after a failure all are as they were before.
   *
   * @throws VapiError `INVALID_ARGUMENT` if there are too many
   */
  static async replaceAll(store: TrustAuthorityStore, changes: readonly TableReplacement[]): Promise<void> {
    await store.replaceDocuments(changes.map((change) => change.write()));
    for (const change of changes) change.apply();
  }

  /** A part of {@link replaceAll}: all rows of this table. @throws VapiError `INVALID_ARGUMENT` */
  replacement(rows: ReadonlyMap<string, T>): TableReplacement {
    if (rows.size > this.#limit) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        `There can be ${this.#limit} documents of the kind ${this.#what} at most, not ${rows.size}.`,
      );
    }
    return {
      write: () => [this.#kind, rows],
      apply: () => {
        this.#rows.clear();
        for (const [id, value] of [...rows].sort(([left], [right]) => (left < right ? -1 : 1))) {
          this.#rows.set(id, value);
        }
        this.#version += 1;
      },
    };
  }

  #notFound(id: string): VapiError {
    return new VapiError(
      'NOT_FOUND',
      `There is no ${this.#what} ${JSON.stringify(id.slice(0, 200))}; list them to see which there are.`,
    );
  }
}
