import type { Clock } from '../../core/clock.js';
import { zeroise } from '../../core/secret.js';
import type { EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { Client } from './identity.js';

/** Whose requests they are: owner and client name together. */
export type Requester = Pick<Client, 'name' | 'owner'>;

/** One batch item that is performed after its answer went out. */
export interface Entry {
  readonly correlationValue: Buffer;
  readonly operation: EnumerationValue<'Operation'>;
  readonly job: Job;
  stage: NameIn<'ProcessingStage'>;
  canceled: boolean;
  /** Whether its requester has had the result. */
  obtained: boolean;
}

/** One request message, whose items are performed together. */
export interface Job {
  readonly requester: Requester;
  readonly submittedMs: number;
  readonly entries: Entry[];
  /** Ends the delay before the work. */
  readonly hurry: AbortController;
  /** Whether Process was asked for. */
  hurried: boolean;
  /** What it takes in memory: the request until it is performed, then the response. */
  bytes: number;
  /** The whole response message; undefined until there is one. */
  response: Buffer | undefined;
  /** Polls that read the response now. */
  readers: number;
  expiresMs: number;
  done: Promise<void>;
}

/** What a {@link JobTable} keeps at most. */
export interface JobLimits {
  /** Batch items of one requester. */
  readonly requests: number;
  /** Bytes of one requester's. */
  readonly resultBytes: number;
  /** Bytes of all of them. */
  readonly resultBytesOfAll: number;
}

interface Own {
  /** By correlation value in hex, oldest first. */
  readonly entries: Map<string, Entry>;
  bytes: number;
}

/**
 * The asynchronous requests that are under way, and the results of others. Where there is no room for more, results that
 * their requesters have had already are forgotten, those obtained first before others; no other ones are.
 */
export class JobTable {
  readonly #limits: JobLimits;
  readonly #clock: Clock;
  readonly #own = new Map<string, Own>();
  readonly #jobs = new Set<Job>();
  /** Those of which every result was obtained, in that order. */
  readonly #obtained = new Set<Job>();
  #bytes = 0;

  constructor(limits: JobLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Every job there is, oldest first. */
  get jobs(): ReadonlySet<Job> {
    return this.#jobs;
  }

  add(job: Job): void {
    const key = keyOf(job.requester);
    let own = this.#own.get(key);
    if (!own) this.#own.set(key, (own = { entries: new Map(), bytes: 0 }));
    for (const entry of job.entries) own.entries.set(entry.correlationValue.toString('hex'), entry);
    own.bytes += job.bytes;
    this.#bytes += job.bytes;
    this.#jobs.add(job);
  }

  /** One that has not expired. */
  find(requester: Requester, correlationValue: Buffer): Entry | undefined {
    const entry = this.#own.get(keyOf(requester))?.entries.get(correlationValue.toString('hex'));
    return entry && entry.job.expiresMs > this.#clock.now() ? entry : undefined;
  }

  /** A requester's, oldest first. */
  entriesOf(requester: Requester): readonly Entry[] {
    return [...(this.#own.get(keyOf(requester))?.entries.values() ?? [])];
  }

  /** Why a requester cannot have so much more; undefined if it can. Makes room if that is needed. */
  fullness(requester: Requester, items: number, bytes: number): Refusal | undefined {
    const key = keyOf(requester);
    const { requests } = this.#limits;
    if (!this.#makeRoom(key, () => (this.#own.get(key)?.entries.size ?? 0) + items <= requests)) {
      return new Refusal(
        'tooManyAsynchronousRequests',
        `${requests} asynchronous requests of this client are kept already. Poll or cancel some of them.`,
      );
    }
    return this.#roomForBytes(key, bytes) ? undefined : noRoomFor(bytes);
  }

  /** Takes room for a job's response in place of its request. @returns why there is none */
  keep(job: Job, response: Buffer): Refusal | undefined {
    const bytes = memoryOf(response);
    if (!this.#roomForBytes(keyOf(job.requester), bytes - job.bytes)) return noRoomFor(response.length);
    this.#charge(job, bytes);
    return undefined;
  }

  /** Keeps a job's response. It has its room, unless it says that there was none: such responses are small. */
  complete(job: Job, response: Buffer | undefined): void {
    if (!this.#jobs.has(job)) {
      zeroise(response);
      return;
    }
    job.response = response;
    this.#charge(job, response ? memoryOf(response) : 0);
    this.noteObtained(job);
  }

  /** Notes that a job is over, or one of its results was obtained: if both are true of all, it may be forgotten. */
  noteObtained(job: Job): void {
    if (job.expiresMs !== Infinity && this.#jobs.has(job) && job.entries.every(({ obtained }) => obtained))
      this.#obtained.add(job);
  }

  /** Forgets results that are kept for longer than told. */
  forgetExpired(): void {
    const now = this.#clock.now();
    for (const job of this.#jobs) {
      if (job.expiresMs <= now) this.#forget(job);
    }
  }

  /** Forgets everything. */
  clear(): void {
    for (const job of this.#jobs) this.#forget(job);
  }

  #roomForBytes(key: string, bytes: number): boolean {
    const { resultBytes, resultBytesOfAll } = this.#limits;
    return (
      this.#makeRoom(key, () => (this.#own.get(key)?.bytes ?? 0) + bytes <= resultBytes) &&
      this.#makeRoom(undefined, () => this.#bytes + bytes <= resultBytesOfAll)
    );
  }

  #charge(job: Job, bytes: number): void {
    const own = this.#own.get(keyOf(job.requester));
    if (own) own.bytes += bytes - job.bytes;
    this.#bytes += bytes - job.bytes;
    job.bytes = bytes;
  }

  /** @param key whose obtained results may go; anybody's if undefined */
  #makeRoom(key: string | undefined, fits: () => boolean): boolean {
    if (fits()) return true;
    this.forgetExpired();
    for (const job of this.#obtained) {
      if (fits()) return true;
      if (key === undefined || keyOf(job.requester) === key) this.#forget(job);
    }
    return fits();
  }

  #forget(job: Job): void {
    this.#charge(job, 0);
    this.#jobs.delete(job);
    this.#obtained.delete(job);
    const key = keyOf(job.requester);
    const own = this.#own.get(key);
    for (const { correlationValue } of job.entries) own?.entries.delete(correlationValue.toString('hex'));
    if (own?.entries.size === 0) this.#own.delete(key);
    // A Poll that reads it clears it when it is answered.
    if (job.readers === 0) zeroise(job.response);
    job.expiresMs = 0;
  }
}

/** Has a reader of a job's response be done with it; the last one clears what was forgotten meanwhile. */
export function doneReading(job: Job): void {
  job.readers -= 1;
  if (job.readers === 0 && job.expiresMs === 0) zeroise(job.response);
}

function keyOf({ name, owner }: Requester): string {
  return JSON.stringify([owner, name]);
}

/** What a message takes in memory: it may be the begin of a larger buffer. */
function memoryOf(message: Buffer): number {
  return message.buffer.byteLength;
}

function noRoomFor(bytes: number): Refusal {
  return new Refusal(
    'tooManyAsynchronousRequests',
    `There is no room for ${bytes} bytes more beside the asynchronous requests and results that are kept; nothing was done. Poll for results, which makes room, or ask for less at once.`,
  );
}
