import type { Clock } from './clock.js';
import { systemClock } from './clock.js';

/** One request as the journal keeps it; the service masks key material before it records. */
export interface JournalEntry {
  /** 1 for the first request of the process. */
  readonly sequence: number;
  /** When it was answered, ISO 8601. */
  readonly time: string;
  /** Which service it was, in a journal of several. */
  readonly service?: string;
  /** Operation in the protocol's words. */
  readonly operation: string;
  /** Certificate common name or user name, where known. */
  readonly client?: string | undefined;
  /** `success`, or the protocol's reason. */
  readonly outcome: string;
  /** Further decoded fields, free of secrets. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** What a service hands in; sequence and time are added here. */
export interface JournalRecord extends Omit<JournalEntry, 'sequence' | 'time' | 'service'> {
  /** In the place of details: those that many entries have in common. */
  readonly standing?: Pick<StandingDetails, 'fields'> | undefined;
}

/** Details that many entries have in common: bounded, and freed of secrets, once for all of them. */
export class StandingDetails {
  readonly fields: Readonly<Record<string, unknown>>;

  /** @param secretFields members whose content is not kept, whatever it is made of */
  constructor(details: Readonly<Record<string, unknown>>, secretFields: ReadonlySet<string> = NO_FIELDS) {
    this.fields = detailsOf(details, secretFields);
  }
}

/** Which entries somebody wants: those that have every word given, and of these the last. */
export interface JournalQuery {
  /** Entries of a journal of one service have none, and match any. */
  readonly service?: string | undefined;
  readonly operation?: string | undefined;
  readonly client?: string | undefined;
  readonly last?: number | undefined;
}

/** How much one entry may hold, whatever the request was: the ring keeps many for a long time. Own choice. */
const DETAIL_LIMITS = { values: 256, textCharacters: 256, depth: 12 };

const NO_FIELDS: ReadonlySet<string> = new Set();

/** The last requests of a service, in a ring that never grows; the details of each are cut to a bounded size. */
export class Journal {
  readonly #ring: (Kept | undefined)[];
  readonly #clock: Clock;
  #count = 0;

  /** @param capacity entries kept; 0 keeps none */
  constructor(capacity = 1000, clock: Clock = systemClock) {
    this.#ring = new Array<Kept | undefined>(capacity);
    this.#clock = clock;
  }

  /**
   * Keeps one request, forgetting the oldest when full.
   *
   * @param secretFields members of the details whose content is not kept, whatever it is made of
   */
  record(record: JournalRecord, secretFields: ReadonlySet<string> = NO_FIELDS): void {
    if (this.#ring.length === 0) return;
    this.#count += 1;
    this.#ring[(this.#count - 1) % this.#ring.length] = {
      sequence: this.#count,
      timeMs: this.#clock.now(),
      operation: record.operation,
      client: record.client,
      outcome: record.outcome,
      details: record.details && detailsOf(record.details, secretFields),
      standing: record.standing,
    };
  }

  /** The entries kept, oldest first; `last` bounds how many. */
  entries(last = this.#ring.length): readonly JournalEntry[] {
    const kept = Math.min(this.#count, this.#ring.length, last);
    const found: JournalEntry[] = [];
    for (let index = this.#count - kept; index < this.#count; index += 1) {
      const one = this.#ring[index % this.#ring.length];
      if (one) found.push(entryOf(one));
    }
    return found;
  }

  /** The entries kept that a query asks for, oldest first. */
  find({ service, operation, client, last }: JournalQuery): readonly JournalEntry[] {
    if ((service ?? operation ?? client) === undefined) return this.entries(last);
    const found = this.entries().filter(
      (entry) =>
        (service === undefined || (entry.service ?? service) === service) &&
        (operation === undefined || entry.operation === operation) &&
        (client === undefined || entry.client === client),
    );
    return last === undefined ? found : found.slice(-last);
  }

  /** Forgets all entries; sequence numbers go on. */
  clear(): void {
    this.#ring.fill(undefined);
  }
}

/** Bounded copies, as they are made for every request: their time becomes a text only when somebody reads it. */
interface Kept extends JournalRecord {
  readonly sequence: number;
  readonly timeMs: number;
}

function entryOf({ sequence, timeMs, operation, client, outcome, details, standing }: Kept): JournalEntry {
  return {
    sequence,
    time: new Date(timeMs).toISOString(),
    operation,
    ...(client !== undefined && { client }),
    outcome,
    ...((details ?? standing) !== undefined && { details: details ?? standing?.fields }),
  };
}

function detailsOf(
  details: Readonly<Record<string, unknown>>,
  secretFields: ReadonlySet<string>,
): Readonly<Record<string, unknown>> {
  return new BoundedCopy(secretFields).structure(details, 0);
}

/** A copy of details with secrets left out, long texts cut, bytes told by their length, and only so many values. */
class BoundedCopy {
  readonly #secretFields: ReadonlySet<string>;
  #left = DETAIL_LIMITS.values;

  constructor(secretFields: ReadonlySet<string>) {
    this.#secretFields = secretFields;
  }

  structure(value: object, depth: number): Record<string, unknown> {
    this.#left -= 1;
    const copy: Record<string, unknown> = {};
    for (const name in value) {
      if (!Object.hasOwn(value, name) || name === '__proto__') continue;
      if (this.#left <= 0) {
        copy['…'] = '[more]';
        break;
      }
      const member = (value as Readonly<Record<string, unknown>>)[name];
      const shown = name.length > DETAIL_LIMITS.textCharacters ? '[long name]' : name;
      copy[shown] = this.#secretFields.has(name) ? this.#masked(member) : this.#value(member, depth + 1);
    }
    return copy;
  }

  #list(values: readonly unknown[], depth: number): unknown[] {
    this.#left -= 1;
    const copy: unknown[] = [];
    for (const value of values) {
      if (this.#left <= 0) {
        copy.push('[more]');
        break;
      }
      copy.push(this.#value(value, depth + 1));
    }
    return copy;
  }

  #value(value: unknown, depth: number): unknown {
    if (typeof value === 'object' && value !== null) {
      if (value instanceof Uint8Array) return this.#plain(`[${value.length} bytes]`);
      if (value instanceof Error) return this.#text(value.message);
      if (depth === DETAIL_LIMITS.depth) return this.#plain('[deeper]');
      return Array.isArray(value) ? this.#list(value, depth) : this.structure(value, depth);
    }
    if (typeof value === 'string') return this.#text(value);
    return this.#plain(typeof value === 'bigint' ? value.toString() : value);
  }

  #text(value: string): string {
    const limit = DETAIL_LIMITS.textCharacters;
    this.#left -= 1;
    // Copied: a slice of a string keeps the whole of it in memory.
    return value.length > limit ? `${Buffer.from(value.slice(0, limit)).toString()}…` : value;
  }

  #masked(value: unknown): unknown {
    return value === undefined ? undefined : this.#plain('[masked]');
  }

  #plain<T>(value: T): T {
    this.#left -= 1;
    return value;
  }
}
