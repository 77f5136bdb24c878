import type { ServiceContext } from '../core/context.js';
import type {
  FindQuery,
  FoundObject,
  KmsReader,
  KmsSnapshot,
  KmsStore,
  Opens,
  SearchedObject,
  StoreChange,
  StoredObject,
} from './store.js';
import { StoreUnavailable } from './store.js';

/** Snapshots over the time of the lag; a node lags by up to one of their intervals more than it was told. */
const SNAPSHOTS = 8;
const LEAST_INTERVAL_MS = 50;

/** A snapshot, closed once it is neither wanted nor read from. */
interface View {
  readonly takenAt: number;
  readonly snapshot: Promise<KmsSnapshot>;
  readers: number;
  wanted: boolean;
}

/**
 * A store whose reads lag behind its writes while the fault condition `lag` is there, as those of a replica do: what
 * was made meanwhile is not found, what was changed is seen in its old form. Changes go to the store itself; one that
 * starts from an old form is a {@link StoreConflict}. Own choice.
 *
 * It takes snapshots of the database and reads the newest one that is old enough, or the oldest: the time before the
 * condition cannot be seen again, so reads stand still first and then follow.
 */
export class LaggingStore implements KmsStore {
  readonly #store: KmsStore;
  readonly #service: string;
  readonly #context: ServiceContext;
  readonly #unwatch: () => void;
  /** Oldest first. */
  #views: View[] = [];
  #lagMs = 0;
  #hasLagged = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param service name by which faults call the node */
  constructor(store: KmsStore, service: string, context: ServiceContext) {
    this.#store = store;
    this.#service = service;
    this.#context = context;
    this.#unwatch = context.faults.watch(() => this.#apply());
    this.#apply();
  }

  /** Old forms that were read may be in memory for long. */
  get shared(): boolean {
    return this.#store.shared || this.#hasLagged;
  }

  read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined> {
    return this.#reading((reader) => reader.read(uniqueIdentifier, opens));
  }

  find(query: FindQuery): Promise<readonly FoundObject[]> {
    return this.#reading((reader) => reader.find(query));
  }

  search(query: FindQuery): Promise<readonly SearchedObject[]> {
    return this.#reading((reader) => reader.search(query));
  }

  async refresh(uniqueIdentifier: string, revision: number): Promise<StoredObject | 'unchanged' | undefined> {
    if (this.#lagMs === 0) return this.#store.refresh(uniqueIdentifier, revision);
    const object = await this.read(uniqueIdentifier);
    return object?.revision === revision ? 'unchanged' : object;
  }

  commit(changes: readonly StoreChange[]): Promise<void> {
    return this.#store.commit(changes);
  }

  count(): Promise<number> {
    return this.#store.count();
  }

  snapshot(): Promise<KmsSnapshot> {
    return this.#store.snapshot();
  }

  problem(): string | undefined {
    return this.#store.problem();
  }

  async close(): Promise<void> {
    this.#unwatch();
    clearInterval(this.#timer);
    const views = this.#views.splice(0);
    await Promise.all(
      views.map(({ snapshot }) => snapshot.then((made) => made.close()).catch(() => undefined)),
    );
    await this.#store.close();
  }

  #apply(): void {
    const lagMs = this.#context.faults.condition('lag', this.#service)?.lagMs ?? 0;
    if (lagMs === this.#lagMs) return;
    this.#lagMs = lagMs;
    clearInterval(this.#timer);
    if (lagMs === 0) {
      for (const view of this.#views.splice(0)) this.#release(view);
      return;
    }
    this.#hasLagged = true;
    this.#follow();
    this.#timer = setInterval(() => this.#follow(), this.#intervalMs).unref();
  }

  get #intervalMs(): number {
    return Math.max(LEAST_INTERVAL_MS, this.#lagMs / SNAPSHOTS);
  }

  async #reading<T>(read: (reader: KmsReader) => Promise<T>): Promise<T> {
    if (this.#lagMs === 0) return read(this.#store);
    const view = this.#follow();
    view.readers += 1;
    try {
      return await read(await view.snapshot);
    } catch (error) {
      // A snapshot does not outlive its connection; the next read takes a new one.
      if (error instanceof StoreUnavailable) this.#forget(view);
      throw error;
    } finally {
      view.readers -= 1;
      this.#closeUnused(view);
    }
  }

  /** Takes a snapshot if it is time, lets go of those that are too old, and returns the one to be read now. */
  #follow(): View {
    const now = this.#context.clock.now();
    const newest = this.#views.at(-1);
    if (!newest || now - newest.takenAt >= this.#intervalMs) {
      const snapshot = this.#store.snapshot();
      // Whoever reads from it is told.
      snapshot.catch(() => undefined);
      this.#views.push({ takenAt: now, snapshot, readers: 0, wanted: true });
    }
    const current = Math.max(
      0,
      this.#views.findLastIndex(({ takenAt }) => takenAt <= now - this.#lagMs),
    );
    for (const view of this.#views.splice(0, current)) this.#release(view);
    const [view] = this.#views;
    if (!view) throw new StoreUnavailable('There is no snapshot to read from.');
    return view;
  }

  #forget(view: View): void {
    this.#views = this.#views.filter((other) => other !== view);
    this.#release(view);
  }

  #release(view: View): void {
    view.wanted = false;
    this.#closeUnused(view);
  }

  #closeUnused({ wanted, readers, snapshot }: View): void {
    if (wanted || readers > 0) return;
    snapshot.then((made) => made.close()).catch(() => undefined);
  }
}
