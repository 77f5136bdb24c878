import type { Clock } from './clock.js';
import { systemClock } from './clock.js';

/** One request as the journal keeps it; the service masks key material before it records. */
export interface JournalEntry {
  /** 1 for the first request of the process. */
  readonly sequence: number;
  /** When it was answered, ISO 8601. */
  readonly time: string;
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
export type JournalRecord = Omit<JournalEntry, 'sequence' | 'time'>;

/** How much one entry may hold, whatever the request was: the ring keeps many for a long time. Own choice. */
const DETAIL_LIMITS = { values: 256, textCharacters: 256, depth: 12 };

/** The last requests of a service, in a ring that never grows; the details of each are cut to a bounded size. */
export class Journal {
  readonly #ring: (JournalEntry | undefined)[];
  readonly #clock: Clock;
  #count = 0;

  /** @param capacity entries kept; 0 keeps none */
  constructor(capacity = 1000, clock: Clock = systemClock) {
    this.#ring = new Array<JournalEntry | undefined>(capacity);
    this.#clock = clock;
  }

  /** Keeps one request, forgetting the oldest when full. */
  record(record: JournalRecord): void {
    if (this.#ring.length === 0) return;
    const time = new Date(this.#clock.now()).toISOString();
    const details = record.details && bounded(record.details, { values: DETAIL_LIMITS.values }, 0);
    this.#ring[this.#count % this.#ring.length] = {
      sequence: this.#count + 1,
      time,
      ...record,
      ...(details !== undefined && { details: details as JournalEntry['details'] }),
    };
    this.#count += 1;
  }

  /** The entries kept, oldest first; `last` bounds how many. */
  entries(last = this.#ring.length): readonly JournalEntry[] {
    const kept = Math.min(this.#count, this.#ring.length, last);
    const found: JournalEntry[] = [];
    for (let index = this.#count - kept; index < this.#count; index += 1) {
      const entry = this.#ring[index % this.#ring.length];
      if (entry) found.push(entry);
    }
    return found;
  }

  /** Forgets all entries; sequence numbers go on. */
  clear(): void {
    this.#ring.fill(undefined);
  }
}

/** A copy of a value with long texts cut, bytes told by their length, and only as many values as are left. */
function bounded(value: unknown, left: { values: number }, depth: number): unknown {
  left.values -= 1;
  if (typeof value === 'string') {
    const limit = DETAIL_LIMITS.textCharacters;
    // Copied: a slice of a string keeps the whole of it in memory.
    return value.length > limit ? `${Buffer.from(value.slice(0, limit)).toString()}…` : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (depth === DETAIL_LIMITS.depth) return '[deeper]';
  const isArray = Array.isArray(value);
  const members: [string, unknown][] = [];
  for (const name in value) {
    if (!Object.hasOwn(value, name)) continue;
    if (left.values <= 0) {
      members.push([isArray ? '' : '…', '[more]']);
      break;
    }
    const member = bounded((value as Readonly<Record<string, unknown>>)[name], left, depth + 1);
    members.push([name.length > DETAIL_LIMITS.textCharacters ? '[long name]' : name, member]);
  }
  return isArray ? members.map(([, member]) => member) : Object.fromEntries(members);
}
