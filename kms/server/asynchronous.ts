import { setTimeout as sleep } from 'node:timers/promises';

import type { Clock } from '../../core/clock.js';
import type { Rng } from '../../core/rng.js';
import { zeroise } from '../../core/secret.js';
import type {
  EnumerationValue,
  NameIn,
  OperationName,
  RequestMessage,
  ResponseBatchItem,
} from '../../wire/kmip/index.js';
import { KmipError, decodeResponse } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import { Refusal } from '../refusals.js';
import type { Answer } from './answers.js';
import type { Client } from './identity.js';

/** Told by the work of an asynchronous request before it performs a batch item. */
export interface AsynchronousProgress {
  /** @throws KmipError `OperationCanceledByRequester` if the item was canceled */
  begin(index: number): void;
}

/** Performs a request message as if it were answered at once. Never rejects. */
export type AsynchronousWork = (progress: AsynchronousProgress) => Promise<Answer>;

/** What Query Asynchronous Requests tells of a batch item (KMIP 2.1 §7.2). */
export interface AsynchronousRequestRow {
  readonly asynchronousCorrelationValue: Buffer;
  readonly operation: EnumerationValue<'Operation'>;
  /** Microseconds since 1970. */
  readonly submissionDate: bigint;
  readonly processingStage: NameIn<'ProcessingStage'>;
}

/** One batch item that is performed after its answer went out. */
interface Entry {
  readonly correlationValue: Buffer;
  readonly operation: EnumerationValue<'Operation'>;
  readonly job: Job;
  stage: NameIn<'ProcessingStage'>;
  canceled: boolean;
  /** Whether its requester has had the result. */
  obtained: boolean;
}

/** One request message, whose items are performed together. */
interface Job {
  readonly submittedMs: number;
  readonly entries: Entry[];
  /** Ends the delay before the work. */
  readonly hurry: AbortController;
  /** Whether Process was asked for. */
  hurried: boolean;
  /** The whole response message; undefined until there is one. */
  response: Buffer | undefined;
  expiresMs: number;
  done: Promise<void>;
}

/** The answer to a Poll, and the bytes that it is made of, which its reader clears. */
export interface PolledResult {
  readonly item: ResponseBatchItem;
  readonly bytes: Buffer | undefined;
}

type Requester = Pick<Client, 'name' | 'owner'>;

/** Operations whose answer must be synchronous (KMIP 1.4 §4.27, §4.28), and those about requests under way. */
const SYNCHRONOUS: ReadonlySet<EnumerationValue<'Operation'>> = new Set<OperationName>([
  'Cancel',
  'Poll',
  'Process',
  'QueryAsynchronousRequests',
  'SetEndpointRole',
]);

const SWEEP_MS = 10_000;
/** How long work under way is waited for when the server stops. */
const STOP_GRACE_MS = 2000;

/**
 * Requests that are performed after they were answered with Operation Pending, until their results are polled.
 *
 * They are kept in memory: a restart forgets those not yet performed and the results of the others, whose changes
 * are as durable as any. A result may be polled again until it expires, as the answer to a Poll can be lost.
 */
