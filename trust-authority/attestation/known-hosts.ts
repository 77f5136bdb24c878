import { DocumentTable } from '../documents.js';
import type { TrustAuthorityStore } from '../store.js';
import type { KnownHost } from './client.js';

/** A host as it last attested. */
export interface HostRecord {
  /** Fingerprint of its endorsement key. */
  readonly endorsementKey: string;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly attestedAtMs: number;
}

/** Most hosts that are remembered; the largest vSphere inventories have 2,500. */
const HOST_LIMIT = 100_000;

/** Hosts that have attested, by the id they give: which TPM they had and how often it was reset. */
export class KnownHosts {
  readonly #table: DocumentTable<HostRecord>;

  constructor(store: TrustAuthorityStore) {
    this.#table = new DocumentTable(store, 'known-host', 'host', HOST_LIMIT);
  }

  find(hostId: string): HostRecord | undefined {
    return this.#table.find(hostId);
  }

  /** Remembers a host that attested. */
  remember(hostId: string, record: HostRecord): Promise<void> {
    return this.#table.put(hostId, record);
  }

  /** @throws VapiError `NOT_FOUND` */
  forget(hostId: string): Promise<void> {
    return this.#table.delete(hostId);
  }

  list(): KnownHost[] {
    return this.#table.entries().map(([host, record]) => ({
      host,
      endorsement_key: record.endorsementKey,
      reset_count: record.resetCount,
      restart_count: record.restartCount,
      attested_at: new Date(record.attestedAtMs).toISOString(),
    }));
  }
}
