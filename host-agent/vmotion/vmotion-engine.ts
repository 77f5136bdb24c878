import { systemClock } from '../../core/clock.js';
import type { Clock } from '../../core/clock.js';
import { silentLogger } from '../../core/logging.js';
import type { Logger } from '../../core/logging.js';
import type { KekResolver, VirtualMachine, VmStore } from '../vm/index.js';
import { MigrationDestination } from './migration-destination.js';
import { MigrationJournal } from './migration-journal.js';
import type { MigrationRole, MigrationState } from './migration-journal.js';
import { MigrationSource } from './migration-source.js';
import type { Destination, SendResult } from './sender.js';

/** Choices for {@link VmotionEngine.open}. */
export interface VmotionEngineOptions {
  store: VmStore;
  /** Folder of the migration journal; made if it does not exist. */
  journalDirectory: string;
  /** Address to listen on; `127.0.0.1` unless given. */
  host?: string;
  /** Port to listen on; any free one unless given. */
  port?: number;
  clock?: Clock;
  log?: Logger;
  /** A stream that is silent for so long ends; 30 s unless given. */
  idleTimeoutMs?: number;
  /** A destination waits so long for its source; 10 min unless given (own choice). */
  prepareTimeoutMs?: number;
}

/**
 * vMotion of one host, as source and as destination. The order that loses nothing: `prepareReceive` at the
 * destination, `startSend` at the source, `commitReceive` at the destination (the one point of no return), then
 * `commitSend` at the source. After a crash anywhere in it see `reconcileMigration`.
 */
export class VmotionEngine {
  readonly #journal: MigrationJournal;
  readonly #source: MigrationSource;
  readonly #destination: MigrationDestination;

  private constructor(journal: MigrationJournal, source: MigrationSource, destination: MigrationDestination) {
    this.#journal = journal;
    this.#source = source;
    this.#destination = destination;
  }

  /** Opens the journal and settles what a crash left; call it before VMs of the store are powered on. */
  static async open(options: VmotionEngineOptions): Promise<VmotionEngine> {
    const { store, clock = systemClock, log = silentLogger, idleTimeoutMs = 30_000 } = options;
    const journal = await MigrationJournal.open(store.fileSystem, options.journalDirectory);
    const end = { store, journal, clock, idleTimeoutMs };
    const source = new MigrationSource(end);
    const destination = new MigrationDestination({
      ...end,
      log,
      listen: { host: options.host ?? '127.0.0.1', port: options.port ?? 0 },
      prepareTimeoutMs: options.prepareTimeoutMs ?? 600_000,
    });
    await source.recover();
    await destination.recover();
    return new VmotionEngine(journal, source, destination);
  }

  /** Listens for streams. */
  start(): Promise<Destination> {
    return this.#destination.start();
  }

  /** Ends all streams, which aborts their migrations; what was sent or received whole stays so. */
  async stop(): Promise<void> {
    await this.#source.stop();
    await this.#destination.stop();
  }

  /** Where this host listens. */
  address(): Destination {
    return this.#destination.address();
  }

  /** See {@link MigrationDestination.prepareReceive}. */
  prepareReceive(spec: unknown, keys: KekResolver): Promise<Destination> {
    return this.#destination.prepareReceive(spec, keys);
  }

  /** See {@link MigrationSource.startSend}. */
  startSend(spec: unknown, destination: Destination): Promise<SendResult> {
    return this.#source.startSend(spec, destination);
  }

  /** See {@link MigrationDestination.commitReceive}. */
  commitReceive(migrationId: string): Promise<VirtualMachine> {
    return this.#destination.commitReceive(migrationId);
  }

  /** See {@link MigrationSource.commitSend}. */
  commitSend(migrationId: string): Promise<void> {
    return this.#source.commitSend(migrationId);
  }

  /** Ends a migration at this host, whichever end it is. @throws {VmotionError} `migration_state` if it is committed */
  async abort(migrationId: string): Promise<void> {
    await this.#destination.abort(migrationId);
    await this.#source.abort(migrationId);
  }

  /** How far a migration has come at this host, in each role that the host has in it. */
  migrationState(migrationId: string): Partial<Record<MigrationRole, MigrationState>> {
    const source = this.#journal.find(migrationId, 'source')?.state;
    const destination = this.#journal.find(migrationId, 'destination')?.state;
    return { ...(source ? { source } : {}), ...(destination ? { destination } : {}) };
  }
}
