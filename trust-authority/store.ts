import { join } from 'node:path';

import type { Clock } from '../core/clock.js';
import { GroupCommit } from '../core/store/group-commit.js';
import { Sealer } from '../core/store/sealer.js';
import { openDatabase } from '../core/store/sqlite.js';
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

/** What is kept of each kind of thing: JSON that the room which owns the kind writes and reads. */
export type DocumentKind =
  | 'setting'
  | 'ca-certificate'
  | 'endorsement-key'
  | 'base-image'
  | 'known-host'
  | 'key-pair'
  | 'provider'
  | 'attestation-service'
  | 'consumer-principal'
  | 'attestation-cluster-member'
  | 'kms-cluster-member';

/** Kinds of secrets; they are sealed at rest. */
export type SecretKind = 'private-key' | 'pending-private-key' | 'credential';

/**
 * The durable state of a Trust Authority: documents by kind and id, and sealed secrets beside them.
 *
 * Reads are synchronous and see what was committed; a write resolves when it is durable.
 */
export class TrustAuthorityStore {
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #commits: GroupCommit;
  readonly #clock: Clock;
  readonly #statements: ReturnType<typeof prepareStatements>;
  #closed = false;

  private constructor(database: SqliteDatabase, sealer: Sealer, clock: Clock) {
    this.#clock = clock;
    this.#database = database;
    this.#sealer = sealer;
    this.#commits = new GroupCommit(database);
    this.#statements = prepareStatements(database);
  }

  /** Opens (or makes) the store of a data directory. @throws KpsimError `store_unusable`, `store_key_invalid`, … */
  static async open(dataDir: string, clock: Clock): Promise<TrustAuthorityStore> {
    const sealer = await Sealer.load(dataDir);
    const database = openDatabase(join(dataDir, 'trust-authority.db'), MIGRATIONS);
    return new TrustAuthorityStore(database, sealer, clock);
  }

  /** All documents of a kind, by id. */
  documents<T>(kind: DocumentKind): Map<string, T> {
    const rows = this.#statements.all.all(kind) as { id: string; value: string }[];
    return new Map(rows.map((row) => [row.id, JSON.parse(row.value) as T]));
  }

  /** Writes a document. */
  putDocument(kind: DocumentKind, id: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value);
    return this.#commits.run(() => {
      this.#statements.put.run(kind, id, text);
      this.#statements.change.run(kind, this.#clock.now());
    });
  }

  /** Replaces all documents of some kinds, all of them or none. */
  replaceDocuments(kinds: readonly (readonly [DocumentKind, ReadonlyMap<string, unknown>])[]): Promise<void> {
    const texts = kinds.map(([kind, rows]) => ({
      kind,
      rows: [...rows].map(([id, value]) => ({ id, text: JSON.stringify(value) })),
    }));
    return this.#commits.run(() => {
      for (const { kind, rows } of texts) {
        this.#statements.clear.run(kind);
        for (const { id, text } of rows) this.#statements.put.run(kind, id, text);
        this.#statements.change.run(kind, this.#clock.now());
      }
    });
  }

  /** Removes a document; nothing happens if there is none. */
  removeDocument(kind: DocumentKind, id: string): Promise<void> {
    return this.#commits.run(() => {
      this.#statements.remove.run(kind, id);
      this.#statements.change.run(kind, this.#clock.now());
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

  /** Seals and writes a secret. */
  putSecret(kind: SecretKind, id: string, plain: Uint8Array): Promise<void> {
    const sealed = this.#sealer.seal(plain, placeOf(kind, id));
    return this.#commits.run(() => {
      this.#statements.putSecret.run(kind, id, sealed);
    });
  }

  /** Removes a secret; nothing happens if there is none. */
  removeSecret(kind: SecretKind, id: string): Promise<void> {
    return this.#commits.run(() => {
      this.#statements.removeSecret.run(kind, id);
    });
  }

  /** Waits for writes under way, then closes the database and forgets the sealing key. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#commits.run(() => undefined);
    this.#database.close();
    this.#sealer.close();
  }
}

function prepareStatements(database: SqliteDatabase) {
  return {
    all: database.prepare('SELECT id, value FROM document WHERE kind = ? ORDER BY id'),
    put: database.prepare('INSERT OR REPLACE INTO document (kind, id, value) VALUES (?, ?, ?)'),
    remove: database.prepare('DELETE FROM document WHERE kind = ? AND id = ?'),
    clear: database.prepare('DELETE FROM document WHERE kind = ?'),
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
