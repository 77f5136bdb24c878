import { join } from 'node:path';

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
 * @throws KpsimError as {@link openDatabase} and {@link Sealer.load}
 */
export async function openSealedDatabase(
  dataDir: string,
  name: string,
  migrations: readonly string[],
): Promise<SealedDatabase> {
  const database = openDatabase(join(dataDir, name), migrations, await Sealer.isIn(dataDir));
  try {
    return { database, sealer: await Sealer.load(dataDir) };
  } catch (error) {
    database.close();
    throw error;
  }
}
