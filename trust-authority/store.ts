import { join } from 'node:path';

import type { Clock } from '../core/clock.js';
import { DatabaseFile } from '../core/store/database-file.js';
import { GroupCommit } from '../core/store/group-commit.js';
import { openSealedDatabase } from '../core/store/sealed-database.js';
import type { SealedDatabase } from '../core/store/sealed-database.js';
import type { Sealer } from '../core/store/sealer.js';
import { closeDatabase } from '../core/store/sqlite.js';
import type { SqliteDatabase } from '../core/store/sqlite.js';

/** Schema, oldest step first; only ever appended to. */
const MIGRATIONS = [
  `CREATE TABLE document (
     kind TEXT NOT NULL,
     id TEXT NOT NULL,
     value TEXT NOT NULL,
     PRIMARY KEY (kind, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE change (
     kind TEXT PRIMARY KEY,
     changed_at_ms INTEGER NOT NULL
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE secret (
     kind TEXT NOT NULL,
     id TEXT NOT NULL,
     sealed BLOB NOT NULL,
     PRIMARY KEY (kind, id)
   ) STRICT, WITHOUT ROWID;`,
] as const;

const FILE = 'trust-authority.db';

/** What is kept of each kind of thing: JSON that the room which owns the kind writes and reads. */
export type DocumentKind =
  | 'setting'
  | 'consumer-principal'
  | 'kms-cluster-member'
  | 'ca-certificate'
  | 'endorsement-key'
  | 'base-image'
  | 'known-host'
  | 'key-pair'
  | 'provider'
  | 'attestation-service'
  | 'cluster';

/** Kinds of secrets; they are sealed at rest. */
export type SecretKind = 'private-key' | 'pending-private-key' | 'credential';

/** A secret that is written along with a document: both are durable, or neither is. */
export interface SecretChange {
  readonly kind: SecretKind;
  readonly id: string;
  /** Undefined removes it. */
  readonly plain: Uint8Array | undefined;
}

/**
 * The durable state of a Trust Authority: documents by kind and id, and sealed secrets beside them.
 *
 * Reads are synchronous and see what was committed; a write resolves when it is durable.
 */
export class TrustAuthorityStore {
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #commits: GroupCommit;
  readonly #file: DatabaseFile;
  readonly #clock: Clock;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #closed = false;

  private constructor(
    { database, sealer, file }: SealedDatabase & { readonly file: DatabaseFile },
    clock: Clock,
  ) {
    this.#clock = clock;
    this.#database = database;
    this.#sealer = sealer;
    this.#commits = new GroupCommit(database, file);
    this.#file = file;
    this.#statements = prepareStatements(database);
  }

  /** Opens (or makes) the store of a data directory. @throws KpsimError `store_unusable`, `store_key_invalid`, … */
  static async open(dataDir: string, clock: Clock): Promise<TrustAuthorityStore> {
    const { database, sealer } = await openSealedDatabase(dataDir, FILE, MIGRATIONS);
    return new TrustAuthorityStore({ database, sealer, file: new DatabaseFile(join(dataDir, FILE)) }, clock);
  }

  /** All documents of a kind, by id. */
  documents<T>(kind: DocumentKind): Map<string, T> {
    const rows = this.#statements.all.all(kind) as { id: string; value: string }[];
    return new Map(rows.map((row) => [row.id, JSON.parse(row.value) as T]));
  }

