import { chmodSync, closeSync, openSync, statSync } from 'node:fs';

import { DatabaseSync } from '@photostructure/sqlite';
import type { StatementSyncInstance } from '@photostructure/sqlite';

import { KpsimError, errorText } from '../errors.js';
import { hasNoRoom } from './storage-failure.js';

/** An open SQLite database; calls are synchronous. The interface is that of Node's own `node:sqlite`. */
export type SqliteDatabase = InstanceType<typeof DatabaseSync>;
/** A compiled statement. */
export type SqliteStatement = StatementSyncInstance;

/** How long a statement waits for another process's lock, in milliseconds. */
const BUSY_TIMEOUT_MS = 5000;

/**
 * Opens (or makes) a database file, mode 0600, in write-ahead mode with every commit synced to disk, and
 * brings it to the newest schema. A migration runs once; its number is kept in `PRAGMA user_version`.
 *
 * What was migrated is put into the file itself at once: a lost write-ahead log never leaves a file without its schema.
 *
 * @param migrations SQL scripts, oldest first; only ever appended to
 * @param wasUsed whether the file must have a schema already
 * @throws KpsimError `store_too_new` if a newer kpsim wrote the file, `store_missing` if it was used and is empty,
 *   `store_unusable` if it cannot be opened
 */
export function openDatabase(path: string, migrations: readonly string[], wasUsed = false): SqliteDatabase {
  let database: SqliteDatabase | undefined;
  try {
    if (wasUsed && (statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) throw storeMissing(path);
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    if (wasUsed && schemaVersion(database) === 0) throw storeMissing(path);
    migrate(database, path, migrations);
    database.exec('PRAGMA wal_checkpoint(TRUNCATE)');
    return database;
  } catch (error) {
    if (database) closeDatabase(database);
    if (error instanceof KpsimError) throw error;
    const remedy = hasNoRoom(error)
      ? 'Free space on its disk, and start again'
      : 'Check the disk, or choose another data directory';
    throw new KpsimError(
      'store_unusable',
      `The database ${path} cannot be opened: ${errorText(error)}. ${remedy}.`,
      { cause: error },
    );
  }
}

/**
 * A second connection to a database file that sees it as it is now, until it is closed. Write-ahead mode keeps what
 * it sees; the file grows by what is written meanwhile.
 */
export function openSnapshot(path: string): SqliteDatabase {
  const database = new DatabaseSync(path, { readOnly: true });
  database.exec('BEGIN');
  // The transaction begins with the first read.
  schemaVersion(database);
  return database;
}

/**
 * Closes a database; nothing happens if it is closed. Its files stay open until its statements are garbage.
 */
export function closeDatabase(database: SqliteDatabase): void {
  if (database.isOpen) database.close();
}

/** Runs `work` in one durable transaction: all that it writes through the database is kept, or nothing if it throws. */
export function inTransaction<T>(database: SqliteDatabase, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const value = work();
    database.exec('COMMIT');
    return value;
  } catch (error) {
    // A full disk has undone it already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

function migrate(database: SqliteDatabase, path: string, migrations: readonly string[]): void {
  const version = schemaVersion(database);
  if (version > migrations.length) {
    throw new KpsimError(
      'store_too_new',
      `The database ${path} has schema ${version}, this kpsim knows ${migrations.length}. Use the kpsim that wrote it, or another data directory.`,
    );
  }
  for (const [index, script] of migrations.entries()) {
    if (index < version) continue;
    inTransaction(database, () => {
      database.exec(script);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    });
  }
}

function storeMissing(path: string): KpsimError {
  return new KpsimError(
    'store_missing',
    `${path} is missing or empty, but the key beside it was used before. Restore the file from a backup; to begin anew, choose an empty data directory.`,
  );
}

function schemaVersion(database: SqliteDatabase): number {
  const row: unknown = database.prepare('PRAGMA user_version').get();
  const version =
    typeof row === 'object' && row !== null && 'user_version' in row ? row.user_version : undefined;
  return typeof version === 'number' ? version : 0;
}
