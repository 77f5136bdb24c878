import type { SqliteDatabase } from './sqlite.js';

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Works of one group before the next commit; bounds how long one transaction blocks the event loop. */
const GROUP_LIMIT = 256;

/**
 * Commits the writes of many requests in one durable transaction: whatever queues up in one turn of the
 * event loop pays for one sync to disk together. A promise resolves only after its commit.
 */
export class GroupCommit {
  readonly #database: SqliteDatabase;
  #waiting: Waiting[] = [];
  #scheduled = false;

  /** @param database its only writer must be this group commit */
  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  /**
   * Queues `work`, which writes through the database synchronously. If it throws, its own writes are undone and
   * the promise rejects; the others of its group commit. If the commit fails, all of the group reject.
   */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#commit(this.#waiting.splice(0, GROUP_LIMIT));
      this.#schedule();
    });
  }

  #commit(group: readonly Waiting[]): void {
    const settled: (() => void)[] = [];
    try {
      this.#database.exec('BEGIN IMMEDIATE');
      for (const waiting of group) settled.push(this.#attempt(waiting));
      this.#database.exec('COMMIT');
    } catch (error) {
      this.#rollBack();
      for (const waiting of group) waiting.reject(error);
      return;
    }
    for (const settle of settled) settle();
  }

  #attempt(waiting: Waiting): () => void {
    this.#database.exec('SAVEPOINT work');
    try {
      const value = waiting.work();
      this.#database.exec('RELEASE work');
      return () => waiting.resolve(value);
    } catch (error) {
      // A full disk undoes the whole transaction, not only this work: nothing of the group can be saved.
      if (!this.#database.inTransaction) throw error;
      this.#database.exec('ROLLBACK TO work');
      this.#database.exec('RELEASE work');
      return () => waiting.reject(error);
    }
  }

  #rollBack(): void {
    if (this.#database.inTransaction) this.#database.exec('ROLLBACK');
  }
}