  /** Writes a document, and secrets with it. */
  putDocument(
    kind: DocumentKind,
    id: string,
    value: unknown,
    secrets: readonly SecretChange[] = [],
  ): Promise<void> {
    const text = JSON.stringify(value);
    const writeSecrets = this.#secretWrites(secrets);
    return this.#commits.run(() => {
      this.#statements.put.run(kind, id, text);
      this.#statements.change.run(kind, this.#clock.now());
      writeSecrets();
    });
  }

  /** Makes the documents of several kinds what is given, all at once: after a crash either none or all are. */
  replaceDocuments(kinds: ReadonlyMap<DocumentKind, ReadonlyMap<string, unknown>>): Promise<void> {
    const rows = [...kinds].flatMap(([kind, documents]) =>
      [...documents].map(([id, value]) => [kind, id, JSON.stringify(value)] as const),
    );
    return this.#commits.run(() => {
      for (const kind of kinds.keys()) {
        this.#statements.removeAll.run(kind);
        this.#statements.change.run(kind, this.#clock.now());
      }
      for (const row of rows) this.#statements.put.run(...row);
    });
  }

  /** Removes a document, and changes secrets with it; nothing happens to a document that is not there. */
  removeDocument(kind: DocumentKind, id: string, secrets: readonly SecretChange[] = []): Promise<void> {
    const writeSecrets = this.#secretWrites(secrets);
    return this.#commits.run(() => {
      this.#statements.remove.run(kind, id);
      this.#statements.change.run(kind, this.#clock.now());
      writeSecrets();
    });
  }

  /** When a document of one of the kinds changed last, in milliseconds since the epoch; 0 for never. */
  changedAtMs(kinds: readonly DocumentKind[]): number {
    const rows = kinds.map((kind) => this.#statements.changed.get(kind) as { ms: number } | undefined);
    return Math.max(0, ...rows.map((row) => row?.ms ?? 0));
  }

  /** A secret in the clear, in a buffer that the caller may zeroise; undefined if there is none. */
  secret(kind: SecretKind, id: string): Buffer | undefined {
    const row = this.#statements.secret.get(kind, id) as { sealed: Uint8Array } | undefined;
    return row && this.#sealer.open(row.sealed, placeOf(kind, id));
  }

  /** Seals and writes a secret, or removes one; nothing happens to one that is not there. */
  changeSecret(secret: SecretChange): Promise<void> {
    return this.#commits.run(this.#secretWrites([secret]));
  }

  /** What keeps the store from being written, and what to do; undefined if nothing does. */
  problem(): string | undefined {
    return this.#file.problem();
  }

  /** Waits for writes under way, then closes the database and forgets the sealing key. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // Each write tells its own failure: that nothing can be written any more keeps nothing from being closed.
    await this.#commits.run(() => undefined).catch(() => undefined);
    closeDatabase(this.#database);
    this.#sealer.close();
  }

  /** Seals at once, so that the caller may clear what is sealed. */
  #secretWrites(secrets: readonly SecretChange[]): () => void {
    const rows = secrets.map(
      ({ kind, id, plain }) => [kind, id, plain && this.#sealer.seal(plain, placeOf(kind, id))] as const,
    );
    return () => {
      for (const [kind, id, sealed] of rows) {
        if (sealed) this.#statements.putSecret.run(kind, id, sealed);
        else this.#statements.removeSecret.run(kind, id);
      }
    };
  }
}

function prepareStatements(database: SqliteDatabase) {
  return {
    all: database.prepare('SELECT id, value FROM document WHERE kind = ? ORDER BY id'),
    put: database.prepare('INSERT OR REPLACE INTO document (kind, id, value) VALUES (?, ?, ?)'),
    remove: database.prepare('DELETE FROM document WHERE kind = ? AND id = ?'),
    removeAll: database.prepare('DELETE FROM document WHERE kind = ?'),
    change: database.prepare('INSERT OR REPLACE INTO change (kind, changed_at_ms) VALUES (?, ?)'),
    changed: database.prepare('SELECT changed_at_ms AS ms FROM change WHERE kind = ?'),
    secret: database.prepare('SELECT sealed FROM secret WHERE kind = ? AND id = ?'),
    putSecret: database.prepare('INSERT OR REPLACE INTO secret (kind, id, sealed) VALUES (?, ?, ?)'),
    removeSecret: database.prepare('DELETE FROM secret WHERE kind = ? AND id = ?'),
  };
}

function placeOf(kind: SecretKind, id: string): string {
  return `${kind}/${id}`;
}
