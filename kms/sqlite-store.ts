import { join } from 'node:path';

import { zeroise } from '../core/secret.js';
import { DatabaseFile } from '../core/store/database-file.js';
import { GroupCommit } from '../core/store/group-commit.js';
import { openSealedDatabase } from '../core/store/sealed-database.js';
import type { Sealer } from '../core/store/sealer.js';
import type { SqliteDatabase, SqliteStatement } from '../core/store/sqlite.js';
import { closeDatabase, openSnapshot } from '../core/store/sqlite.js';
import { sqliteCode } from '../core/store/sqlite-code.js';
import { storageRemedy } from '../core/store/storage-failure.js';
import { placeOf } from './sealed-value.js';
import { SqliteReader, attempt } from './sqlite-reader.js';
import type {
  FindQuery,
  FoundObject,
  KmsSnapshot,
  KmsStore,
  ObjectToStore,
  Opens,
  SearchedObject,
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
  // A Create writes as few pages as can be. Whoever changes an object says which terms and claims it had: no index has
  // to find them, and they refer to no table. Sequences grow without a table that counts them.
  `CREATE TABLE objects_3 (
     sequence INTEGER PRIMARY KEY,
     unique_identifier TEXT NOT NULL UNIQUE,
     owner TEXT NOT NULL,
     object_type TEXT NOT NULL,
     revision INTEGER NOT NULL,
     attributes BLOB NOT NULL,
     value BLOB
   ) STRICT;
   INSERT INTO objects_3 SELECT * FROM objects ORDER BY sequence;
   CREATE TABLE terms_3 (
     term BLOB NOT NULL,
     sequence INTEGER NOT NULL,
     PRIMARY KEY (term, sequence)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO terms_3 SELECT term, sequence FROM terms ORDER BY term, sequence;
   CREATE TABLE claims_3 (
     owner TEXT NOT NULL,
     claim BLOB NOT NULL,
     sequence INTEGER NOT NULL,
     PRIMARY KEY (claim, owner)
   ) STRICT, WITHOUT ROWID;
   INSERT INTO claims_3 SELECT owner, claim, sequence FROM claims ORDER BY claim, owner;
   DROP TABLE claims;
   DROP TABLE terms;
   DROP TABLE objects;
   ALTER TABLE objects_3 RENAME TO objects;
   ALTER TABLE terms_3 RENAME TO terms;
   ALTER TABLE claims_3 RENAME TO claims;
   CREATE INDEX objects_by_owner ON objects (owner, sequence);`,
] as const;

/** Pages of the file that SQLite keeps in memory, in KiB: the upper levels of its trees at a million objects. */
const PAGE_CACHE_KIB = 32_768;
/**
 * Pages that the write-ahead log grows to before they are put into their places. Under many writes the same pages
 * change again and again; the longer the log, the fewer times each is written twice.
 */
const LOG_PAGES = 4000;
/** Rows that one statement inserts at most. */
const TERMS_AT_ONCE = 16;

const FILE = 'kms.db';
const DAMAGES: ReadonlySet<string | undefined> = new Set(['SQLITE_CORRUPT', 'SQLITE_NOTADB']);
const DAMAGED =
  'The database of the key server is damaged; its log says more. Stop it, and restore kms.db from a backup.';

/** The embedded store: one SQLite file in the data directory, key material sealed with AES-256-GCM. */
export class SqliteKmsStore implements KmsStore {
  /** The data directory belongs to one process. */
  readonly shared = false;
  readonly #path: string;
  readonly #file: DatabaseFile;
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #commits: GroupCommit;
  readonly #reader: SqliteReader;
  readonly #statements: ReturnType<typeof prepare>;
  /** By the number of rows. */
  readonly #addTermsStatements: SqliteStatement[] = [];
  /** What was wrong with the last commit, if anything was. */
  #failure: string | undefined;
  #damage: string | undefined;
  readonly #pending = new Set<Promise<unknown>>();

  private constructor(path: string, database: SqliteDatabase, sealer: Sealer) {
    this.#path = path;
    this.#file = new DatabaseFile(path);
    this.#database = database;
    this.#sealer = sealer;
    this.#commits = new GroupCommit(database, this.#file);
    this.#reader = new SqliteReader(database, sealer, this.#noteDamage);
    this.#statements = prepare(database);
  }

