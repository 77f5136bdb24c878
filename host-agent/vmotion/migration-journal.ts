import { join } from 'node:path';
import * as z from 'zod';
import { KpsimError } from '../../core/errors.js';
import type { FileSystem } from '../vm/index.js';
import {
  exists,
  PRIVATE_DIRECTORY_MODE,
  readSmallFile,
  syncFolder,
  writeNewFile,
} from '../vm/file-system.js';

/** Which end of a migration a host is. */
export type MigrationRole = 'source' | 'destination';

/**
 * How far one end has come.
 * Source: `sending` → `sent` (destination has everything durably) → `committed` (VM given up) or `aborted`.
 * Destination: `prepared` → `received` (durable, out of sight) → `committed` (VM is here) or `aborted`.
 */
export type MigrationState = 'sending' | 'sent' | 'prepared' | 'received' | 'committed' | 'aborted';

const recordSchema = z.strictObject({
  migrationId: z.string(),
  role: z.enum(['source', 'destination']),
  state: z.enum(['sending', 'sent', 'prepared', 'received', 'committed', 'aborted']),
  kind: z.enum(['migrate', 'clone']),
  live: z.boolean(),
  /** Id of the VM at this end. */
  vmId: z.string(),
  datastore: z.string(),
  updatedAtMs: z.number(),
});

/** What a host remembers of a migration; never its key. */
export type MigrationRecord = z.infer<typeof recordSchema>;

const RECORD_MAX_BYTES = 4096;
const MAX_FINISHED_RECORDS = 512;
const FINISHED: ReadonlySet<MigrationState> = new Set<MigrationState>(['committed', 'aborted']);

/** Durable memory of migrations: one small file for each migration and role. */
export class MigrationJournal {
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #records = new Map<string, MigrationRecord>();

  private constructor(files: FileSystem, directory: string) {
    this.#files = files;
    this.#directory = directory;
  }

  /**
   * Opens the journal, forgetting the oldest finished migrations beyond 512 (own choice).
   * @throws {KpsimError} `store_unusable` naming the record that is damaged
   */
  static async open(files: FileSystem, directory: string): Promise<MigrationJournal> {
    const journal = new MigrationJournal(files, directory);
    await files.mkdir(directory, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
    for (const name of await files.readdir(directory)) {
      if (name.endsWith('.json')) await journal.#load(name);
      else await files.rm(join(directory, name), { force: true });
    }
    const finished = [...journal.#records.values()]
      .filter(({ state }) => FINISHED.has(state))
      .sort((left, right) => right.updatedAtMs - left.updatedAtMs);
    for (const record of finished.slice(MAX_FINISHED_RECORDS)) await journal.#forget(record);
    return journal;
  }

  /** All records. */
  list(): MigrationRecord[] {
    return [...this.#records.values()];
  }

  /** What is known of one end of a migration. */
  find(migrationId: string, role: MigrationRole): MigrationRecord | undefined {
    return this.#records.get(nameOf({ migrationId, role }));
  }

  /** Remembers a state; durable when it resolves. */
  async record(record: MigrationRecord): Promise<void> {
    const name = nameOf(record);
    const path = join(this.#directory, name);
    const temporary = `${path}.new`;
    await this.#files.rm(temporary, { force: true });
    await writeNewFile(this.#files, temporary, Buffer.from(JSON.stringify(record)));
    await this.#files.rename(temporary, path);
    await syncFolder(this.#files, this.#directory);
    this.#records.set(name, record);
  }

  async #load(name: string): Promise<void> {
    const bytes = await readSmallFile(this.#files, this.#directory, name, RECORD_MAX_BYTES);
    const record = parseRecord(bytes, name);
    this.#records.set(nameOf(record), record);
  }

  async #forget(record: MigrationRecord): Promise<void> {
    const path = join(this.#directory, nameOf(record));
    this.#records.delete(nameOf(record));
    if (await exists(this.#files, path)) await this.#files.rm(path, { force: true });
  }
}

function parseRecord(bytes: Buffer, name: string): MigrationRecord {
  try {
    return recordSchema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new KpsimError(
      'store_unusable',
      `The host's record of a migration, ${name}, is damaged: restore it from a backup. Without it nobody can tell which host has the VM.`,
      { cause },
    );
  }
}

function nameOf({ migrationId, role }: Pick<MigrationRecord, 'migrationId' | 'role'>): string {
  return `${migrationId}.${role}.json`;
}
