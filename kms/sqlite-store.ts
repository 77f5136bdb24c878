import { join } from 'node:path';

import { zeroise } from '../core/secret.js';
import { GroupCommit } from '../core/store/group-commit.js';
import { Sealer } from '../core/store/sealer.js';
import type { SqliteDatabase } from '../core/store/sqlite.js';
import { openDatabase, openSnapshot } from '../core/store/sqlite.js';
import { SqliteReader, attempt, placeOf } from './sqlite-reader.js';
import type {
  FindQuery,
  FoundObject,
  KmsSnapshot,
  KmsStore,
  Opens,
  StoreChange,
  StoredObject,
} from './store.js';
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
  `CREATE TABLE claims (
     owner TEXT NOT NULL,
     claim BLOB NOT NULL,
     sequence INTEGER NOT NULL REFERENCES objects (sequence) ON DELETE CASCADE,
     PRIMARY KEY (owner, claim)
   ) STRICT, WITHOUT ROWID;
   CREATE INDEX claims_by_object ON claims (sequence);`,
] as const;

/** Pages of the file that SQLite keeps in memory, in KiB: the upper levels of its trees at a million objects. */
const PAGE_CACHE_KIB = 32_768;

/** The embedded store: one SQLite file in the data directory, key material sealed with AES-256-GCM. */
export class SqliteKmsStore implements KmsStore {
  /** The data directory belongs to one process. */
  readonly shared = false;
  readonly #path: string;
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #commits: GroupCommit;
  readonly #reader: SqliteReader;
  readonly #statements: ReturnType<typeof prepare>;
  readonly #pending = new Set<Promise<unknown>>();

  private constructor(path: string, database: SqliteDatabase, sealer: Sealer) {
    this.#path = path;
    this.#database = database;
    this.#sealer = sealer;
    this.#commits = new GroupCommit(database);
    this.#reader = new SqliteReader(database, sealer);
    this.#statements = prepare(database);
  }

  /** Opens (or makes) `kms.db` and its key file. @throws KpsimError `store_unusable`, `store_key_invalid` */
  static async open(dataDir: string): Promise<SqliteKmsStore> {
    const sealer = await Sealer.load(dataDir);
    const path = join(dataDir, 'kms.db');
    const database = openDatabase(path, MIGRATIONS);
    database.exec(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
    return new SqliteKmsStore(path, database, sealer);
  }

  read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined> {
    return this.#reader.read(uniqueIdentifier, opens);
  }

  async refresh(uniqueIdentifier: string, revision: number): Promise<StoredObject | 'unchanged' | undefined> {
    const row = this.#statements.revision.get(uniqueIdentifier) as RevisionRow | undefined;
    return row?.revision === revision ? 'unchanged' : this.#reader.read(uniqueIdentifier);
  }

  find(query: FindQuery): Promise<readonly FoundObject[]> {
    return this.#reader.find(query);
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    const sealed = changes.map((change) => ({ change, value: this.#seal(change.object) }));
    const done = this.#commits.run(() => {
      const written = sealed.map(({ change, value }) => this.#write(change, value));
      // Claims of all objects are given up before any is taken: a batch may hand a name from one to another.
      for (const [index, { change }] of sealed.entries()) {
        if (change.expectedRevision > 0) this.#statements.forgetClaims.run(written[index] ?? 0);
      }
      for (const [index, { change }] of sealed.entries()) this.#claim(written[index] ?? 0, change);
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

  snapshot(): Promise<KmsSnapshot> {
    return attempt(() => {
      const database = openSnapshot(this.#path);
      const reader = new SqliteReader(database, this.#sealer);
      return {
        read: (uniqueIdentifier, opens) => reader.read(uniqueIdentifier, opens),
        find: (query) => reader.find(query),
        close: () => attempt(() => void database.close()),
      };
    });
  }

  /** A file is there or it is not; errors of the disk come with the requests that meet them. */
  problem(): undefined {
    return undefined;
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

  /** @returns the object's sequence */
  #write(change: StoreChange, value: Buffer | null): number | bigint {
    const { object, uniqueIdentifier, expectedRevision, terms } = change;
    if (object && expectedRevision === 0) {
      const sequence = this.#insert(object, value);
      for (const term of terms) this.#statements.addTerm.run(term, sequence);
      return sequence;
    }
    const found = this.#statements.revision.get(uniqueIdentifier) as RevisionRow | undefined;
    if (found?.revision !== expectedRevision) throw new StoreConflict(uniqueIdentifier);
    if (!object) {
      this.#statements.remove.run(uniqueIdentifier);
      return found.sequence;
    }
    this.#statements.update.run(object.revision, object.attributes, value, found.sequence);
    this.#changeTerms(found.sequence, terms);
    return found.sequence;
  }

  /** @throws StoreConflict if there is an object of that identifier */
  #insert(object: StoredObject, value: Buffer | null): number | bigint {
    const { uniqueIdentifier, owner, objectType, revision, attributes } = object;
    const row = [uniqueIdentifier, owner, objectType, revision, attributes, value];
    const { changes, lastInsertRowid } = this.#statements.insert.run(row);
    if (changes === 0) throw new StoreConflict(uniqueIdentifier);
    return lastInsertRowid;
  }

  /** Most changes leave the terms as they are; only what differs is written. */
  #changeTerms(sequence: number, terms: readonly Buffer[]): void {
    const rows = this.#statements.terms.all(sequence) as { readonly term: Uint8Array }[];
    const old = rows.map(({ term }) => Buffer.from(term));
    const gone = new Map(old.map((term) => [term.toString('latin1'), term]));
    for (const term of terms) {
      if (!gone.delete(term.toString('latin1'))) this.#statements.addTerm.run(term, sequence);
    }
    for (const term of gone.values()) this.#statements.forgetTerm.run(term, sequence);
  }

  /** @throws StoreConflict if another object has one of the claims */
  #claim(sequence: number | bigint, { object, uniqueIdentifier, claims }: StoreChange): void {
    if (!object) return;
    for (const claim of claims) {
      const { changes } = this.#statements.claim.run(object.owner, claim, sequence);
      if (changes === 0) throw new StoreConflict(uniqueIdentifier);
    }
  }
}

interface RevisionRow {
  readonly sequence: number;
  readonly revision: number;
}

function prepare(database: SqliteDatabase) {
  return {
    count: database.prepare('SELECT count(*) AS n FROM objects'),
    revision: database.prepare('SELECT sequence, revision FROM objects WHERE unique_identifier = ?'),
    insert: database.prepare(
      'INSERT INTO objects (unique_identifier, owner, object_type, revision, attributes, value) VALUES (?, ?, ?, ?, ?, ?) ' +
        'ON CONFLICT (unique_identifier) DO NOTHING',
    ),
    update: database.prepare('UPDATE objects SET revision = ?, attributes = ?, value = ? WHERE sequence = ?'),
    remove: database.prepare('DELETE FROM objects WHERE unique_identifier = ?'),
    terms: database.prepare('SELECT term FROM terms WHERE sequence = ?'),
    addTerm: database.prepare('INSERT OR IGNORE INTO terms (term, sequence) VALUES (?, ?)'),
    forgetTerm: database.prepare('DELETE FROM terms WHERE term = ? AND sequence = ?'),
    claim: database.prepare('INSERT OR IGNORE INTO claims (owner, claim, sequence) VALUES (?, ?, ?)'),
    forgetClaims: database.prepare('DELETE FROM claims WHERE sequence = ?'),
  };
}