  /** Opens (or makes) `kms.db` and its key file. @throws KpsimError `store_unusable`, `store_key_invalid` */
  static async open(dataDir: string): Promise<SqliteKmsStore> {
    const { database, sealer } = await openSealedDatabase(dataDir, FILE, MIGRATIONS);
    database.exec(`PRAGMA cache_size = -${PAGE_CACHE_KIB}`);
    database.exec(`PRAGMA wal_autocheckpoint = ${LOG_PAGES}`);
    return new SqliteKmsStore(join(dataDir, FILE), database, sealer);
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

  search(query: FindQuery): Promise<readonly SearchedObject[]> {
    return this.#reader.search(query);
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    const sealed = changes.map((change) => ({ change, value: this.#seal(change.object) }));
    const done = this.#commits.run(() => {
      const written = sealed.map(({ change, value }) => this.#write(change, value));
      // Claims of all objects are given up before any is taken: a batch may hand a name from one to another.
      for (const [index, { change }] of sealed.entries()) {
        for (const claim of withoutThose(change.formerClaims, change.claims)) {
          this.#statements.forgetClaim.run(claim, written[index] ?? 0);
        }
      }
      for (const [index, { change }] of sealed.entries()) this.#claim(written[index] ?? 0, change);
    });
    this.#pending.add(done);
    try {
      await done;
      this.#failure = undefined;
    } catch (error) {
      this.#noteDamage(error);
      // What the file itself tells is not remembered: it may be there again.
      this.#failure = this.#file.problem() === undefined ? storageRemedy(error) : undefined;
      throw error;
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
        search: (query) => reader.search(query),
        close: () => attempt(() => closeDatabase(database)),
      };
    });
  }

  problem(): string | undefined {
    return this.#damage ?? this.#file.problem() ?? this.#failure;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#pending);
    closeDatabase(this.#database);
    this.#sealer.close();
  }

  /** Damage does not mend itself, although other pages can still be read. */
  readonly #noteDamage = (error: unknown): void => {
    if (DAMAGES.has(sqliteCode(error))) this.#damage = DAMAGED;
  };

  #seal(object: ObjectToStore | undefined): Buffer | null {
    if (object?.value === undefined) return null;
    const sealed = this.#sealer.seal(object.value, placeOf(object.uniqueIdentifier));
    zeroise(object.value);
    return sealed;
  }

  /** @returns the object's sequence */
  #write(change: StoreChange, value: Buffer | null): number | bigint {
    const { object, uniqueIdentifier, expectedRevision, terms, formerTerms } = change;
    if (object && expectedRevision === 0) {
      const sequence = this.#insert(object, value);
      this.#addTerms(sequence, terms);
      return sequence;
    }
    const found = this.#statements.revision.get(uniqueIdentifier) as RevisionRow | undefined;
    if (found?.revision !== expectedRevision) throw new StoreConflict(uniqueIdentifier);
    const { sequence } = found;
    if (object) this.#statements.update.run(object.revision, object.attributes, value, sequence);
    else this.#statements.remove.run(sequence);
    this.#addTerms(sequence, withoutThose(terms, formerTerms));
    for (const term of withoutThose(formerTerms, terms)) this.#statements.forgetTerm.run(term, sequence);
    return sequence;
  }

  /** @throws StoreConflict if there is an object of that identifier */
  #insert(object: ObjectToStore, value: Buffer | null): number | bigint {
    const { uniqueIdentifier, owner, objectType, revision, attributes } = object;
    const { changes, lastInsertRowid } = this.#statements.insert.run(
      uniqueIdentifier,
      owner,
      objectType,
      revision,
      attributes,
      value,
    );
    if (changes === 0) throw new StoreConflict(uniqueIdentifier);
    return lastInsertRowid;
  }

  #addTerms(sequence: number | bigint, terms: readonly Buffer[]): void {
    for (let from = 0; from < terms.length; from += TERMS_AT_ONCE) {
      const some = terms.slice(from, from + TERMS_AT_ONCE);
      this.#addTermsStatement(some.length).run(sequence, ...some);
    }
  }

  /** A call costs as much as a row: one statement inserts several. */
  #addTermsStatement(rows: number): SqliteStatement {
    const known = this.#addTermsStatements[rows];
    if (known) return known;
    const values = Array.from({ length: rows }, (_, row) => `(?${row + 2}, ?1)`).join(', ');
    const sql = `INSERT OR IGNORE INTO terms (term, sequence) VALUES ${values}`;
    return (this.#addTermsStatements[rows] = this.#database.prepare(sql));
  }

  /** @throws StoreConflict if another object has one of the claims */
  #claim(sequence: number | bigint, { object, uniqueIdentifier, claims, formerClaims }: StoreChange): void {
    if (!object) return;
    for (const claim of withoutThose(claims, formerClaims)) {
      const { changes } = this.#statements.claim.run(object.owner, claim, sequence);
      if (changes === 0) throw new StoreConflict(uniqueIdentifier);
    }
  }
}

/** Digests that are not among `others`. */
function withoutThose(digests: readonly Buffer[], others: readonly Buffer[]): readonly Buffer[] {
  if (others.length === 0) return digests;
  const known = new Set(others.map((digest) => digest.toString('latin1')));
  return digests.filter((digest) => !known.has(digest.toString('latin1')));
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
    remove: database.prepare('DELETE FROM objects WHERE sequence = ?'),
    forgetTerm: database.prepare('DELETE FROM terms WHERE term = ? AND sequence = ?'),
    claim: database.prepare('INSERT OR IGNORE INTO claims (owner, claim, sequence) VALUES (?, ?, ?)'),
    forgetClaim: database.prepare('DELETE FROM claims WHERE claim = ? AND sequence = ?'),
  };
}
