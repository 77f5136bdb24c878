import { RemoteDestination } from '../peer/remote-destination.js';
import type { Vcenter } from '../vcenter.js';
import type { MigrationDestination } from './destination.js';
import { LocalDestination } from './local-destination.js';
import type { DestinationRecord, MigrationRecords, SourceRecord } from './records.js';

/** How a migration ended; `unclear` until its destination can be asked. */
export type Settlement = 'committed' | 'aborted' | 'unclear';

const INTERVAL_MS = 5000;
/** A source that never came back: its VM is where it was, so what was prepared for it is thrown away. */
const PREPARED_LIFETIME_MS = 60 * 60_000;

/**
 * Brings migrations that were interrupted to their one end: the destination says whether it has committed; if it has,
 * the source host gives its VM up, if not, it never will and the source host goes on with it.
 */
export class Reconciler {
  readonly #vcenter: Vcenter;
  readonly #records: MigrationRecords;
  /** Migrations that a task works on. */
  readonly #claimed = new Set<string>();
  #timer: NodeJS.Timeout | undefined;
  #round: Promise<void> | undefined;

  constructor(vcenter: Vcenter, records: MigrationRecords) {
    this.#vcenter = vcenter;
    this.#records = records;
  }

  /** Takes up what a crash left, and goes on asking. */
  start(): void {
    for (const { vmId } of this.#records.sources()) this.#vcenter.hosts.vms.moving(vmId);
    for (const { vmId, phase } of this.#records.destinations()) {
      if (phase === 'prepared') this.#vcenter.hosts.vms.moving(vmId);
    }
    this.#timer = setInterval(() => void this.run(), INTERVAL_MS);
    this.#timer.unref();
    void this.run();
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#round;
  }

  /** One round over all migrations that no task works on. */
  run(): Promise<void> {
    this.#round ??= this.#settleAll().finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** A task takes a migration up. */
  claim(migrationId: string): void {
    this.#claimed.add(migrationId);
  }

  /** Whether a task works on a migration. */
  isClaimed(migrationId: string): boolean {
    return this.#claimed.has(migrationId);
  }

  /** The task has ended; what is left open is asked for again. */
  release(migrationId: string): void {
    this.#claimed.delete(migrationId);
  }

  /** Brings a failed migration to its end, as far as that can be done now. */
  async settle(migrationId: string, destination: MigrationDestination): Promise<Settlement> {
    const record = this.#records.sources().find((each) => each.migrationId === migrationId);
    if (!record) return 'aborted';
    try {
      const outcome = record.phase === 'committed' ? 'committed' : await destination.abort(migrationId);
      if (outcome === 'committed') await this.finish({ ...record, phase: 'committed' });
      else await this.#giveBack(record);
      return outcome;
    } catch (error) {
      this.#vcenter.context.log.warn({ err: error, migrationId }, 'a migration is not settled yet');
      return record.phase === 'committed' ? 'committed' : 'unclear';
    }
  }

  /** The destination has the VM: the source host gives its own up (of a clone it keeps it). */
  async finish(record: SourceRecord): Promise<void> {
    const { inventory, hosts } = this.#vcenter;
    this.#records.put(record);
    const host = inventory.get(record.host);
    if (host?.type === 'HostSystem') await hosts.client(host).commitSend(record.migrationId);
    if (record.operation === 'migrate' && record.remote) {
      const vm = inventory.vmByUuid(record.vmId);
      if (vm?.host === record.host) {
        inventory.remove(vm.moid);
        this.#vcenter.authorization.forget(vm.moid);
      }
    }
    this.#forget(record);
  }

  /** The destination will never commit: the source host goes on with its VM. */
  async #giveBack(record: SourceRecord): Promise<void> {
    const { inventory, hosts } = this.#vcenter;
    const host = inventory.get(record.host);
    if (host?.type === 'HostSystem') {
      const client = hosts.client(host);
      const { source } = await client.migrationState(record.migrationId);
      if (source !== undefined && source !== 'aborted') await client.abort(record.migrationId);
    }
    this.#forget(record);
    if (host?.type === 'HostSystem') await hosts.refresh(host);
  }

  #forget(record: SourceRecord): void {
    this.#records.remove('source', record.migrationId);
    this.#vcenter.hosts.vms.settled(record.vmId);
  }

  async #settleAll(): Promise<void> {
    for (const record of this.#records.sources()) {
      if (this.#claimed.has(record.migrationId)) continue;
      const destination = this.#destinationOf(record);
      try {
        await this.settle(record.migrationId, destination);
      } finally {
        await destination.close();
      }
    }
    const now = this.#vcenter.context.clock.now();
    for (const record of this.#records.destinations()) {
      if (record.phase === 'prepared' && now - record.preparedAt > PREPARED_LIFETIME_MS)
        await this.#expire(record);
    }
  }

  async #expire({ migrationId }: DestinationRecord): Promise<void> {
    try {
      await new LocalDestination(this.#vcenter, undefined, true).abort(migrationId);
    } catch (error) {
      this.#vcenter.context.log.warn({ err: error, migrationId }, 'a prepared migration cannot be ended yet');
    }
  }

  #destinationOf({ remote }: SourceRecord): MigrationDestination {
    return remote
      ? RemoteDestination.resume(remote, this.#vcenter.config.trustedCaPem)
      : new LocalDestination(this.#vcenter, undefined, false);
  }
}
