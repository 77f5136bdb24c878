import { setTimeout } from 'node:timers/promises';

import { KpsimError } from '../../core/errors.js';
import type { GuardedObject } from '../server/policies.js';
import type { FindQuery, FoundObject, KmsStore, Opens, SearchedObject, StoredObject } from '../store.js';
import { StoreConflict } from '../store.js';
import { KeyTable } from './key-table.js';
import type { HeldValue, ManagedObject } from './managed-object.js';
import { guardedKind, readyKeyOf } from './ready-key.js';
import { ownedName, searchTerm } from './record.js';
import { RecentlyRead } from './recently-read.js';
import type { ObjectChange } from './stored-form.js';
import { committed, decoded, recycle, toStoreChange } from './stored-form.js';

/** What an {@link ObjectRepository} keeps in memory at most. */
export interface CacheLimits {
  /** Objects; 0 keeps none. */
  readonly cachedObjects: number;
  /** Bytes, as {@link costOf} reckons them. */
  readonly cachedBytes: number;
  /** Symmetric keys, besides; 0 keeps none. */
  readonly cachedKeys: number;
}

/** What a request holds from its begin to its end; see {@link ObjectRepository.beginRequest}. */
export interface RequestLease {
  /** Requests that began before anything was retired after this lease's begin, and are not at their end. */
  requests: number;
  /** Values outside of the cache that these requests might hold, or earlier ones. */
  readonly retired: Set<HeldValue>;
}

/** What is in memory of a key that is looked for by name. */
export interface NamedKey extends GuardedObject {
  readonly uniqueIdentifier: string;
}

interface Cached {
  readonly object: ManagedObject;
  readonly cost: number;
  /** Whether it was read since it was last looked at for removal. */
  used: boolean;
}

/** Objects of a search that are read at once. */
const SEARCH_PAGE = 64;
/** Keys that are loaded before waiting requests get their turn: about half a millisecond. */
const LOAD_PAGE = 16;
/** What else a turn of the event loop did if it took longer, in milliseconds: it served requests. */
const IDLE_TURN_MS = 0.1;
/** How long loading rests when requests come, in milliseconds. */
const REST_MS = 5;

/**
 * The store's objects, decoded, with the hot ones in memory. Where others write to the store too, what is in memory is
 * used only after the store has confirmed its revision.
 *
 * Key bytes of objects that leave the cache are cleared once no request is under way that might still hold them.
 */
export class ObjectRepository {
  readonly #store: KmsStore;
  readonly #limits: CacheLimits;
  readonly #cache = new Map<string, Cached>();
  /** Where {@link #makeRoom} stopped. */
  #hand = this.#cache.entries();
  /**
   * What is read once stays outside: under reads all over a large store the cache would only move objects into the
   * old generation of the heap, to die there.
   */
  readonly #recent = new RecentlyRead();
  #cachedBytes = 0;
  readonly #keys: KeyTable;
  #closed = false;
  /** Oldest first; the last is that of new requests. */
  #leases: RequestLease[] = [newLease()];

  constructor(store: KmsStore, limits: CacheLimits) {
    this.#store = store;
    this.#limits = limits;
    this.#keys = new KeyTable(limits.cachedKeys);
  }

  /** Marks the begin of a request, which may hold objects until {@link endRequest}. */
  beginRequest(): RequestLease {
    let lease = this.#leases.at(-1);
    // What was retired before cannot reach a request that begins now: from here on they are counted apart.
    if (!lease || lease.retired.size > 0) {
      lease = newLease();
      this.#leases.push(lease);
    }
    lease.requests += 1;
    return lease;
  }

  /** Marks the end of a request. @param lease what {@link beginRequest} returned */
  endRequest(lease: RequestLease): void {
    lease.requests -= 1;
    this.#clearRetired();
  }

