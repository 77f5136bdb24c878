import type { ManagedObjectReference, VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import { referenceTo } from '../inventory/entities.js';
import type { Changes } from '../operations/changes.js';
import { Filter } from './filter.js';
import type { Content } from './retrieval.js';

/** Id of the collector that every session has. */
export const DEFAULT_COLLECTOR = 'propertyCollector';
const COLLECTORS_PER_SESSION_LIMIT = 100;
const FILTERS_PER_COLLECTOR_LIMIT = 100;
/** A client that waits without a limit is answered that nothing changed after so long. */
const LONGEST_WAIT_MS = 600_000;

/** Evaluates a filter's spec for the session that waits. */
export type Evaluate = (spec: VimObject<'PropertyFilterSpec'>) => Promise<readonly Content[]>;

interface Collector {
  readonly session: string;
  readonly filters: Map<string, Filter>;
  version: number;
  waiting: AbortController | undefined;
}

/** Property collectors with their filters, each of one session. */
export class Collectors {
  readonly #changes: Changes;
  readonly #collectors = new Map<string, Collector>();
  #next = 1;

  constructor(changes: Changes) {
    this.#changes = changes;
  }

  /** Makes a collector for a session. @throws VimFault `ResourceInUse` */
  create(session: string): ManagedObjectReference {
    const own = [...this.#collectors.values()].filter((collector) => collector.session === session);
    if (own.length >= COLLECTORS_PER_SESSION_LIMIT) {
      throw new VimFault('ResourceInUse', 'This session has too many property collectors; destroy some.');
    }
    const moid = `session-collector-${this.#next++}`;
    this.#collectors.set(moid, { session, filters: new Map(), version: 0, waiting: undefined });
    return referenceTo('PropertyCollector', moid);
  }

  destroy(session: string, moid: string): void {
    this.#of(session, moid).waiting?.abort();
    this.#collectors.delete(keyOf(session, moid));
  }

  /** Ends all collectors of a session that has ended. */
  endSession(session: string): void {
    for (const [key, collector] of this.#collectors) {
      if (collector.session !== session) continue;
      collector.waiting?.abort();
      this.#collectors.delete(key);
    }
  }

  /** Ends all waits, because the service stops. */
  endAll(): void {
    for (const { waiting } of this.#collectors.values()) waiting?.abort();
    this.#collectors.clear();
  }

  /** Whether a session has a collector or a filter of that id. */
  has(session: string, moid: string): boolean {
    if (moid === DEFAULT_COLLECTOR) return true;
    if (this.#collectors.get(moid)?.session === session) return true;
    return this.#filterOf(session, moid) !== undefined;
  }

  /** @throws VimFault `ResourceInUse` */
  addFilter(session: string, moid: string, spec: VimObject<'PropertyFilterSpec'>): ManagedObjectReference {
    const { filters } = this.#of(session, moid);
    if (filters.size >= FILTERS_PER_COLLECTOR_LIMIT) {
      throw new VimFault('ResourceInUse', 'This property collector has too many filters; destroy some.');
    }
    const filter = new Filter(`filter-${this.#next++}`, spec);
    filters.set(filter.moid, filter);
    return referenceTo('PropertyFilter', filter.moid);
  }

  /** @throws VimFault `ManagedObjectNotFound` */
  filter(session: string, moid: string): Filter {
    const found = this.#filterOf(session, moid)?.filters.get(moid);
    if (found) return found;
    throw notFound('PropertyFilter', moid);
  }

  filters(session: string, moid: string): readonly ManagedObjectReference[] {
    return [...this.#of(session, moid).filters.keys()].map((id) => referenceTo('PropertyFilter', id));
  }

  destroyFilter(session: string, moid: string): void {
    this.filter(session, moid);
    this.#filterOf(session, moid)?.filters.delete(moid);
  }

  /** Ends a wait that is going on. */
  cancel(session: string, moid: string): void {
    this.#of(session, moid).waiting?.abort();
  }

  /**
   * What has changed since `version`; waits up to `maxWaitMs` for a change. Undefined if nothing did.
   *
   * @throws VimFault `InvalidCollectorVersion`, `RequestCanceled`
   */
  async wait(
    session: string,
    moid: string,
    version: string,
    maxWaitMs: number | undefined,
    evaluate: Evaluate,
  ): Promise<VimObject<'UpdateSet'> | undefined> {
    const collector = this.#of(session, moid);
    if (version === '') for (const filter of collector.filters.values()) filter.reset();
    else if (version !== String(collector.version)) {
      throw new VimFault('InvalidCollectorVersion', 'That is not the last version; begin with an empty one.');
    }
    collector.waiting?.abort();
    const abort = new AbortController();
    collector.waiting = abort;
    const deadline = Date.now() + Math.min(maxWaitMs ?? LONGEST_WAIT_MS, LONGEST_WAIT_MS);
    for (;;) {
      const seen = this.#changes.version;
      const update = await this.#update(collector, evaluate);
      if (update) return update;
      if (isAborted(abort)) throw new VimFault('RequestCanceled', 'The wait for updates was cancelled.');
      const left = deadline - Date.now();
      if (left <= 0) return undefined;
      if (this.#changes.version === seen) await this.#changes.next(left, abort.signal);
    }
  }

  async #update(collector: Collector, evaluate: Evaluate): Promise<VimObject<'UpdateSet'> | undefined> {
    const filterSet: VimObject<'PropertyFilterUpdate'>[] = [];
    for (const filter of collector.filters.values()) {
      const objectSet = filter.updates(await evaluate(filter.spec));
      if (objectSet.length === 0) continue;
      filterSet.push({
        _typeName: 'PropertyFilterUpdate',
        filter: referenceTo('PropertyFilter', filter.moid),
        objectSet,
      });
    }
    if (filterSet.length === 0) return undefined;
    collector.version += 1;
    return { _typeName: 'UpdateSet', version: String(collector.version), filterSet };
  }

  #of(session: string, moid: string): Collector {
    const key = keyOf(session, moid);
    const known = this.#collectors.get(key);
    if (known?.session === session) return known;
    if (moid !== DEFAULT_COLLECTOR) throw notFound('PropertyCollector', moid);
    const made: Collector = { session, filters: new Map(), version: 0, waiting: undefined };
    this.#collectors.set(key, made);
    return made;
  }

  #filterOf(session: string, moid: string): Collector | undefined {
    return [...this.#collectors.values()].find(
      (collector) => collector.session === session && collector.filters.has(moid),
    );
  }
}

/** Every session has its own default collector under the same id. */
function keyOf(session: string, moid: string): string {
  return moid === DEFAULT_COLLECTOR ? `${session} ${moid}` : moid;
}

/** Another request may abort while this one waits, which the compiler does not see. */
function isAborted({ signal }: AbortController): boolean {
  return signal.aborted;
}

function notFound(type: string, moid: string): VimFault<'ManagedObjectNotFound'> {
  return new VimFault('ManagedObjectNotFound', `This session has no ${type} ${moid}.`, {
    fields: { obj: referenceTo(type, moid) },
  });
}
