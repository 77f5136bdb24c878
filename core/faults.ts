import { z } from 'zod';

import type { Rng } from './rng.js';
import { systemRng } from './rng.js';

/** What happens to a request that a fault matches. */
export const faultActionSchema = z.discriminatedUnion('kind', [
  /** Answer late. */
  z.strictObject({ kind: z.literal('delay'), delayMs: z.number().int().min(0).max(600_000) }),
  /** Do not answer at all; `before` or `after` the work was done durably. */
  z.strictObject({ kind: z.literal('drop'), when: z.enum(['before', 'after']) }),
  /** Reset the connection instead of answering. */
  z.strictObject({ kind: z.literal('reset') }),
  /** Send the first half of the answer, then close the connection. */
  z.strictObject({ kind: z.literal('truncate') }),
  /** Answer with this reason of the protocol, for example `General Failure` or `NOT_FOUND`. */
  z.strictObject({ kind: z.literal('error'), reason: z.string().min(1).max(200) }),
  /** Answer with wrong key material of the right length. */
  z.strictObject({ kind: z.literal('corrupt') }),
]);

/** One injected fault: what it matches, what it does, and how often. Own choice, modelled on HTTP fault filters. */
export const faultSpecSchema = z.strictObject({
  /** Service instance, for example `kms-1`; any if absent. */
  service: z.string().optional(),
  /** Operation in the protocol's words, for example `Get`; any if absent. */
  operation: z.string().optional(),
  /** Client by its certificate's common name or user name; any if absent. */
  client: z.string().optional(),
  /** Object id; any if absent. */
  object: z.string().optional(),
  action: faultActionSchema,
  /** Share of matching requests that are hit. */
  probability: z.number().min(0).max(1).default(1),
  /** Matching requests let through first. */
  skip: z.number().int().min(0).default(0),
  /** Requests hit before the fault is spent; endless if absent. */
  count: z.number().int().min(1).optional(),
});

/** A fault's action, as in {@link faultActionSchema}. */
export type FaultAction = z.infer<typeof faultActionSchema>;
/** A fault as a user writes it, defaults not yet filled in. */
export type FaultSpec = z.input<typeof faultSpecSchema>;

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
  #nextId = 1;

  /** @param rng decides `probability`; a seeded one makes a run repeat */
  constructor(rng: Rng = systemRng) {
    this.#rng = rng;
  }

  /** Injects a fault. @throws ZodError if the spec is not valid */
  add(spec: FaultSpec): FaultRow {
    const row: MutableRow = {
      id: `fault-${this.#nextId++}`,
      spec: faultSpecSchema.parse(spec),
      seen: 0,
      hits: 0,
    };
    this.#rows.set(row.id, row);
    return row;
  }

  /** Takes a fault back; false if there is none of that id. */
  remove(id: string): boolean {
    return this.#rows.delete(id);
  }

  /** Takes all faults back. */
  clear(): void {
    this.#rows.clear();
  }

  /** All faults, oldest first. */
  list(): readonly FaultRow[] {
    return [...this.#rows.values()].map((row) => ({ ...row }));
  }

  /** The action for this request, of the first fault that matches and strikes; undefined for none. */
  match(subject: FaultSubject): FaultAction | undefined {
    if (this.#rows.size === 0) return undefined;
    for (const row of this.#rows.values()) {
      if (matches(row, subject) && this.#strikes(row)) return row.spec.action;
    }
    return undefined;
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
