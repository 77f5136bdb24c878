import { stat } from 'node:fs/promises';
import { join } from 'node:path';

import { KpsimError } from '../errors.js';
import { Sealer } from './sealer.js';
import type { SqliteDatabase } from './sqlite.js';
import { openDatabase } from './sqlite.js';

/** A database and what its secrets are sealed with. */
export interface SealedDatabase {
  readonly database: SqliteDatabase;
  readonly sealer: Sealer;
}

/**
 * Opens (or makes) a database of a data directory and the key beside it. The file is made before the key: a directory
 * with a key had a database once, and one that is gone is not replaced by an empty one.
 *
 * @param name file name of the database
 * @param migrations see {@link openDatabase}
 * @throws KpsimError `store_missing`, and as {@link openDatabase} and {@link Sealer.load}
 */
export async function openSealedDatabase(
  dataDir: string,
  name: string,
  migrations: readonly string[],
): Promise<SealedDatabase> {
  const path = join(dataDir, name);
  if ((await Sealer.isIn(dataDir)) && (await byteCount(path)) === 0) {
    throw new KpsimError(
      'store_missing',
      `${path} is missing or empty, but the key beside it was used before. Restore the file from a backup; to begin anew, choose an empty data directory.`,
    );
  }
  const database = openDatabase(path, migrations);
  try {
    return { database, sealer: await Sealer.load(dataDir) };
  } catch (error) {
    database.close();
    throw error;
  }
}

async function byteCount(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return 0;
    throw error;
  }
}
