import type { DatabaseFile } from './database-file.js';
import type { SqliteDatabase } from './sqlite.js';
import { inTransaction } from './sqlite.js';

interface Waiting {
  readonly work: () => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
}

/** Works of one group before the next commit; bounds how long one transaction blocks the event loop. */
const GROUP_LIMIT = 256;
/** Longest wait for a group to become as large as is expected, in milliseconds. */
const PATIENCE_MS = 10;
/** Each group of so many waits for twice as many works, lest two groups by turns go on for ever. */
const PROBE_EVERY = 64;

/**
 * Commits the writes of many requests in one durable transaction, which pays for one sync to disk. A promise resolves
 * only after its commit.
 *
 * A group is what queues up in one turn of the event loop, or in several: while more keep coming it waits for as many
 * works as the last group had, and for the next one no longer than that group's commit took. Clients that wait for
 * their answers would otherwise split into groups that are committed by turns, each held up by the other's sync. A
 * client that is alone never waits.
 */
export class GroupCommit {
  readonly #database: SqliteDatabase;
  readonly #file: DatabaseFile;
  #waiting: Waiting[] = [];
  #turnIsWatched = false;
  #patience: NodeJS.Timeout | undefined;
  /** When the group is committed at the latest (monotonic milliseconds). */
  #deadline = Infinity;
  #last = { works: 1, milliseconds: 0 };
  #groups = 0;

  /**
   * @param database its only writer must be this group commit
   * @param file where it is; what would be written beside it is refused
   */
  constructor(database: SqliteDatabase, file: DatabaseFile) {
    this.#database = database;
    this.#file = file;
  }

  /**
   * Queues `work`, which writes through the database synchronously. If it throws, its own writes are undone and
   * the promise rejects; the others of its group commit. If the commit fails, all of the group reject.
   *
   * @param work has no effect but its writes: it is run again if they were undone for the failure of another
   */
  run<T>(work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ work, resolve: resolve as (value: unknown) => void, reject });
      this.#watchTurn();
    });
  }

  #watchTurn(): void {
    if (this.#turnIsWatched) return;
    this.#turnIsWatched = true;
    setImmediate(this.#endTurn);
  }

  readonly #endTurn = (): void => {
    this.#turnIsWatched = false;
    const now = performance.now();
    this.#deadline = Math.min(this.#deadline, now + PATIENCE_MS);
    clearTimeout(this.#patience);
    if (this.#waiting.length >= this.#expected() || now >= this.#deadline) this.#commitGroup();
    else this.#patience = setTimeout(this.#commitGroup, Math.min(this.#last.milliseconds, PATIENCE_MS));
  };

  #expected(): number {
    const { works } = this.#last;
    return works > 1 && this.#groups % PROBE_EVERY === 0 ? 2 * works : works;
  }

  readonly #commitGroup = (): void => {
    clearTimeout(this.#patience);
    this.#deadline = Infinity;
    const group = this.#waiting.splice(0, GROUP_LIMIT);
    if (group.length === 0) return;
    const begun = performance.now();
    this.#commit(group);
    this.#last = { works: group.length, milliseconds: performance.now() - begun };
    this.#groups += 1;
    if (this.#waiting.length > 0) this.#watchTurn();
  };

  #commit(group: readonly Waiting[]): void {
    try {
      this.#file.demandThere();
      const settled = inTransaction(this.#database, () => this.#attemptAll(group));
      for (const settle of settled) settle();
    } catch (error) {
      for (const waiting of group) waiting.reject(error);
    }
  }

  /**
   * Failures are rare and savepoints are not free: only once a work has failed is the group done again, each work with
   * a savepoint to go back to.
   */
  #attemptAll(group: readonly Waiting[]): (() => void)[] {
    try {
      return group.map(({ work, resolve }) => {
        const value = work();
        return () => resolve(value);
      });
    } catch (error) {
      // A full disk undoes the whole transaction, not only this work: nothing of the group can be saved.
      if (!this.#database.isTransaction || group.length === 1) throw error;
      this.#database.exec('ROLLBACK');
      this.#database.exec('BEGIN IMMEDIATE');
      return group.map((waiting) => this.#attempt(waiting));
    }
  }

  #attempt({ work, resolve, reject }: Waiting): () => void {
    this.#database.exec('SAVEPOINT work');
    try {
      const value = work();
      this.#database.exec('RELEASE work');
      return () => resolve(value);
    } catch (error) {
      if (!this.#database.isTransaction) throw error;
      this.#database.exec('ROLLBACK TO work');
      this.#database.exec('RELEASE work');
      return () => reject(error);
    }
  }
}
