import { statSync, statfsSync } from 'node:fs';

import { KpsimError } from '../errors.js';

/** Less room than this on its disk, in bytes, and a store counts as full. */
const LEAST_ROOM = 1024 * 1024;

const REMOVED =
  'The data directory was removed or replaced while it was in use. Stop the service, restore the directory, and start it again.';
const FULL = 'The data directory has no room left. Free space there; the service goes on by itself.';

/**
 * The files of an open database, as they are on the disk: SQLite goes on writing into files that were removed, and
 * nothing of that would be there after a restart. The write-ahead log counts as well, as what is acknowledged is there.
 */
export class DatabaseFile {
  readonly #path: string;
  /** Paths and inodes. */
  readonly #files: readonly (readonly [path: string, inode: bigint])[];

  /** @param path of a database that was just opened */
  constructor(path: string) {
    this.#path = path;
    this.#files = [path, `${path}-wal`].map((file) => [file, statSync(file, { bigint: true }).ino]);
  }

  /** @throws KpsimError `store_removed` if a file at its path is not the one that was opened */
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
    return this.#files.every(
      ([path, inode]) => statSync(path, { bigint: true, throwIfNoEntry: false })?.ino === inode,
    );
  }
}
