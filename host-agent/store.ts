import { readFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

import { z } from 'zod';

import { makePrivateDir, writeFileDurable } from '../core/data-dir.js';
import { KpsimError } from '../core/errors.js';
import type { Rng } from '../core/rng.js';
import { Sealer } from '../core/store/sealer.js';
import { cryptoKeyIdSchema, trustedServicesSchema } from './api/schemas.js';

const sealed = z.base64();

/** What a host keeps over a restart. Key material is sealed, each piece to its place. Own choice: one JSON file. */
const configurationSchema = z.strictObject({
  uuid: z.uuid(),
  cryptoMode: z.strictObject({
    state: z.enum(['incapable', 'prepared', 'safe', 'pendingIncapable']),
    hostKey: cryptoKeyIdSchema.optional(),
  }),
  nativeProviders: z.array(z.strictObject({ provider: z.string(), kdkId: z.string(), sealedKdk: sealed })),
  trusted: trustedServicesSchema,
  keyServers: z.array(z.strictObject({ provider: z.string(), sealedSpec: sealed })),
});

/** A host's durable configuration. */
export type HostConfiguration = z.infer<typeof configurationSchema>;

/** One side of a migration, kept until it is forgotten as the oldest of many. */
const migrationSchema = z.strictObject({
  migrationId: z.uuid(),
  role: z.enum(['source', 'destination']),
  phase: z.enum(['prepared', 'transferring', 'transferred', 'committing', 'committed', 'aborted']),
  vmId: z.uuid(),
  kind: z.enum(['migrate', 'clone']),
  live: z.boolean(),
  encrypted: z.boolean(),
  digest: z.string().optional(),
  reason: z.string().optional(),
  /** Milliseconds since the epoch of the last change. */
  changedAt: z.number(),
});

/** The durable record of one side of a migration; it holds no key. */
export type MigrationRecord = z.infer<typeof migrationSchema>;

/** Ended migrations that are remembered at most; older ones are forgotten (own choice). */
const MIGRATIONS_REMEMBERED = 256;
const CONFIGURATION_FILE = 'configuration.json';
const MIGRATIONS_DIR = 'migrations';
const TPM_FILE = 'tpm.sealed';

/** The host's durable state: its configuration, its migrations, and the state of its TPM. */
export class HostStore {
  readonly #dataDir: string;
  readonly #sealer: Sealer;
  #configuration: HostConfiguration;
  readonly #migrations: Map<string, MigrationRecord>;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(
    dataDir: string,
    sealer: Sealer,
    configuration: HostConfiguration,
    migrations: Map<string, MigrationRecord>,
  ) {
    this.#dataDir = dataDir;
    this.#sealer = sealer;
    this.#configuration = configuration;
    this.#migrations = migrations;
  }

  /**
   * Opens a host's data directory; a new host is incapable of encryption and knows no provider.
   *
   * @throws KpsimError `store_unusable` if a file is damaged
   */
  static async open(dataDir: string, rng: Rng): Promise<HostStore> {
    await makePrivateDir(join(dataDir, MIGRATIONS_DIR));
    const sealer = await Sealer.load(dataDir);
    const stored = await readIfThere(join(dataDir, CONFIGURATION_FILE));
    const configuration = stored
      ? parseStored(configurationSchema, stored, CONFIGURATION_FILE)
      : newConfiguration(rng.uuid());
    const store = new HostStore(dataDir, sealer, configuration, await loadMigrations(dataDir));
    if (!stored) await store.update({});
    return store;
  }

  /** The configuration as it is on disk. */
  get configuration(): HostConfiguration {
    return this.#configuration;
  }

  /** Changes parts of the configuration durably. */
  update(change: Partial<HostConfiguration>): Promise<void> {
    return this.change(() => change);
  }

  /** As {@link update}, with parts computed from what stands when its turn comes. */
  change(compute: (current: HostConfiguration) => Partial<HostConfiguration>): Promise<void> {
    return this.#exclusively(async () => {
      const next = { ...this.#configuration, ...compute(this.#configuration) };
      await writeFileDurable(join(this.#dataDir, CONFIGURATION_FILE), JSON.stringify(next));
      this.#configuration = next;
    });
  }

  /** Seals key material for the configuration, base64; `place` names where it belongs. */
  seal(plain: Uint8Array, place: string): string {
    return this.#sealer.seal(plain, place).toString('base64');
  }

  /** Opens what {@link seal} made; the caller zeroises it. @throws KpsimError `store_corrupt` */
  unseal(sealedBase64: string, place: string): Buffer {
    return this.#sealer.open(Buffer.from(sealedBase64, 'base64'), place);
  }

  /** The record of a migration. */
  migration(migrationId: string): MigrationRecord | undefined {
    return this.#migrations.get(migrationId);
  }

  /** All migrations that are remembered. */
  migrations(): readonly MigrationRecord[] {
    return [...this.#migrations.values()];
  }

  /** Makes a migration's record durable, and forgets the oldest ended ones. */
  saveMigration(record: MigrationRecord): Promise<void> {
    return this.#exclusively(async () => {
      await writeFileDurable(this.#migrationPath(record.migrationId), JSON.stringify(record));
      this.#migrations.set(record.migrationId, record);
      await this.#forgetOldMigrations();
    });
  }

  /** The TPM's permanent state; undefined before the first {@link saveTpmState}. */
  async loadTpmState(): Promise<Buffer | undefined> {
    const stored = await readIfThere(join(this.#dataDir, TPM_FILE));
    return stored && this.#sealer.open(stored, TPM_FILE);
  }

  /** Keeps the TPM's permanent state, sealed. */
  saveTpmState(state: Uint8Array): Promise<void> {
    return this.#exclusively(() =>
      writeFileDurable(join(this.#dataDir, TPM_FILE), this.#sealer.seal(state, TPM_FILE)),
    );
  }

  /** Waits for the last write and forgets the sealing key. */
  async close(): Promise<void> {
    await this.#writing;
    this.#sealer.close();
  }

  async #forgetOldMigrations(): Promise<void> {
    if (this.#migrations.size <= MIGRATIONS_REMEMBERED) return;
    const ended = [...this.#migrations.values()]
      .filter(({ phase }) => phase === 'committed' || phase === 'aborted')
      .sort((left, right) => left.changedAt - right.changedAt);
    for (const { migrationId } of ended.slice(0, this.#migrations.size - MIGRATIONS_REMEMBERED)) {
      await rm(this.#migrationPath(migrationId), { force: true });
      this.#migrations.delete(migrationId);
    }
  }

  #migrationPath(migrationId: string): string {
    return join(this.#dataDir, MIGRATIONS_DIR, `${migrationId}.json`);
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(work, work);
    this.#writing = done.catch(() => undefined);
    return done;
  }
}

function newConfiguration(uuid: string): HostConfiguration {
  return {
    uuid,
    cryptoMode: { state: 'incapable' },
    nativeProviders: [],
    trusted: { attestation: [], kms: [], providers: [] },
    keyServers: [],
  };
}

async function loadMigrations(dataDir: string): Promise<Map<string, MigrationRecord>> {
  const directory = join(dataDir, MIGRATIONS_DIR);
  const names = (await readdir(directory)).filter((file) => file.endsWith('.json'));
  const records = await Promise.all(
    names.map(async (file) => parseStored(migrationSchema, await readFile(join(directory, file)), file)),
  );
  return new Map(records.map((record) => [record.migrationId, record]));
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function parseStored<S extends z.ZodType>(schema: S, bytes: Buffer, file: string): z.output<S> {
  try {
    return schema.parse(JSON.parse(bytes.toString('utf8')));
  } catch (cause) {
    throw new KpsimError(
      'store_unusable',
      `The host's file ${file} is damaged: restore it from a backup, or start with an empty data directory.`,
      { cause },
    );
  }
}
