import { VapiError } from '../../core/http/index.js';
import { KeyedTurns } from '../../core/keyed-turns.js';
import { DocumentTable, byId } from '../documents.js';
import type { ClientIdentity } from '../rest/operation.js';
import type { TrustAuthorityStore } from '../store.js';
import type { KnownHost } from './client.js';

/** A host as it last attested. */
export interface HostRecord {
  /** Fingerprint of its endorsement key. */
  readonly endorsementKey: string;
  readonly resetCount: number;
  readonly restartCount: number;
  readonly attestedAtMs: number;
  /** Whose client certificate it attested with, {@link ownerOf}; undefined in records of older versions. */
  readonly owner?: string | undefined;
}

/** What is known that speaks against a host. */
export interface HostConflict {
  /** The host id is known otherwise. */
  readonly knownHost?: HostRecord;
  /** The TPM is known under this id. */
  readonly idOfKey?: string;
}

/** What is left of a host that an administrator forgot, so that no other member of the cluster brings it back. */
export interface ForgottenHost {
  readonly forgottenAtMs: number;
}

/** What is kept by host id. */
export type HostEntry = HostRecord | ForgottenHost;

/** Told of every change, so that other members of the cluster learn of it before the host gets its documents. */
export type HostObserver = (hostId: string, entry: HostEntry) => Promise<readonly HostRecord[]>;

/** Most hosts that are remembered; the largest vSphere inventories have 2,500. */
const HOST_LIMIT = 100_000;
/** Times of attestations are written down that rarely, unless something else changes; a restart loses no more. */
const TIME_PRECISION_MS = 10 * 60_000;
/** How long it is kept in mind that a host was forgotten. */
const FORGOTTEN_FOR_MS = 30 * 86_400_000;

/**
 * Who has a host id: the name in the client's certificate, so that a renewed certificate keeps its ids; the digest of
 * a certificate without a name.
 */
export function ownerOf({ name, certificateSha256 }: ClientIdentity): string {
  return name === '' ? `x5t#S256 ${certificateSha256}` : name;
}

/** Hosts that have attested, by the id they give: which TPM they had, how often it was reset, and whose they are. */
export class KnownHosts {
  readonly #table: DocumentTable<HostEntry>;
  /** On their way to the store: they count already. */
  readonly #pending = new Map<string, HostEntry>();
  /** Hosts whose attestation is being told to other members: nobody else gets their id meanwhile. */
  readonly #claims = new Map<string, HostRecord>();
  /** By host id: one attestation of a host is remembered after the other. */
  readonly #turns = new KeyedTurns();
  readonly #times = new Map<string, number>();
  readonly #owned = new Map<string, number>();
  /** Host ids by the fingerprint of their endorsement key; several where members that could not reach each other let them in. */
  readonly #idsOfKey = new Map<string, Set<string>>();
  #observer: HostObserver = () => Promise.resolve([]);

