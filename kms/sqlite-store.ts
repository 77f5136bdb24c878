import { join } from 'node:path';

import { zeroise } from '../core/secret.js';
import { GroupCommit } from '../core/store/group-commit.js';
import { Sealer } from '../core/store/sealer.js';
import type { SqliteDatabase } from '../core/store/sqlite.js';
import { openDatabase } from '../core/store/sqlite.js';
import type { FindQuery, KmsStore, StoreChange, StoredObject } from './store.js';
import { StoreConflict } from './store.js';

const MIGRATIONS = [
  `CREATE TABLE objects (
     sequence INTEGER PRIMARY KEY AUTOINCREMENT,
     unique_identifier TEXT NOT NULL UNIQUE,
     owner TEXT NOT NULL,
     object_type TEXT NOT NULL,
     revision INTEGER NOT NULL,
     attributes BLOB NOT NULL,
     value BLOB
   ) STRICT;
   CREATE INDEX objects_by_owner ON objects (owner, sequence);
   CREATE TABLE terms (
     term BLOB NOT NULL,
     sequence INTEGER NOT NULL REFERENCES objects (sequence) ON DELETE CASCADE,
     PRIMARY KEY (term, sequence)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX terms_by_object ON terms (sequence);`,
] as const;

interface ObjectRow {
  readonly unique_identifier: string;
  readonly owner: string;
  readonly object_type: string;
  readonly revision: number;
  readonly attributes: Uint8Array;
  readonly value: Uint8Array | null;
}

/** The embedded store: one SQLite file in the data directory, key material sealed with AES-256-GCM. */
export class SqliteKmsStore implements KmsStore {
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #commits: GroupCommit;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #pending = new Set<Promise<unknown>>();

  private constructor(database: SqliteDatabase, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
    this.#commits = new GroupCommit(database);
    this.#statements = prepare(database);
  }

  /** Opens (or makes) `kms.db` and its key file. @throws KpsimError `store_unusable`, `store_key_invalid` */
  static async open(dataDir: string): Promise<SqliteKmsStore> {
    const sealer = await Sealer.load(dataDir);
    return new SqliteKmsStore(openDatabase(join(dataDir, 'kms.db'), MIGRATIONS), sealer);
  }

  read(uniqueIdentifier: string): Promise<StoredObject | undefined> {
    return attempt(() => {
      const row = this.#statements.read.get(uniqueIdentifier) as ObjectRow | undefined;
      if (!row) return undefined;
      return {
        uniqueIdentifier: row.unique_identifier,
        owner: row.owner,
        objectType: row.object_type,
        revision: row.revision,
        attributes: Buffer.from(row.attributes),
        value: row.value === null ? undefined : this.#sealer.open(row.value, placeOf(uniqueIdentifier)),
      };
    });
  }

  find({ owner, terms }: FindQuery): Promise<readonly string[]> {
    return attempt(() => {
      const rows = terms.length === 0 ? this.#statements.all.all(owner) : this.#findByTerms(owner, terms);
      return (rows as readonly { readonly unique_identifier: string }[]).map((row) => row.unique_identifier);
    });
  }

  #findByTerms(owner: string, terms: readonly Buffer[]): unknown[] {
    const conditions = terms
      .map(() => 'sequence IN (SELECT sequence FROM terms WHERE term = ?)')
      .join(' AND ');
    return this.#database
      .prepare(
        `SELECT unique_identifier FROM objects WHERE owner = ? AND ${conditions} ORDER BY sequence DESC`,
      )
      .all(owner, ...terms);
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    const sealed = changes.map((change) => ({ change, value: this.#seal(change.object) }));
    const done = this.#commits.run(() => {
      for (const { change, value } of sealed) this.#write(change, value);
    });
    this.#pending.add(done);
    try {
      await done;
    } finally {
      this.#pending.delete(done);
    }
  }

  count(): Promise<number> {
    return attempt(() => (this.#statements.count.get() as { readonly n: number }).n);
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#pending);
    this.#database.close();
    this.#sealer.close();
  }

  #seal(object: StoredObject | undefined): Buffer | null {
    if (object?.value === undefined) return null;
    const sealed = this.#sealer.seal(object.value, placeOf(object.uniqueIdentifier));
    zeroise(object.value);
    return sealed;
  }

  #write({ object, uniqueIdentifier, expectedRevision, terms }: StoreChange, value: Buffer | null): void {
    const found = this.#statements.revision.get(uniqueIdentifier) as
      { readonly sequence: number; readonly revision: number } | undefined;
    if ((found?.revision ?? 0) !== expectedRevision) throw new StoreConflict(uniqueIdentifier);
    if (!object) {
      this.#statements.remove.run(uniqueIdentifier);
      return;
    }
    let sequence: number | bigint;
    if (found) {
      sequence = found.sequence;
      this.#statements.update.run(object.revision, object.attributes, value, sequence);
      this.#statements.forgetTerms.run(sequence);
    } else {
      sequence = this.#statements.insert.run(
        uniqueIdentifier,
        object.owner,
        object.objectType,
        object.revision,
        object.attributes,
        value,
      ).lastInsertRowid;
    }
    for (const term of terms) this.#statements.addTerm.run(term, sequence);
  }
}

function prepare(database: SqliteDatabase) {
  return {
    read: database.prepare('SELECT * FROM objects WHERE unique_identifier = ?'),
    all: database.prepare('SELECT unique_identifier FROM objects WHERE owner = ? ORDER BY sequence DESC'),
    count: database.prepare('SELECT count(*) AS n FROM objects'),
    revision: database.prepare('SELECT sequence, revision FROM objects WHERE unique_identifier = ?'),
    insert: database.prepare(
      'INSERT INTO objects (unique_identifier, owner, object_type, revision, attributes, value) VALUES (?, ?, ?, ?, ?, ?)',
    ),
    update: database.prepare('UPDATE objects SET revision = ?, attributes = ?, value = ? WHERE sequence = ?'),
    remove: database.prepare('DELETE FROM objects WHERE unique_identifier = ?'),
    addTerm: database.prepare('INSERT OR IGNORE INTO terms (term, sequence) VALUES (?, ?)'),
    forgetTerms: database.prepare('DELETE FROM terms WHERE sequence = ?'),
  };
}

/** Binds sealed material to its row. */
function placeOf(uniqueIdentifier: string): string {
  return `kms/objects/${uniqueIdentifier}`;
}

/** The database answers at once; an error of it becomes a rejection, as any backend's would. */
function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
