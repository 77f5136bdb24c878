import type * as z from 'zod';

import { faultSpecSchema, isConnectionAction, isRequestAction } from './fault-spec.js';
import type {
  ConnectionFaultAction,
  FaultAction,
  FaultCondition,
  FaultSpec,
  RequestFaultAction,
} from './fault-spec.js';
import { demandKnownWords } from './fault-vocabulary.js';
import type { FaultVocabulary } from './fault-vocabulary.js';
import type { Rng } from './rng.js';
import { systemRng } from './rng.js';

/** What is known of a request when faults are looked up. */
export interface FaultSubject {
  readonly service: string;
  readonly operation: string;
  readonly client?: string | undefined;
  readonly object?: string | undefined;
}

/** An injected fault and how often it has struck. */
export interface FaultRow {
  readonly id: string;
  readonly spec: z.output<typeof faultSpecSchema>;
  readonly seen: number;
  readonly hits: number;
}

/** A fault that struck, and what it struck. */
export interface FaultHit {
  readonly id: string;
  readonly kind: FaultAction['kind'];
  /** The request's operation; `connection` for a fault of a whole connection. */
  readonly operation: string;
  readonly client?: string | undefined;
  readonly object?: string | undefined;
}

interface MutableRow {
  readonly id: string;
  readonly spec: z.output<typeof faultSpecSchema>;
  seen: number;
  hits: number;
}

/** The faults injected into one process; empty, it costs one comparison a request. */
export class FaultRegistry {
  readonly #rows = new Map<string, MutableRow>();
  readonly #rng: Rng;
  readonly #vocabularies = new Map<string, FaultVocabulary>();
  readonly #struck = new Map<string, (hit: FaultHit) => void>();
  readonly #watchers = new Set<() => void>();
  #nextId = 1;

  /** @param rng decides `probability`; a seeded one makes a run repeat */
  constructor(rng: Rng = systemRng) {
    this.#rng = rng;
  }

  /**
   * Injects a fault.
   *
   * @throws ZodError if the spec is not valid; KpsimError `fault_unknown_word` if its service, operation, reason or
   *   action is none that could ever be struck
   */
  add(spec: FaultSpec): FaultRow {
    const parsed = faultSpecSchema.parse(spec);
    demandKnownWords(parsed, this.#vocabularies);
    const row: MutableRow = { id: `fault-${this.#nextId++}`, spec: parsed, seen: 0, hits: 0 };
    this.#rows.set(row.id, row);
    this.#changed();
    return row;
  }

  /** Takes a fault back; false if there is none of that id. */
  remove(id: string): boolean {
    const removed = this.#rows.delete(id);
    if (removed) this.#changed();
    return removed;
  }

  /** Takes all faults back. */
  clear(): void {
    this.#rows.clear();
    this.#changed();
  }

  /** Makes the words of a service known; faults are checked from then on. @param struck told each time one strikes it */
  know(service: string, vocabulary: FaultVocabulary, struck?: (hit: FaultHit) => void): void {
    this.#vocabularies.set(service, vocabulary);
    if (struck) this.#struck.set(service, struck);
  }

  /** The words that are known, by service. */
  vocabularies(): Readonly<Record<string, FaultVocabulary>> {
    return Object.fromEntries(this.#vocabularies);
  }

  /** Has `changed` called after each change of the faults. @returns what ends that */
  watch(changed: () => void): () => void {
    this.#watchers.add(changed);
    return () => void this.#watchers.delete(changed);
  }

  /** How the service is to be, of that kind; undefined for nothing unusual. */
  condition<K extends FaultCondition['kind']>(
    kind: K,
    service: string,
  ): Extract<FaultCondition, { readonly kind: K }> | undefined {
    for (const { spec } of this.#rows.values()) {
      const { action } = spec;
      if (action.kind === kind && (spec.service ?? service) === service) {
        return action as Extract<FaultCondition, { readonly kind: K }>;
      }
    }
    return undefined;
  }

  /** The action for a new connection, of the first fault that matches and strikes; undefined for none. */
  matchConnection(service: string): ConnectionFaultAction | undefined {
    for (const row of this.#rows.values()) {
      const { action } = row.spec;
      if (!isConnectionAction(action) || (row.spec.service ?? service) !== service) continue;
      if (this.#strikes(row, { service, operation: 'connection' })) return action;
    }
    return undefined;
  }

  /** All faults, oldest first. */
  list(): readonly FaultRow[] {
    return [...this.#rows.values()].map((row) => ({ ...row }));
  }

  /** Whether there is no fault at all, as there is none most of the time. */
  get isEmpty(): boolean {
    return this.#rows.size === 0;
  }

  /** The action for this request, of the first fault that matches and strikes; undefined for none. */
  match(subject: FaultSubject): RequestFaultAction | undefined {
    if (this.#rows.size === 0) return undefined;
    for (const row of this.#rows.values()) {
      const { action } = row.spec;
      if (isRequestAction(action) && matches(row, subject) && this.#strikes(row, subject)) return action;
    }
    return undefined;
  }

  #changed(): void {
    for (const changed of this.#watchers) changed();
  }

  #strikes(row: MutableRow, { service, ...request }: FaultSubject): boolean {
    if (row.spec.count !== undefined && row.hits >= row.spec.count) return false;
    row.seen += 1;
    if (row.seen <= row.spec.skip) return false;
    if (row.spec.probability < 1 && this.#rng.fraction() >= row.spec.probability) return false;
    row.hits += 1;
    this.#struck.get(service)?.({ id: row.id, kind: row.spec.action.kind, ...request });
    return true;
  }
}

function matches({ spec }: MutableRow, subject: FaultSubject): boolean {
  return (
    (spec.service === undefined || spec.service === subject.service) &&
    (spec.operation === undefined || spec.operation === subject.operation) &&
    (spec.client === undefined || spec.client === subject.client) &&
    (spec.object === undefined || spec.object === subject.object)
  );
}