export class AsynchronousRequests {
  readonly #config: KmsConfig['asynchronous'];
  readonly #clock: Clock;
  readonly #rng: Rng;
  /** By requester, then by correlation value in hex. */
  readonly #entries = new Map<string, Map<string, Entry>>();
  readonly #jobs = new Set<Job>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    config: KmsConfig['asynchronous'],
    { clock, rng }: { readonly clock: Clock; readonly rng: Rng },
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#rng = rng;
  }

  /**
   * Whether a request is to be performed asynchronously: all of its items or none, as they may build on each other.
   * Where the client leaves it to the server, which it also does with the Boolean of KMIP 1.x (1.4 §6.7), those are
   * that hold an operation of `asynchronous.operations`.
   *
   * @throws KmipError if the client insists on what cannot be
   */
  takes({ header, batchItems }: RequestMessage, requester: Requester): boolean {
    const indicator = header.asynchronousIndicator ?? 'Prohibited';
    const synchronous = batchItems.filter((item) => SYNCHRONOUS.has(item.operation));
    if (indicator === 'Optional') {
      const slow: readonly EnumerationValue<'Operation'>[] = this.#config.operations;
      return (
        this.#config.enabled &&
        synchronous.length === 0 &&
        batchItems.some((item) => slow.includes(item.operation)) &&
        this.#roomFor(requester, batchItems.length)
      );
    }
    if (indicator !== 'Mandatory' || synchronous.length === batchItems.length) return false;
    if (!this.#config.enabled) {
      throw new KmipError('FeatureNotSupported', 'This server answers synchronously only.');
    }
    if (synchronous.length > 0) {
      const names = synchronous.map((item) => item.operation).join(', ');
      throw new KmipError(
        'InvalidField',
        `${names} cannot be asynchronous; send it in a message of its own.`,
      );
    }
    if (!this.#roomFor(requester, batchItems.length)) {
      throw new Refusal(
        'tooManyAsynchronousRequests',
        `${this.#config.requests} asynchronous requests of this client are kept already. Poll or cancel some of them.`,
      );
    }
    return true;
  }

  /**
   * Takes a request that {@link takes} accepted; its work begins after this turn of the event loop.
   *
   * @returns a correlation value for each batch item
   */
  submit(
    requester: Requester,
    operations: readonly EnumerationValue<'Operation'>[],
    work: AsynchronousWork,
  ): readonly Buffer[] {
    const job: Job = {
      submittedMs: this.#clock.now(),
      entries: [],
      hurry: new AbortController(),
      hurried: false,
      response: undefined,
      expiresMs: Infinity,
      done: Promise.resolve(),
    };
    const own = this.#entriesOf(requester);
    for (const operation of operations) {
      const correlationValue = this.#rng.bytes(16);
      const entry: Entry = {
        correlationValue,
        operation,
        job,
        stage: 'Submitted',
        canceled: false,
        obtained: false,
      };
      job.entries.push(entry);
      own.set(correlationValue.toString('hex'), entry);
    }
    this.#jobs.add(job);
    this.#sweep ??= setInterval(() => this.#forgetExpired(), SWEEP_MS).unref();
    job.done = this.#perform(job, work);
    return job.entries.map(({ correlationValue }) => correlationValue);
  }

  /**
   * The response item of a request, or one with Operation Pending. After Process it is waited for, and where
   * `asynchronous.onPoll` says so always.
   *
   * @throws Refusal `asynchronousRequestNotFound`
   */
  async poll(requester: Requester, correlationValue: Buffer): Promise<PolledResult> {
    const entry = this.#demand(requester, correlationValue);
    if (this.#config.onPoll === 'finish') entry.job.hurry.abort();
    if (this.#config.onPoll === 'finish' || entry.job.hurried) await entry.job.done;
    if (entry.stage !== 'Completed') {
      const asynchronousCorrelationValue = entry.correlationValue;
      const item = {
        operation: 'Poll',
        resultStatus: 'OperationPending',
        asynchronousCorrelationValue,
      } as const;
      return { item, bytes: undefined };
    }
    entry.obtained = true;
    const bytes = Buffer.from(entry.job.response ?? []);
    return { item: resultOf(entry, bytes), bytes };
  }

  /** Cancels a request that is not being performed yet. */
  cancel(requester: Requester, correlationValue: Buffer): NameIn<'CancellationResult'> {
    const entry = this.#find(requester, correlationValue);
    if (!entry) return 'Unavailable';
    if (entry.stage === 'InProcess') return 'UnableToCancel';
    entry.obtained = true;
    if (entry.stage === 'Submitted') {
      entry.canceled = true;
      entry.stage = 'Completed';
    }
    if (entry.canceled) return 'Canceled';
    return resultOf(entry, entry.job.response ?? Buffer.alloc(0)).resultStatus === 'Success'
      ? 'Completed'
      : 'Failed';
  }

  /**
   * Begins a request at once and lets the next Poll wait for its result; so it does with the others of its message.
   *
   * @throws Refusal `asynchronousRequestNotFound`
   * @throws KmipError `DuplicateProcessRequest`
   */
  process(requester: Requester, correlationValue: Buffer): void {
    const { job, stage } = this.#demand(requester, correlationValue);
    if (job.hurried || stage === 'Completed') {
      throw new KmipError(
        'DuplicateProcessRequest',
        'The request is processed already. Poll for its result.',
      );
    }
    job.hurried = true;
    job.hurry.abort();
  }

  /** Requests whose results were not obtained yet, oldest first. */
  outstanding(requester: Requester): readonly AsynchronousRequestRow[] {
    const now = this.#clock.now();
    const entries = [...(this.#entries.get(keyOf(requester))?.values() ?? [])];
    return entries
      .filter((entry) => !entry.obtained && entry.job.expiresMs > now)
      .map(({ correlationValue, operation, job, stage }) => ({
        asynchronousCorrelationValue: correlationValue,
        operation,
        submissionDate: BigInt(Math.floor(job.submittedMs * 1000)),
        processingStage: stage,
      }));
  }

  /** Drops what has not begun, waits a moment for what has, and clears the results. */
  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#sweep);
    for (const job of this.#jobs) job.hurry.abort();
    const grace = new AbortController();
    await Promise.race([
      Promise.all([...this.#jobs].map(({ done }) => done)),
      sleep(STOP_GRACE_MS, undefined, { signal: grace.signal }).catch(() => undefined),
    ]);
    grace.abort();
    for (const job of this.#jobs) zeroise(job.response);
    this.#jobs.clear();
    this.#entries.clear();
  }

  async #perform(job: Job, work: AsynchronousWork): Promise<void> {
    await sleep(this.#config.delayMs, undefined, { signal: job.hurry.signal }).catch(() => undefined);
    if (this.#closed) return;
    if (job.entries.some((entry) => !entry.canceled)) {
      const answer = await work({ begin: (index) => begin(job.entries[index]) });
      // An answer that an injected fault keeps back stays pending for ever.
      if (answer.delivery === 'send') {
        job.response = answer.bytes;
        for (const entry of job.entries) entry.stage = 'Completed';
      }
    }
    job.expiresMs = this.#clock.now() + this.#config.resultSeconds * 1000;
  }

  #roomFor(requester: Requester, count: number): boolean {
    const own = this.#entries.get(keyOf(requester));
    if (!own || own.size + count <= this.#config.requests) return true;
    this.#forgetExpired();
    return own.size + count <= this.#config.requests;
  }

  #entriesOf(requester: Requester): Map<string, Entry> {
    const key = keyOf(requester);
    let own = this.#entries.get(key);
    if (!own) {
      own = new Map();
      this.#entries.set(key, own);
    }
    return own;
  }

  #find(requester: Requester, correlationValue: Buffer): Entry | undefined {
    const entry = this.#entries.get(keyOf(requester))?.get(correlationValue.toString('hex'));
    return entry && entry.job.expiresMs > this.#clock.now() ? entry : undefined;
  }

  #demand(requester: Requester, correlationValue: Buffer): Entry {
    const entry = this.#find(requester, correlationValue);
    if (entry) return entry;
    throw new Refusal(
      'asynchronousRequestNotFound',
      'This client has no asynchronous request of that Asynchronous Correlation Value, or its result has expired.',
    );
  }

  #forgetExpired(): void {
    const now = this.#clock.now();
    for (const [key, own] of this.#entries) {
      for (const [value, { job }] of own) {
        if (job.expiresMs > now) continue;
        own.delete(value);
        this.#jobs.delete(job);
        zeroise(job.response);
      }
      if (own.size === 0) this.#entries.delete(key);
    }
  }
}

function keyOf({ name, owner }: Requester): string {
  return JSON.stringify([owner, name]);
}

/** An item that was begun stays so if its request has to be redone. */
function begin(entry: Entry | undefined): void {
  if (entry?.canceled === true) throw canceledError();
  if (entry) entry.stage = 'InProcess';
}

function canceledError(): KmipError {
  return new KmipError('OperationCanceledByRequester', 'The operation was canceled before it began.');
}

/** The response item of a completed request. @param bytes its response message */
function resultOf({ job, operation, correlationValue, canceled }: Entry, bytes: Buffer): ResponseBatchItem {
  if (canceled) return failed(operation, canceledError());
  const { batchItems } = decodeResponse(bytes);
  const [first] = batchItems;
  // A message that is refused as a whole is answered by one item without operation.
  const refusal = batchItems.length === 1 && first?.operation === undefined ? first : undefined;
  const item =
    refusal ?? batchItems[job.entries.findIndex((entry) => entry.correlationValue === correlationValue)];
  if (item) return { ...item, operation };
  return failed(
    operation,
    new KmipError('GeneralFailure', 'Not performed, as an earlier item of the same batch failed.'),
  );
}

function failed(operation: EnumerationValue<'Operation'>, error: KmipError): ResponseBatchItem {
  return {
    operation,
    resultStatus: 'OperationFailed',
    resultReason: error.reason,
    resultMessage: error.message,
  };
}