  /** The committed object of that identifier; at once if it is in memory and nobody else writes to the store. */
  read(
    uniqueIdentifier: string,
    opens?: Opens,
  ): ManagedObject | undefined | Promise<ManagedObject | undefined> {
    const cached = this.#cache.get(uniqueIdentifier);
    // What is hidden takes the way of what is missing, although it is at hand.
    if (cached && opens?.(cached.object) === false)
      return this.#readStore(uniqueIdentifier, undefined, opens);
    if (!cached || this.#store.shared) return this.#readStore(uniqueIdentifier, cached, opens);
    cached.used = true;
    return cached.object;
  }

  async #readStore(
    uniqueIdentifier: string,
    cached: Cached | undefined,
    opens: Opens | undefined,
  ): Promise<ManagedObject | undefined> {
    const stored = cached
      ? await this.#confirm(cached.object)
      : await this.#store.read(uniqueIdentifier, opens);
    if (stored === 'unchanged') {
      if (cached) cached.used = true;
      return cached?.object;
    }
    if (!stored) {
      if (cached) this.#drop(uniqueIdentifier);
      return undefined;
    }
    const object = decoded(stored);
    if (cached || this.#recent.has(uniqueIdentifier))
      this.#keep(object, costOf(stored.attributes, stored.value?.byteCount));
    else this.#retire(object.held);
    return object;
  }

  /** The committed object of that identifier, if it is in memory and memory can be believed. */
  held(uniqueIdentifier: string): ManagedObject | undefined {
    if (this.#store.shared) return undefined;
    const cached = this.#cache.get(uniqueIdentifier);
    if (cached) cached.used = true;
    return cached?.object;
  }

  /** The keys that are in memory apart from their objects; undefined if memory cannot be believed. */
  get keys(): KeyTable | undefined {
    return this.#store.shared ? undefined : this.#keys;
  }

  /**
   * Puts the store's keys into memory, the newest first, until all are there or there is room for no more. Requests
   * are served meanwhile.
   */
  async loadKeys(): Promise<void> {
    const wanted = (): boolean => !this.#closed && !this.#store.shared && !this.#keys.isFull;
    const find = async (query: FindQuery): Promise<readonly SearchedObject[]> =>
      wanted() ? this.#store.search(query) : [];
    for await (const page of pages(undefined, [], find, LOAD_PAGE)) {
      // The newest object's sequence: there are no more objects than that.
      if (this.#keys.size === 0) this.#keys.reserve(page[0]?.sequence ?? 0);
      // What is read in a turn of the event loop is what is committed in it: no commit ends in between.
      for (const stored of page) if (wanted()) this.#load(decoded(stored));
      await lull();
    }
  }

  /** Keeps an object's key in memory if a Get would hand it out as it is stored. @param object as it is committed */
  keepKey(object: ManagedObject): void {
    const ready = readyKeyOf(object);
    if (ready) this.#keys.put(object.uniqueIdentifier, ready.kind, ready.key, ready.name);
  }

  /**
   * The key that has that Name, if it is in memory: then it is the only one of its owner's objects that does and is
   * neither archived nor destroyed.
   */
  named(owner: string, name: unknown): NamedKey | undefined {
    const { keys } = this;
    const key = keys?.findName(ownedName(owner, name)) ?? 0;
    if (!keys || key === 0) return undefined;
    return { uniqueIdentifier: keys.uniqueIdentifierOf(key), ...guardedKind(keys.kindOf(key)) };
  }

  /** Identifiers of an owner's objects with these attribute values, newest first. */
  async find(
    owner: string | undefined,
    equal: readonly { readonly name: string; readonly value: unknown }[],
  ): Promise<readonly string[]> {
    const found: string[] = [];
    for await (const page of pages(owner, equal, (query) => this.#store.find(query))) {
      for (const { uniqueIdentifier } of page) found.push(uniqueIdentifier);
    }
    return found;
  }

  /**
   * An owner's objects with these attribute values, newest first, read page by page; other requests are served between
   * pages, and nothing is put into the cache. An object is good until the next one is asked for: its key bytes are
   * cleared then.
   */
  async *search(
    owner: string | undefined,
    equal: readonly { readonly name: string; readonly value: unknown }[],
  ): AsyncGenerator<ManagedObject> {
    for await (const page of pages(owner, equal, (query) => this.#store.search(query))) {
      for (const stored of page) {
        const cached = this.#cache.get(stored.uniqueIdentifier)?.object;
        if (cached?.revision === stored.revision) {
          yield cached;
          continue;
        }
        const object = decoded(stored);
        try {
          yield object;
        } finally {
          object.held?.clear();
        }
      }
    }
  }

  /** Makes changes durable, all or none. @throws StoreConflict if another request changed one of the objects first */
  async commit(changes: readonly ObjectChange[]): Promise<void> {
    const stored = changes.map(toStoreChange);
    // The store clears the values that it is handed, not their lengths.
    const costs = stored.map(({ object }) => object && costOf(object.attributes, object.value?.length));
    try {
      await this.#store.commit(stored);
    } catch (error) {
      if (error instanceof StoreConflict) this.#drop(error.uniqueIdentifier);
      throw error;
    } finally {
      for (const { uniqueIdentifier } of stored) this.#keys.remove(uniqueIdentifier);
    }
    for (const [index, { before, after }] of changes.entries()) {
      if (before && before.held !== after?.held) this.#retire(before.held);
      if (before && !after) this.#drop(before.uniqueIdentifier);
      const object = stored[index]?.object;
      if (!after || !object) continue;
      this.#keep(committed(after, object), costs[index] ?? 0);
      recycle(object);
    }
  }

  /** Forgets all objects in memory and clears their keys. */
  close(): void {
    this.#closed = true;
    this.#keys.clear();
    for (const { object } of this.#cache.values()) this.#retire(object.held);
    this.#cache.clear();
    this.#cachedBytes = 0;
    this.#clearRetired();
  }

  async #confirm(object: ManagedObject): Promise<StoredObject | 'unchanged' | undefined> {
    return this.#store.shared ? this.#store.refresh(object.uniqueIdentifier, object.revision) : 'unchanged';
  }

  #load(object: ManagedObject): void {
    try {
      this.keepKey(object);
    } catch (error) {
      // Whoever asks for the object is told; the others are loaded.
      if (!(error instanceof KpsimError)) throw error;
    } finally {
      object.held?.clear();
    }
  }

  #keep(object: ManagedObject, cost: number): void {
    const { uniqueIdentifier } = object;
    const old = this.#cache.get(uniqueIdentifier);
    if (old) this.#forget(uniqueIdentifier, old);
    if (old && old.object.held !== object.held) this.#retire(old.object.held);
    // What a request read and changed may have been outside of the cache; it is cleared when it leaves it again.
    if (object.held) for (const { retired } of this.#leases) retired.delete(object.held);
    this.#cache.set(uniqueIdentifier, { object, cost, used: true });
    this.#cachedBytes += cost;
    this.#makeRoom();
  }

  /**
   * Drops what was not read since it was last looked at. The hand goes round and round: a new walk for each object would
   * first pass over the places of all that went before.
   */
  #makeRoom(): void {
    while (this.#cache.size > this.#limits.cachedObjects || this.#cachedBytes > this.#limits.cachedBytes) {
      const { value: entry, done } = this.#hand.next();
      if (done) {
        this.#hand = this.#cache.entries();
        continue;
      }
      const [uniqueIdentifier, cached] = entry;
      if (cached.used) cached.used = false;
      else this.#drop(uniqueIdentifier);
    }
  }

  #drop(uniqueIdentifier: string): void {
    const cached = this.#cache.get(uniqueIdentifier);
    if (!cached) return;
    this.#forget(uniqueIdentifier, cached);
    this.#retire(cached.object.held);
  }

  #forget(uniqueIdentifier: string, { cost }: Cached): void {
    this.#cache.delete(uniqueIdentifier);
    this.#cachedBytes -= cost;
  }

  #retire(value: HeldValue | undefined): void {
    if (value) this.#leases.at(-1)?.retired.add(value);
  }

