import { chmodSync, closeSync, openSync } from 'node:fs';

import Database from 'libsql';

import { KpsimError, errorText } from '../errors.js';

/** An open SQLite database (libsql); calls are synchronous. */
export type SqliteDatabase = Database.Database;
/** A compiled statement. */
export type SqliteStatement = Database.Statement;

/**
 * Opens (or makes) a database file, mode 0600, in write-ahead mode with every commit synced to disk, and
 * brings it to the newest schema. A migration runs once; its number is kept in `PRAGMA user_version`.
 *
 * @param migrations SQL scripts, oldest first; only ever appended to
 * @throws KpsimError `store_too_new` if a newer kpsim wrote the file, `store_unusable` if it cannot be opened
 */
export function openDatabase(path: string, migrations: readonly string[]): SqliteDatabase {
  try {
    closeSync(openSync(path, 'a', 0o600));
    chmodSync(path, 0o600);
    const database = new Database(path);
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL');
    database.exec('PRAGMA foreign_keys = ON');
    migrate(database, path, migrations);
    return database;
  } catch (error) {
    if (error instanceof KpsimError) throw error;
    throw new KpsimError(
      'store_unusable',
      `The database ${path} cannot be opened: ${errorText(error)}. Check the disk, or choose another data directory.`,
      { cause: error },
    );
  }
}

/**
 * A second connection to a database file that sees it as it is now, until it is closed. Write-ahead mode keeps what
 * it sees; the file grows by what is written meanwhile.
 */
export function openSnapshot(path: string): SqliteDatabase {
  const database = new Database(path, { readonly: true });
  database.exec('BEGIN');
  // The transaction begins with the first read.
  schemaVersion(database);
  return database;
}

function migrate(database: SqliteDatabase, path: string, migrations: readonly string[]): void {
  const version = schemaVersion(database);
  if (version > migrations.length) {
    database.close();
    throw new KpsimError(
      'store_too_new',
      `The database ${path} has schema ${version}, this kpsim knows ${migrations.length}. Use the kpsim that wrote it, or another data directory.`,
    );
  }
  for (const [index, script] of migrations.entries()) {
    if (index < version) continue;
    database.transaction(() => {
      database.exec(script);
      database.exec(`PRAGMA user_version = ${index + 1}`);
    })();
  }
}

function schemaVersion(database: SqliteDatabase): number {
  const row: unknown = database.prepare('PRAGMA user_version').get();
  const version =
    typeof row === 'object' && row !== null && 'user_version' in row ? row.user_version : undefined;
  return typeof version === 'number' ? version : 0;
}
