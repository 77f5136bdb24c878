import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import * as z from 'zod';

import { writeFileDurable } from '../core/data-dir.js';
import { KpsimError } from '../core/errors.js';
import type { Rng } from '../core/rng.js';
import { Sealer } from '../core/store/sealer.js';
import { cryptoKeyIdSchema, installedImageSchema, trustedServicesSchema } from './api/schemas.js';

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
  /** The image that a patch put in the place of the one that the host came with. */
  image: installedImageSchema.optional(),
  keyServers: z.array(z.strictObject({ provider: z.string(), sealedSpec: sealed })),
});

/** A host's durable configuration. */
export type HostConfiguration = z.infer<typeof configurationSchema>;

const CONFIGURATION_FILE = 'configuration.json';
const TPM_FILE = 'tpm.sealed';

/** The host's durable state: its configuration and the state of its TPM. */
export class HostStore {
  readonly #dataDir: string;
  readonly #sealer: Sealer;
  #closed = false;
  #configuration: HostConfiguration;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(dataDir: string, sealer: Sealer, configuration: HostConfiguration) {
    this.#dataDir = dataDir;
    this.#sealer = sealer;
    this.#configuration = configuration;
  }

  /**
   * Opens a host's data directory; a new host is incapable of encryption and knows no provider.
   *
   * @throws KpsimError `store_unusable` if a file is damaged
   */
  static async open(dataDir: string, rng: Rng): Promise<HostStore> {
    const sealer = await Sealer.load(dataDir);
    const stored = await readIfThere(join(dataDir, CONFIGURATION_FILE));
    const configuration = stored
      ? parseStored(configurationSchema, stored, CONFIGURATION_FILE)
      : newConfiguration(rng.uuid());
    const store = new HostStore(dataDir, sealer, configuration);
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
    this.#requireOpen();
    return this.#sealer.seal(plain, place).toString('base64');
  }

  /** Opens what {@link seal} made; the caller zeroises it. @throws KpsimError `store_corrupt` */
  unseal(sealedBase64: string, place: string): Buffer {
    return this.#sealer.open(Buffer.from(sealedBase64, 'base64'), place);
  }

  /** The TPM's permanent state; undefined before the first {@link saveTpmState}. */
  async loadTpmState(): Promise<Buffer | undefined> {
    const stored = await readIfThere(join(this.#dataDir, TPM_FILE));
    return stored && this.#sealer.open(stored, TPM_FILE);
  }

  /** Keeps the TPM's permanent state, sealed. */
  saveTpmState(state: Uint8Array): Promise<void> {
    this.#requireOpen();
    const sealedState = this.#sealer.seal(state, TPM_FILE);
    return this.#exclusively(() => writeFileDurable(join(this.#dataDir, TPM_FILE), sealedState));
  }

  /** Waits for the last write and forgets the sealing key. */
  async close(): Promise<void> {
    await this.#writing;
    this.#closed = true;
    this.#sealer.close();
  }

  /** A sealer that was closed would seal under a key of zeros. */
  #requireOpen(): void {
    if (this.#closed) throw new KpsimError('host_stopped', 'The host agent has stopped: start it again.');
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
