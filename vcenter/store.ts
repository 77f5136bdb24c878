import { join } from 'node:path';

import type { SqliteDatabase } from '../core/store/sqlite.js';
import { closeDatabase, inTransaction, openDatabase } from '../core/store/sqlite.js';

/** Schema, oldest first; only ever appended to. */
const MIGRATIONS = [
  `CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
   CREATE TABLE entity (moid TEXT PRIMARY KEY, type TEXT NOT NULL, parent TEXT, body TEXT NOT NULL) STRICT;
   CREATE TABLE role (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, privileges TEXT NOT NULL) STRICT;
   CREATE TABLE permission (
     entity TEXT NOT NULL, principal TEXT NOT NULL, is_group INTEGER NOT NULL,
     role_id INTEGER NOT NULL, propagate INTEGER NOT NULL,
     PRIMARY KEY (entity, principal, is_group)
   ) STRICT;
   CREATE TABLE key_provider (name TEXT PRIMARY KEY, kind TEXT NOT NULL, sealed BLOB NOT NULL) STRICT;
   CREATE TABLE crypto_key (
     provider TEXT NOT NULL, key_id TEXT NOT NULL, added_at INTEGER NOT NULL,
     PRIMARY KEY (provider, key_id)
   ) STRICT;
   CREATE TABLE migration (id TEXT PRIMARY KEY, phase TEXT NOT NULL, body TEXT NOT NULL) STRICT;`,
  `CREATE TABLE trusted_service (
     kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,
     PRIMARY KEY (kind, id)
   ) STRICT;`,
  `CREATE TABLE trusted_provider_secret (
     cluster TEXT NOT NULL, provider TEXT NOT NULL, sealed BLOB NOT NULL,
     PRIMARY KEY (cluster, provider)
   ) STRICT;`,
] as const;

/** A role of the table `role`. */
export interface RoleRow {
  readonly id: number;
  readonly name: string;
  readonly privileges: readonly string[];
}

/** A permission of the table `permission`; `entity` is a moid. */
export interface PermissionRow {
  readonly entity: string;
  readonly principal: string;
  readonly group: boolean;
  readonly roleId: number;
  readonly propagate: boolean;
}

/** A key provider of the table `key_provider`; `sealed` is opened by whoever knows its kind. */
export interface KeyProviderRow {
  readonly name: string;
  readonly kind: string;
  readonly sealed: Uint8Array;
}

/** A migration's durable record; `body` is JSON of its owner. */
export interface MigrationRow {
  readonly id: string;
  readonly phase: string;
  readonly body: string;
}

/** What a vCenter keeps on disk: inventory, roles and permissions, key providers, running migrations. */
export class VcenterStore {
  readonly #database: SqliteDatabase;

  constructor(dataDir: string) {
    this.#database = openDatabase(join(dataDir, 'vcenter.sqlite'), MIGRATIONS);
  }

