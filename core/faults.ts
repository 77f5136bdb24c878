import { z } from 'zod';

import { KpsimError } from './errors.js';
import type { Rng } from './rng.js';
import { systemRng } from './rng.js';

/** What happens to a request that a fault matches. */
const requestActions = [
  /** Answer late. */
  z.strictObject({ kind: z.literal('delay'), delayMs: z.number().int().min(0).max(600_000) }),
  /** Do not answer at all; `before` or `after` the work was done durably. */
  z.strictObject({ kind: z.literal('drop'), when: z.enum(['before', 'after']) }),
  /** Reset the connection instead of answering. */
  z.strictObject({ kind: z.literal('reset') }),
  /** Close the connection instead of answering, without the end of TLS (close_notify). */
  z.strictObject({ kind: z.literal('hangUp') }),
  /** Send the first half of the answer, then close the connection. */
  z.strictObject({ kind: z.literal('truncate') }),
  /** Answer with this reason of the protocol, for example `General Failure` or `NOT_FOUND`. */
  z.strictObject({ kind: z.literal('error'), reason: z.string().min(1).max(200) }),
  /** Answer with wrong key material of the right length. */
  z.strictObject({ kind: z.literal('corrupt') }),
] as const;

/** What happens to a new connection that a fault matches. */
const connectionActions = [
  /** Present a server certificate that has expired. */
  z.strictObject({ kind: z.literal('expiredCertificate') }),
] as const;

/** How a whole service is as long as the fault is there. */
const conditions = [
  /** Refuse connections, accept and reset them, or let them stand without ever answering. */
  z.strictObject({ kind: z.literal('down'), how: z.enum(['refuse', 'reset', 'silent']).default('refuse') }),
  /** Read what was stored that long ago, as a replica does that lags behind. */
  z.strictObject({ kind: z.literal('lag'), lagMs: z.number().int().min(1).max(86_400_000) }),
] as const;

/** What a fault does. */
export const faultActionSchema = z.discriminatedUnion('kind', [
  ...requestActions,
  ...connectionActions,
  ...conditions,
]);

/** One injected fault: what it matches, what it does, and how often. Own choice, modelled on HTTP fault filters. */
export const faultSpecSchema = z
  .strictObject({
    /** Service instance, for example `kms-1`; any if absent. */
    service: z.string().optional(),
    /** Operation in the protocol's words, for example `Get`; any if absent. */
    operation: z.string().optional(),
    /** Client by its certificate's common name or user name; any if absent. */
    client: z.string().optional(),
    /** Object id; any if absent. */
    object: z.string().optional(),
    action: faultActionSchema,
    /** Share of matching requests (or connections) that are hit. */
    probability: z.number().min(0).max(1).default(1),
    /** Matching requests let through first. */
    skip: z.number().int().min(0).default(0),
    /** Requests hit before the fault is spent; endless if absent. */
    count: z.number().int().min(1).optional(),
  })
  .refine(
    ({ action, operation, client, object }) =>
      isRequestAction(action) || (operation ?? client ?? object) === undefined,
    { message: 'this action is about whole connections or services: give no operation, client or object' },
  )
  .refine(
    ({ action, probability, skip, count }) =>
      !isCondition(action) || (probability === 1 && skip === 0 && count === undefined),
    {
      message: 'this action lasts until the fault is taken back: give no probability, skip or count',
    },
  );

/** What a fault does, as in {@link faultActionSchema}. */
export type FaultAction = z.infer<typeof faultActionSchema>;
/** What a fault does to a request. */
export type RequestFaultAction = z.infer<(typeof requestActions)[number]>;
/** What a fault does to a connection. */
export type ConnectionFaultAction = z.infer<(typeof connectionActions)[number]>;
/** How a service is as long as a fault is there. */
export type FaultCondition = z.infer<(typeof conditions)[number]>;
/** A fault as a user writes it, defaults not yet filled in. */
export type FaultSpec = z.input<typeof faultSpecSchema>;

const KINDS = {
  request: kindsOf(requestActions),
  connection: kindsOf(connectionActions),
  condition: kindsOf(conditions),
} as const;

function kindsOf(
  schemas: readonly { readonly shape: { readonly kind: z.ZodLiteral<string> } }[],
): ReadonlySet<string> {
  return new Set(schemas.map(({ shape }) => shape.kind.value));
}

function isRequestAction(action: FaultAction): action is RequestFaultAction {
  return KINDS.request.has(action.kind);
}

function isConnectionAction(action: FaultAction): action is ConnectionFaultAction {
  return KINDS.connection.has(action.kind);
}

function isCondition(action: FaultAction): action is FaultCondition {
  return KINDS.condition.has(action.kind);
}

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

/** The words of one service's protocol, by which faults for it are checked. */
export interface FaultVocabulary {
  /** Names for `operation`, as the service itself writes them. */
  readonly operations: readonly string[];
  /** Names for `reason`; spaces, hyphens, underscores and case do not count. */
  readonly reasons: readonly string[];
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
  readonly #watchers = new Set<() => void>();
  #nextId = 1;

  /** @param rng decides `probability`; a seeded one makes a run repeat */
  constructor(rng: Rng = systemRng) {
    this.#rng = rng;
  }

  /**
   * Injects a fault.
   *
   * @throws ZodError if the spec is not valid; KpsimError `fault_unknown_word` if its operation or reason is none of
   *   the service's
   */
  add(spec: FaultSpec): FaultRow {
    const parsed = faultSpecSchema.parse(spec);
    this.#demandKnownWords(parsed);
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

  /** Makes the words of a service known; faults for it are checked from then on. */
  know(service: string, vocabulary: FaultVocabulary): void {
    this.#vocabularies.set(service, vocabulary);
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
      if (this.#strikes(row)) return action;
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
      if (isRequestAction(action) && matches(row, subject) && this.#strikes(row)) return action;
    }
    return undefined;
  }

  #changed(): void {
    for (const changed of this.#watchers) changed();
  }

  /** Words are checked where it is clear whose they are: where the fault names a service. */
  #demandKnownWords({ service, operation, action }: FaultRow['spec']): void {
    const vocabulary = service === undefined ? undefined : this.#vocabularies.get(service);
    if (!vocabulary) return;
    if (operation !== undefined && !vocabulary.operations.includes(operation))
      throw unknownWord('operation', operation, vocabulary.operations);
    if (action.kind !== 'error') return;
    const { reason } = action;
    if (!vocabulary.reasons.some((known) => plainWord(known) === plainWord(reason)))
      throw unknownWord('reason', reason, vocabulary.reasons);
  }

  #strikes(row: MutableRow): boolean {
    if (row.spec.count !== undefined && row.hits >= row.spec.count) return false;
    row.seen += 1;
    if (row.seen <= row.spec.skip) return false;
    if (row.spec.probability < 1 && this.#rng.fraction() >= row.spec.probability) return false;
    row.hits += 1;
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

function unknownWord(what: string, word: string, known: readonly string[]): KpsimError {
  return new KpsimError(
    'fault_unknown_word',
    `${JSON.stringify(word)} is no ${what} of this service. Allowed: ${known.join(', ')}.`,
  );
}

/** A word of a protocol without what is written differently here and there: `General Failure`, `GENERAL_FAILURE`. */
export function plainWord(word: string): string {
  return word.replaceAll(/[\s_-]/g, '').toLowerCase();
}
