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

/** The last requests of a service, in a ring that never grows. */
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
    this.#ring[this.#count % this.#ring.length] = { sequence: this.#count + 1, time, ...record };
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
