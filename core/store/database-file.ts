import { statSync, statfsSync } from 'node:fs';

import { KpsimError } from '../errors.js';

/** Less room than this on its disk, in bytes, and a store counts as full. */
const LEAST_ROOM = 1024 * 1024;

const REMOVED =
  'The data directory was removed or replaced while it was in use. Stop the service, restore the directory, and start it again.';
const FULL = 'The data directory has no room left. Free space there; the service goes on by itself.';

/**
 * The file of an open database, as it is on the disk: SQLite goes on writing into a file that was removed, and nothing
 * of that would be there after a restart.
 */
export class DatabaseFile {
  readonly #path: string;
  readonly #inode: bigint;

  /** @param path of a database that was just opened */
  constructor(path: string) {
    this.#path = path;
    this.#inode = statSync(path, { bigint: true }).ino;
  }

  /** @throws KpsimError `store_removed` if the file at the path is not the one that was opened */
  demandThere(): void {
    if (!this.#isThere()) throw new KpsimError('store_removed', REMOVED);
  }

  /** What keeps the file from being written, and what to do; undefined if nothing does. */
  problem(): string | undefined {
    if (!this.#isThere()) return REMOVED;
    const { bavail, bsize } = statfsSync(this.#path);
    return bavail * bsize < LEAST_ROOM ? FULL : undefined;
  }

  #isThere(): boolean {
    return statSync(this.#path, { bigint: true, throwIfNoEntry: false })?.ino === this.#inode;
  }
}
