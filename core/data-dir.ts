import { randomUUID } from 'node:crypto';
import { accessSync, chmodSync, constants, rmSync } from 'node:fs';
import { mkdir, mkdtemp, open, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';

import { DatabaseSync } from '@photostructure/sqlite';

import { KpsimError, errorText } from './errors.js';
import { closeDatabase } from './store/sqlite.js';
import { sqliteCode } from './store/sqlite-code.js';
import { hasNoRoom } from './store/storage-failure.js';
import type { SqliteDatabase } from './store/sqlite.js';

/** Bits of a file's mode (POSIX.1-2017, sys/stat.h). */
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;

/** Where a service or a whole lab keeps its files. */
export interface DataDir {
  /** Absolute path; mode 0700. */
  readonly path: string;
  /** Whether it was made for this run alone. */
  readonly temporary: boolean;
  /** Removes a temporary directory; leaves one that the user named to the next process. */
  remove(): Promise<void>;
}

/**
 * Makes (or takes over) a data directory; without a path a temporary one, to be removed at exit. One that the user
 * named is this process's alone until `remove` or the end of the process, however that comes.
 *
 * @param warn told of a directory in which anybody could put other keys and certificates in the place of its own
 * @throws KpsimError `data_dir_in_use`, `data_dir_unusable`
 */
export async function makeDataDir(
  path?: string,
  warn: (what: string) => void = () => undefined,
): Promise<DataDir> {
  if (path === undefined) {
    return await makeTemporaryDir();
  }
  const absolute = resolve(path);
  await makePrivateDir(absolute);
  if (await isAnybodys(absolute)) {
    warn(
      `Anybody can replace the files in the data directory ${absolute}, its keys too. Take the others' right to write: chmod o-w.`,
    );
  }
  const release = lockDirectory(absolute);
  const remove = (): Promise<void> => {
    release();
    return Promise.resolve();
  };
  return { path: absolute, temporary: false, remove };
}

/** Temporary directories that are still there: who ends the process at once takes them along, for keys are in them. */
const temporaryDirs = new Set<string>();

function removeTemporaryDirs(): void {
  for (const path of temporaryDirs) rmSync(path, { recursive: true, force: true });
}

async function makeTemporaryDir(): Promise<DataDir> {
  const path = await mkdtemp(join(tmpdir(), 'kpsim-')).catch((error: unknown) => {
    throw unusable(tmpdir(), error, 'or name another in TMPDIR');
  });
  if (temporaryDirs.size === 0) process.once('exit', removeTemporaryDirs);
  temporaryDirs.add(path);
  const remove = async (): Promise<void> => {
    await rm(path, { recursive: true, force: true });
    temporaryDirs.delete(path);
    if (temporaryDirs.size === 0) process.off('exit', removeTemporaryDirs);
  };
  return { path, temporary: true, remove };
}

/** Whether all users may remove and rename what is in a directory: they may write, and no sticky bit keeps them to their own. */
async function isAnybodys(directory: string): Promise<boolean> {
  const { mode } = await stat(directory);
  return (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
}

/**
 * Locks a directory for this process; the system lets go of the lock when the process ends. Node has no call for file
 * locks, SQLite has: an exclusive transaction on an empty database holds one and writes nothing. Its journal is kept in
 * memory, as one on disk would be open to others, and need room on a disk that may be full.
 *
 * @returns what releases it
 */
function lockDirectory(directory: string): () => void {
  const path = join(directory, '.lock');
  let database: SqliteDatabase | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY');
    database.exec('BEGIN EXCLUSIVE');
    chmodSync(path, 0o600);
  } catch (error) {
    database?.close();
    if (sqliteCode(error) === 'SQLITE_BUSY') {
      throw new KpsimError(
        'data_dir_in_use',
        `Another process uses the data directory ${directory}. Stop it first, or choose another directory.`,
        { cause: error },
      );
    }
    // SQLite says only that it could not open the file; why is the file system's to say.
    throw unusable(directory, whyUnwritable(directory) ?? error);
  }
  const locked = database;
  return () => closeDatabase(locked);
}

function whyUnwritable(directory: string): unknown {
  try {
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return error;
  }
}

/**
 * Makes a directory and the parents it lacks, each readable by its owner alone, and returns its path. What is there
 * already keeps its mode: a user may name a directory that others use too.
 */
export async function makePrivateDir(path: string): Promise<string> {
  if (await madeDir(path)) return path;
  // Not Node's own `recursive`: where nothing can be made, as below /proc, it never ends.
  await makePrivateDir(dirname(path));
  if (await madeDir(path)) return path;
  throw new KpsimError('data_dir_unusable', `No directory can be made at ${path}. Choose another.`);
}

/** Makes one directory, or finds it; false if its parent is not there. */
async function madeDir(path: string): Promise<boolean> {
  try {
    await mkdir(path, { mode: 0o700 });
    return true;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EEXIST') {
      if ((await stat(path)).isDirectory()) return true;
      throw new KpsimError('data_dir_unusable', `${path} is a file, no directory. Choose another name.`, {
        cause: error,
      });
    }
    if (code === 'ENOENT' && dirname(path) !== path) return false;
    throw unusable(path, error);
  }
}

function unusable(directory: string, cause: unknown, other = 'or choose another'): KpsimError {
  const remedy = hasNoRoom(cause) ? 'Free space on its disk' : 'Check its rights and the disk';
  return new KpsimError(
    'data_dir_unusable',
    `The directory ${directory} cannot be used: ${errorText(cause)}. ${remedy}, ${other}.`,
    { cause },
  );
}

/**
 * Writes a whole file so that after a crash either the old or the new content is there: temporary file,
 * fsync, rename, fsync of the directory. Mode 0600. A failure leaves the old content.
 */
export async function writeFileDurable(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Makes renames and removals inside a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