  close(): void {
    closeDatabase(this.#database);
  }

  /** Runs `work` in one durable transaction. */
  transaction<T>(work: () => T): T {
    return this.#database.isTransaction ? work() : inTransaction(this.#database, work);
  }

  setting(name: string): string | undefined {
    return this.#one<{ value: string }>('SELECT value FROM setting WHERE name = ?', name)?.value;
  }

  setSetting(name: string, value: string | undefined): void {
    if (value === undefined) this.#run('DELETE FROM setting WHERE name = ?', name);
    else this.#run('INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)', name, value);
  }

  entities(): readonly { moid: string; body: string }[] {
    return this.#all('SELECT moid, body FROM entity');
  }

  putEntity(moid: string, type: string, parent: string | undefined, body: string): void {
    const sql = 'INSERT OR REPLACE INTO entity (moid, type, parent, body) VALUES (?, ?, ?, ?)';
    this.#run(sql, moid, type, parent ?? null, body);
  }

  deleteEntity(moid: string): void {
    this.#run('DELETE FROM permission WHERE entity = ?', moid);
    this.deleteTrustedProviderSecrets(moid);
    this.#run('DELETE FROM entity WHERE moid = ?', moid);
  }

  roles(): readonly RoleRow[] {
    return this.#all<{ id: number; name: string; privileges: string }>('SELECT * FROM role').map((row) => ({
      ...row,
      privileges: JSON.parse(row.privileges) as string[],
    }));
  }

  putRole(role: RoleRow): void {
    const sql = 'INSERT OR REPLACE INTO role (id, name, privileges) VALUES (?, ?, ?)';
    this.#run(sql, role.id, role.name, JSON.stringify(role.privileges));
  }

  deleteRole(id: number): void {
    this.#run('DELETE FROM role WHERE id = ?', id);
  }

  permissions(): readonly PermissionRow[] {
    return this.#all<{
      entity: string;
      principal: string;
      is_group: number;
      role_id: number;
      propagate: number;
    }>('SELECT * FROM permission').map((row) => ({
      entity: row.entity,
      principal: row.principal,
      group: row.is_group === 1,
      roleId: row.role_id,
      propagate: row.propagate === 1,
    }));
  }

  putPermission({ entity, principal, group, roleId, propagate }: PermissionRow): void {
    const sql =
      'INSERT OR REPLACE INTO permission (entity, principal, is_group, role_id, propagate) VALUES (?, ?, ?, ?, ?)';
    this.#run(sql, entity, principal, group ? 1 : 0, roleId, propagate ? 1 : 0);
  }

  deletePermission(entity: string, principal: string, group: boolean): void {
    const sql = 'DELETE FROM permission WHERE entity = ? AND principal = ? AND is_group = ?';
    this.#run(sql, entity, principal, group ? 1 : 0);
  }

  keyProviders(): readonly KeyProviderRow[] {
    return this.#all('SELECT name, kind, sealed FROM key_provider ORDER BY rowid');
  }

  putKeyProvider({ name, kind, sealed }: KeyProviderRow): void {
    const sql =
      'INSERT INTO key_provider (name, kind, sealed) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed';
    this.#run(sql, name, kind, Buffer.from(sealed));
  }

  deleteKeyProvider(name: string): void {
    this.#run('DELETE FROM key_provider WHERE name = ?', name);
  }

  keys(limit: number): readonly { provider: string; keyId: string }[] {
    const sql = 'SELECT provider, key_id AS keyId FROM crypto_key ORDER BY added_at, rowid LIMIT ?';
    return this.#all(sql, limit);
  }

  hasKey(provider: string, keyId: string): boolean {
    return (
      this.#one('SELECT 1 FROM crypto_key WHERE provider = ? AND key_id = ?', provider, keyId) !== undefined
    );
  }

  putKey(provider: string, keyId: string, addedAt: number): void {
    const sql = 'INSERT OR IGNORE INTO crypto_key (provider, key_id, added_at) VALUES (?, ?, ?)';
    this.#run(sql, provider, keyId, addedAt);
  }

  deleteKey(provider: string, keyId: string): void {
    this.#run('DELETE FROM crypto_key WHERE provider = ? AND key_id = ?', provider, keyId);
  }

  migrations(): readonly MigrationRow[] {
    return this.#all('SELECT id, phase, body FROM migration ORDER BY rowid');
  }

  putMigration({ id, phase, body }: MigrationRow): void {
    this.#run('INSERT OR REPLACE INTO migration (id, phase, body) VALUES (?, ?, ?)', id, phase, body);
  }

  deleteMigration(id: string): void {
    this.#run('DELETE FROM migration WHERE id = ?', id);
  }

  trustedServices(kind: string): readonly { id: string; body: string }[] {
    return this.#all('SELECT id, body FROM trusted_service WHERE kind = ? ORDER BY rowid', kind);
  }

  putTrustedService(kind: string, id: string, body: string): void {
    this.#run('INSERT INTO trusted_service (kind, id, body) VALUES (?, ?, ?)', kind, id, body);
  }

  deleteTrustedService(kind: string, id: string): void {
    this.#run('DELETE FROM trusted_service WHERE kind = ? AND id = ?', kind, id);
  }

  trustedProviderSecrets(cluster: string): readonly { provider: string; sealed: Uint8Array }[] {
    const sql = 'SELECT provider, sealed FROM trusted_provider_secret WHERE cluster = ? ORDER BY provider';
    return this.#all(sql, cluster);
  }

  putTrustedProviderSecret(cluster: string, provider: string, sealed: Uint8Array): void {
    const sql = 'INSERT OR REPLACE INTO trusted_provider_secret (cluster, provider, sealed) VALUES (?, ?, ?)';
    this.#run(sql, cluster, provider, Buffer.from(sealed));
  }

  deleteTrustedProviderSecrets(cluster: string): void {
    this.#run('DELETE FROM trusted_provider_secret WHERE cluster = ?', cluster);
  }

  deleteTrustedProviderSecret(cluster: string, provider: string): void {
    this.#run('DELETE FROM trusted_provider_secret WHERE cluster = ? AND provider = ?', cluster, provider);
  }

  /* The statements above say which columns there are, so the rows are what they are said to be. */
  /* eslint-disable @typescript-eslint/no-unnecessary-type-parameters */
  #all<T>(sql: string, ...values: readonly (string | number)[]): readonly T[] {
    return this.#database.prepare(sql).all(...values) as T[];
  }

  #one<T>(sql: string, ...values: readonly (string | number)[]): T | undefined {
    return this.#database.prepare(sql).get(...values) as T | undefined;
  }
  /* eslint-enable @typescript-eslint/no-unnecessary-type-parameters */

  #run(sql: string, ...values: readonly (string | number | null | Buffer)[]): void {
    this.#database.prepare(sql).run(...values);
  }
}
