import type { Sealer } from '../../core/store/sealer.js';
import type { DiskStoragePolicy } from '../inventory/entities.js';
import type { VcenterStore } from '../store.js';

/** How the source finds its destination again after a crash; the token is sealed at rest. */
export interface RemoteAddress {
  readonly baseUrl: string;
  readonly thumbprintSha256?: string | undefined;
  readonly token: string;
}

/** Phases of a source: `started` can be undone, `committing` has to be asked for, `committed` has to be finished. */
export type SourcePhase = 'started' | 'committing' | 'committed';

/** What a source keeps of a migration until it has ended. */
export interface SourceRecord {
  readonly role: 'source';
  readonly migrationId: string;
  readonly phase: SourcePhase;
  readonly operation: 'migrate' | 'clone';
  readonly vmId: string;
  /** Moid of the source host. */
  readonly host: string;
  /** Absent if the destination is this vCenter. */
  readonly remote?: RemoteAddress | undefined;
}

/** What a destination keeps of a migration, also for a while after it has ended. */
export interface DestinationRecord {
  readonly role: 'destination';
  readonly migrationId: string;
  readonly phase: 'prepared' | 'committed' | 'aborted';
  readonly operation: 'migrate' | 'clone';
  /** UUID of the VM at the destination. */
  readonly vmId: string;
  /** Moid of the destination host. */
  readonly host: string;
  readonly folder: string;
  readonly storagePolicy?: string | undefined;
  readonly diskStoragePolicies: readonly DiskStoragePolicy[];
  /** SHA-256 of the token, hex. */
  readonly tokenDigest: string;
  /** When it was prepared, milliseconds since the epoch. */
  readonly preparedAt: number;
  /** Moid of the VM once it is committed. */
  readonly vm?: string | undefined;
}

type AnyRecord = SourceRecord | DestinationRecord;

/** Ended destinations that are remembered, so that a late question is answered. */
const ENDED_LIMIT = 1000;

/** Durable records of migrations; they hold no key of the stream. */
export class MigrationRecords {
  readonly #store: VcenterStore;
  readonly #sealer: Sealer;
  readonly #records = new Map<string, AnyRecord>();

  constructor(store: VcenterStore, sealer: Sealer) {
    this.#store = store;
    this.#sealer = sealer;
    for (const { id, body } of store.migrations()) {
      const record = JSON.parse(body) as AnyRecord;
      this.#records.set(id, record.role === 'source' ? this.#opened(record) : record);
    }
  }

  sources(): readonly SourceRecord[] {
    return [...this.#records.values()].filter((record) => record.role === 'source');
  }

  destinations(): readonly DestinationRecord[] {
    return [...this.#records.values()].filter((record) => record.role === 'destination');
  }

  destination(migrationId: string): DestinationRecord | undefined {
    const record = this.#records.get(idOf('destination', migrationId));
    return record?.role === 'destination' ? record : undefined;
  }

  /** Makes a record durable. */
  put(record: AnyRecord): void {
    const id = idOf(record.role, record.migrationId);
    const kept = record.role === 'source' ? this.#sealed(record) : record;
    this.#store.putMigration({ id, phase: record.phase, body: JSON.stringify(kept) });
    this.#records.set(id, record);
    this.#forgetEnded();
  }

  remove(role: AnyRecord['role'], migrationId: string): void {
    const id = idOf(role, migrationId);
    this.#store.deleteMigration(id);
    this.#records.delete(id);
  }

  #forgetEnded(): void {
    const ended = this.destinations().filter(({ phase }) => phase !== 'prepared');
    for (const { migrationId } of ended.slice(0, Math.max(0, ended.length - ENDED_LIMIT))) {
      this.remove('destination', migrationId);
    }
  }

  #sealed(record: SourceRecord): SourceRecord {
    if (!record.remote) return record;
    const token = this.#sealer.seal(Buffer.from(record.remote.token), placeOf(record)).toString('base64');
    return { ...record, remote: { ...record.remote, token } };
  }

  #opened(record: SourceRecord): SourceRecord {
    if (!record.remote) return record;
    const token = this.#sealer.open(Buffer.from(record.remote.token, 'base64'), placeOf(record));
    return { ...record, remote: { ...record.remote, token: token.toString('utf8') } };
  }
}

function idOf(role: AnyRecord['role'], migrationId: string): string {
  return `${role} ${migrationId}`;
}

function placeOf({ migrationId }: SourceRecord): string {
  return `migration token ${migrationId}`;
}