  /** Clears what no request can hold any more: that of leases at their end, older ones first. */
  #clearRetired(): void {
    for (let oldest = this.#leases[0]; oldest?.requests === 0; oldest = this.#leases[0]) {
      for (const value of oldest.retired) value.clear();
      oldest.retired.clear();
      if (this.#leases.length === 1) return;
      this.#leases.shift();
    }
  }
}

/** What a search finds, page by page; other requests are served between pages. */
async function* pages<T extends FoundObject>(
  owner: string | undefined,
  equal: readonly { readonly name: string; readonly value: unknown }[],
  find: (query: FindQuery) => Promise<readonly T[]>,
  limit = SEARCH_PAGE,
): AsyncGenerator<readonly T[]> {
  const terms = equal.map(({ name, value }) => searchTerm(name, value));
  let before: number | undefined;
  for (;;) {
    const found = await find({ owner, terms, limit, before });
    if (found.length > 0) yield found;
    if (found.length < limit) return;
    before = found.at(-1)?.sequence;
    await new Promise(setImmediate);
  }
}

/** Lets requests go first: waits for one turn of the event loop, and a while longer if that had something to do. */
async function lull(): Promise<void> {
  const begun = performance.now();
  await new Promise(setImmediate);
  if (performance.now() - begun > IDLE_TURN_MS) await setTimeout(REST_MS, undefined, { ref: false });
}

function newLease(): RequestLease {
  return { requests: 0, retired: new Set() };
}

/** What an object takes in memory, roughly: decoded, each of its parts is an object of its own. */
function costOf(attributes: Buffer, valueByteCount = 0): number {
  return 1024 + 8 * attributes.length + valueByteCount;
}