  constructor(store: TrustAuthorityStore) {
    this.#table = new DocumentTable(store, 'known-host', 'host', HOST_LIMIT);
    for (const [id, entry] of this.#table.entries()) this.#count(id, entry, 1);
  }

  /** Has every change told to one observer, which returns what others know. */
  observe(observer: HostObserver): void {
    this.#observer = observer;
  }

  find(hostId: string): HostRecord | undefined {
    return recordOf(this.#entry(hostId));
  }

  /** The id that a TPM has attested with, told by the fingerprint of its endorsement key. */
  idOfKey(endorsementKey: string): string | undefined {
    const [known] = this.#idsOfKey.get(endorsementKey) ?? [];
    return known ?? [...this.#claims].find(([, claim]) => claim.endorsementKey === endorsementKey)?.[0];
  }

  /** How many host ids belong to an owner. */
  owned(owner: string): number {
    const claimed = [...this.#claims].filter(([id, claim]) => claim.owner === owner && !this.find(id));
    return (this.#owned.get(owner) ?? 0) + claimed.length;
  }

  /**
   * Remembers a host that attested, unless what is known by now speaks against it: another host may have taken the id
   * meanwhile, or a later quote of the same TPM have come first.
   *
   * @returns undefined if it is remembered; otherwise what speaks against it, known here or by another member of the
   *   cluster
   */
  remember(hostId: string, record: HostRecord): Promise<HostConflict | undefined> {
    return this.#turns.take(hostId, () => this.#remember(hostId, record));
  }

  async #remember(hostId: string, record: HostRecord): Promise<HostConflict | undefined> {
    const known = this.find(hostId);
    if (known && conflictsWith(record, known)) return { knownHost: known };
    const idOfKey = known ? undefined : this.idOfKey(record.endorsementKey);
    if (idOfKey !== undefined) return { idOfKey };
    if (known && isSame(record, known) && record.attestedAtMs - known.attestedAtMs < TIME_PRECISION_MS) {
      this.#times.set(hostId, record.attestedAtMs);
      return undefined;
    }
    this.#claims.set(hostId, record);
    try {
      const heard = await this.#observer(hostId, record);
      const found = [this.find(hostId), ...heard].find((other) => other && conflictsWith(record, other));
      if (found) return { knownHost: found };
      await this.#write(hostId, record);
      return undefined;
    } finally {
      this.#claims.delete(hostId);
    }
  }

  /**
   * Takes over what another member knows of a host. A different endorsement key is refused, the greater counters win,
   * and of attesting and forgetting the later one.
   *
   * @returns what is known now; undefined if the host is forgotten
   */
  async merge(hostId: string, heard: HostEntry): Promise<HostRecord | undefined> {
    const claim = this.#claims.get(hostId);
    const known = this.#entry(hostId);
    const merged = mergedEntry(known ?? claim, heard);
    if (merged !== known && merged !== claim) await this.#write(hostId, merged);
    return recordOf(merged);
  }

  /** @throws VapiError `NOT_FOUND` */
  async forget(hostId: string, nowMs: number): Promise<void> {
    if (!this.find(hostId)) {
      throw new VapiError(
        'NOT_FOUND',
        `There is no host ${JSON.stringify(hostId.slice(0, 200))}; list them to see which there are.`,
      );
    }
    const entry = { forgottenAtMs: nowMs };
    await this.#write(hostId, entry);
    await this.#observer(hostId, entry);
    for (const [id, old] of this.#table.entries()) {
      if ('forgottenAtMs' in old && nowMs - old.forgottenAtMs > FORGOTTEN_FOR_MS)
        await this.#table.delete(id);
    }
  }

  /** Entries whose id comes after `after`, in the order of ids, for other members of the cluster. */
  page(after: string, limit: number): readonly (readonly [string, HostEntry])[] {
    return this.#table
      .entries()
      .filter(([id]) => id > after)
      .sort(byId)
      .slice(0, limit);
  }

  list(): KnownHost[] {
    return this.#table.entries().flatMap(([host, entry]) => {
      const record = recordOf(entry);
      if (!record) return [];
      const attestedAtMs = Math.max(record.attestedAtMs, this.#times.get(host) ?? 0);
      return [
        {
          host,
          endorsement_key: record.endorsementKey,
          reset_count: record.resetCount,
          restart_count: record.restartCount,
          attested_at: new Date(attestedAtMs).toISOString(),
          ...(record.owner !== undefined && { client: record.owner }),
        },
      ];
    });
  }

  #entry(hostId: string): HostEntry | undefined {
    return this.#pending.get(hostId) ?? this.#table.find(hostId);
  }

  async #write(hostId: string, entry: HostEntry): Promise<void> {
    const before = this.#entry(hostId);
    this.#pending.set(hostId, entry);
    this.#count(hostId, before, -1);
    this.#count(hostId, entry, 1);
    try {
      await this.#table.put(hostId, entry);
      this.#times.delete(hostId);
    } catch (error) {
      this.#count(hostId, entry, -1);
      this.#count(hostId, this.#table.find(hostId), 1);
      throw error;
    } finally {
      if (this.#pending.get(hostId) === entry) this.#pending.delete(hostId);
    }
  }

  #count(hostId: string, entry: HostEntry | undefined, step: 1 | -1): void {
    const record = recordOf(entry);
    if (!record) return;
    this.#countKey(hostId, record.endorsementKey, step);
    const { owner } = record;
    if (owner === undefined) return;
    const ids = (this.#owned.get(owner) ?? 0) + step;
    if (ids === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, ids);
  }

  #countKey(hostId: string, endorsementKey: string, step: 1 | -1): void {
    const ids = this.#idsOfKey.get(endorsementKey) ?? new Set();
    if (step === 1) ids.add(hostId);
    else ids.delete(hostId);
    if (ids.size === 0) this.#idsOfKey.delete(endorsementKey);
    else this.#idsOfKey.set(endorsementKey, ids);
  }
}

function recordOf(entry: HostEntry | undefined): HostRecord | undefined {
  return entry && 'endorsementKey' in entry ? entry : undefined;
}

/** True if the counters of `one` are lower than those of `other`. */
function isBehind(one: HostRecord, other: HostRecord): boolean {
  return (
    one.resetCount < other.resetCount ||
    (one.resetCount === other.resetCount && one.restartCount < other.restartCount)
  );
}

function conflictsWith(record: HostRecord, known: HostRecord): boolean {
  return (
    record.endorsementKey !== known.endorsementKey ||
    isBehind(record, known) ||
    (known.owner !== undefined && record.owner !== known.owner)
  );
}

function isSame(one: HostRecord, other: HostRecord): boolean {
  return one.owner === other.owner && !isBehind(one, other) && !isBehind(other, one);
}

/** What is known once another member's entry was heard of; `known` itself if nothing changes. */
function mergedEntry(known: HostEntry | undefined, heard: HostEntry): HostEntry {
  if (!known) return heard;
  if ('forgottenAtMs' in heard) {
    const since = 'forgottenAtMs' in known ? known.forgottenAtMs : known.attestedAtMs;
    return heard.forgottenAtMs > since ? heard : known;
  }
  if ('forgottenAtMs' in known) return heard.attestedAtMs > known.forgottenAtMs ? heard : known;
  if (heard.endorsementKey !== known.endorsementKey) return known;
  if (isBehind(heard, known) || (isSame(heard, known) && heard.attestedAtMs <= known.attestedAtMs))
    return known;
  return { ...heard, owner: known.owner ?? heard.owner };
}
