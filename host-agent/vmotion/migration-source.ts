import type { Clock } from '../../core/clock.js';
import { zeroise } from '../../core/secret.js';
import { VmotionError } from '../../wire/vmotion/index.js';
import type { VirtualMachine, VmStore } from '../vm/index.js';
import type { MigrationJournal, MigrationRecord, MigrationState } from './migration-journal.js';
import { oneTimeKeyOf, parseMigrationSpec } from './migration-spec.js';
import type { MigrationSpec } from './migration-spec.js';
import { sendVm } from './sender.js';
import type { Destination, SendResult } from './sender.js';

/** What both ends of migrations stand on. */
export interface MigrationEndOptions {
  store: VmStore;
  journal: MigrationJournal;
  clock: Clock;
  /** A stream that is silent for so long ends. */
  idleTimeoutMs: number;
}

interface Sending {
  controller: AbortController;
  finished: Promise<unknown>;
}

/** The source end of a host's migrations. A VM is given up only by {@link commitSend}. */
export class MigrationSource {
  readonly #options: MigrationEndOptions;
  readonly #sending = new Map<string, Sending>();

  constructor(options: MigrationEndOptions) {
    this.#options = options;
  }

  /** After a restart: what was being sent is aborted; what was sent is held until it is reconciled. */
  async recover(): Promise<void> {
    const { journal, store } = this.#options;
    for (const record of journal.list()) {
      if (record.role !== 'source') continue;
      if (record.state === 'sending') await this.#record(record, 'aborted');
      if (record.state !== 'sent' || record.kind === 'clone') continue;
      const vm = store.find(record.vmId);
      if (vm) vm.hold(record.migrationId);
      else await this.#record(record, 'committed');
    }
  }

  /**
   * Sends a VM to a destination that was prepared with the same spec. Resolves when the destination has it durably;
   * then the VM is held until {@link commitSend} or {@link abort}, unless it was cloned.
   * @throws {VmotionError}, after which the VM goes on here
   */
  async startSend(value: unknown, destination: Destination): Promise<SendResult> {
    const { journal, store, clock, idleTimeoutMs } = this.#options;
    const spec = parseMigrationSpec(value);
    if (journal.find(spec.migrationId, 'source')) {
      throw new VmotionError(
        'migration_state',
        'this migration was sent once already; a new attempt needs a new spec',
      );
    }
    const vm = store.get(spec.vmId);
    await vm.exclusive('starting a migration', () => {
      requireSendable(vm, spec);
      vm.hold(spec.migrationId);
      return Promise.resolve();
    });
    const { migrationId, kind, live, vmId } = spec;
    const { datastore } = vm.place;
    const record = {
      migrationId,
      role: 'source',
      kind,
      live,
      vmId,
      datastore,
      updatedAtMs: clock.now(),
    } as const;
    const controller = new AbortController();
    const secret = oneTimeKeyOf(spec);
    const work = async (): Promise<SendResult> => {
      await journal.record({ ...record, state: 'sending' });
      const result = await sendVm({
        vm,
        spec,
        secret,
        destination,
        idleTimeoutMs,
        signal: controller.signal,
      });
      await journal.record({ ...record, state: 'sent', updatedAtMs: clock.now() });
      return result;
    };
    const finished = work();
    this.#sending.set(migrationId, { controller, finished });
    try {
      const result = await finished;
      if (kind === 'clone') vm.release(migrationId);
      return result;
    } catch (error) {
      vm.release(migrationId);
      // The first failure is the one to tell. Should the journal fail too, a restart settles what it says as aborted.
      await journal.record({ ...record, state: 'aborted', updatedAtMs: clock.now() }).catch(() => undefined);
      throw error;
    } finally {
      zeroise(secret.key, secret.nonce);
      this.#sending.delete(migrationId);
    }
  }

  /**
   * Gives the VM up, after the destination has committed. Idempotent.
   * @throws {VmotionError} `migration_state` unless the migration was sent
   */
  async commitSend(migrationId: string): Promise<void> {
    const record = this.#require(migrationId);
    if (record.state === 'committed') return;
    if (record.state !== 'sent') throw wrongState(record, 'commit the source of');
    const vm = this.#options.store.find(record.vmId);
    if (vm && record.kind === 'migrate') await this.#options.store.giveUp(vm);
    await this.#record(record, 'committed');
  }

  /**
   * Ends a migration that the destination has not committed: the VM goes on here. Idempotent, and no error for a
   * migration that is not known.
   * @throws {VmotionError} `migration_state` if it is committed
   */
  async abort(migrationId: string): Promise<void> {
    const sending = this.#sending.get(migrationId);
    sending?.controller.abort();
    await sending?.finished.catch(() => undefined);
    const record = this.#options.journal.find(migrationId, 'source');
    if (record === undefined || record.state === 'aborted') return;
    if (record.state === 'committed') throw wrongState(record, 'abort');
    await this.#record(record, 'aborted');
    this.#options.store.find(record.vmId)?.release(migrationId);
  }

  /** Ends all sending. */
  async stop(): Promise<void> {
    const all = [...this.#sending.values()];
    for (const { controller } of all) controller.abort();
    await Promise.allSettled(all.map(({ finished }) => finished));
  }

  #require(migrationId: string): MigrationRecord {
    const record = this.#options.journal.find(migrationId, 'source');
    if (record) return record;
    throw new VmotionError('migration_state', 'this host is not the source of such a migration');
  }

  #record(record: MigrationRecord, state: MigrationState): Promise<void> {
    return this.#options.journal.record({ ...record, state, updatedAtMs: this.#options.clock.now() });
  }
}

/** The error for a migration that is not where it must be. */
export function wrongState({ migrationId, role, state }: MigrationRecord, doing: string): VmotionError {
  return new VmotionError(
    'migration_state',
    `cannot ${doing} migration ${migrationId}: at the ${role} it is ${state}`,
  );
}

function requireSendable(vm: VirtualMachine, spec: MigrationSpec): void {
  if (vm.encrypted && !spec.encrypted) {
    throw new VmotionError('spec_invalid', 'an encrypted VM must travel by encrypted vMotion (ENC-1)');
  }
  if (vm.powerState === 'poweredOn' && spec.kind === 'migrate' && !spec.live) {
    throw new VmotionError('spec_invalid', 'the VM is powered on: migrate it live, or power it off first');
  }
}
