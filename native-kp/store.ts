import { zeroise } from '../core/secret.js';
import { openSealedDatabase } from '../core/store/sealed-database.js';
import type { Sealer } from '../core/store/sealer.js';
import { closeDatabase } from '../core/store/sqlite.js';
import type { SqliteDatabase } from '../core/store/sqlite.js';

/** Schema, oldest step first; only ever appended to. */
const MIGRATIONS = [
  `CREATE TABLE provider (
     name TEXT PRIMARY KEY,
     key_id TEXT NOT NULL,
     sealed_kdk BLOB NOT NULL,
     tpm_required INTEGER NOT NULL,
     backup TEXT NOT NULL CHECK (backup IN ('none', 'outdated', 'current')),
     awaits_hosts INTEGER NOT NULL,
     created_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;`,
] as const;

/** Whether a backup was downloaded: never, before the last change, or since. */
export type BackupState = 'none' | 'outdated' | 'current';

/** A provider as it is kept, without its KDK. */
export interface ProviderRecord {
  readonly name: string;
  /** Id of the KDK, a UUID. */
  readonly keyId: string;
  readonly tpmRequired: boolean;
  readonly backup: BackupState;
  /** Imported, and not yet on any host. */
  readonly awaitsHosts: boolean;
  readonly createdAtMs: number;
}

interface ProviderRow {
  readonly name: string;
  readonly key_id: string;
  readonly tpm_required: number;
  readonly backup: BackupState;
  readonly awaits_hosts: number;
  readonly created_at_ms: number;
}

const COLUMNS = 'name, key_id, tpm_required, backup, awaits_hosts, created_at_ms';

/**
 * The durable state of a native key provider service. KDKs are sealed at rest and opened only for as long as they
 * are used. Changes are durable when the call returns.
 */
export class NativeKpStore {
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;

  private constructor(database: SqliteDatabase, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  /** Opens (or makes) the store in a data directory. @throws KpsimError as {@link openSealedDatabase} */
  static async open(dataDir: string): Promise<NativeKpStore> {
    const { database, sealer } = await openSealedDatabase(dataDir, 'native-kp.db', MIGRATIONS);
    return new NativeKpStore(database, sealer);
  }

  /** Closes the database and clears the sealing key. */
  close(): void {
    closeDatabase(this.#database);
    this.#sealer.close();
  }

  /** All providers by name. */
  list(): readonly ProviderRecord[] {
    const rows = this.#database.prepare(`SELECT ${COLUMNS} FROM provider ORDER BY name`).all();
    return (rows as ProviderRow[]).map(recordOf);
  }

  /** One provider; undefined if there is none of that name. */
  find(name: string): ProviderRecord | undefined {
    const row: unknown = this.#database.prepare(`SELECT ${COLUMNS} FROM provider WHERE name = ?`).get(name);
    return row === undefined ? undefined : recordOf(row as ProviderRow);
  }

  /** Adds a provider; the KDK stays the caller's. */
  insert(record: ProviderRecord, kdk: Uint8Array): void {
    this.#database
      .prepare(`INSERT INTO provider (${COLUMNS}, sealed_kdk) VALUES (?, ?, ?, ?, ?, ?, ?)`)
      .run(
        record.name,
        record.keyId,
        Number(record.tpmRequired),
        record.backup,
        Number(record.awaitsHosts),
        record.createdAtMs,
        this.#sealer.seal(kdk, placeOf(record.name)),
      );
  }

  /** Changes what is given; false if there is no provider of that name. */
  update(name: string, change: Partial<Pick<ProviderRecord, 'keyId' | 'backup' | 'awaitsHosts'>>): boolean {
    const current = this.find(name);
    if (!current) return false;
    const next = { ...current, ...change };
    this.#database
      .prepare('UPDATE provider SET key_id = ?, backup = ?, awaits_hosts = ? WHERE name = ?')
      .run(next.keyId, next.backup, Number(next.awaitsHosts), name);
    return true;
  }

  /** Removes a provider; false if there is none of that name. */
  remove(name: string): boolean {
    return this.#database.prepare('DELETE FROM provider WHERE name = ?').run(name).changes > 0;
  }

  /**
   * Lends the KDK of a provider to `use`, and clears it when `use` is done; undefined if there is no provider of
   * that name.
   */
  async withKdk<T>(name: string, use: (kdk: Buffer) => T | Promise<T>): Promise<T | undefined> {
    const row: unknown = this.#database.prepare('SELECT sealed_kdk FROM provider WHERE name = ?').get(name);
    if (row === undefined) return undefined;
    const { sealed_kdk: sealed } = row as { readonly sealed_kdk: Uint8Array };
    const kdk = this.#sealer.open(sealed, placeOf(name));
    try {
      return await use(kdk);
    } finally {
      zeroise(kdk);
    }
  }
}

function placeOf(name: string): string {
  return `native-kp provider ${name}`;
}

function recordOf(row: ProviderRow): ProviderRecord {
  return {
    name: row.name,
    keyId: row.key_id,
    tpmRequired: row.tpm_required !== 0,
    backup: row.backup,
    awaitsHosts: row.awaits_hosts !== 0,
    createdAtMs: row.created_at_ms,
  };
}
