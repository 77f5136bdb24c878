import { setTimeout as sleep } from 'node:timers/promises';

import type { Clock } from '../../core/clock.js';
import type { Rng } from '../../core/rng.js';
import type {
  EnumerationValue,
  NameIn,
  OperationName,
  RequestMessage,
  ResponseBatchItem,
} from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import { Refusal } from '../refusals.js';
import type { Answer } from './answers.js';
import type { Entry, Job, Requester } from './asynchronous-jobs.js';
import { JobTable, doneReading } from './asynchronous-jobs.js';
import { canceledError, resultOf } from './asynchronous-results.js';

/** Told by the work of an asynchronous request before it performs a batch item. */
export interface AsynchronousProgress {
  /** @throws KmipError `OperationCanceledByRequester` if the item was canceled */
  begin(index: number): void;
  /**
   * Takes room for the response message before anything is committed.
   *
   * @returns why there is none
   */
  keep(response: Buffer): Refusal | undefined;
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

/** The answer to a Poll. It is a view on what is kept: call `release` once it is encoded. */
export interface PolledResult {
  readonly item: ResponseBatchItem;
  readonly release: () => void;
}

/** What an asynchronous request is, as the table sees it. */
export interface SubmittedRequest {
  readonly operations: readonly EnumerationValue<'Operation'>[];
  /** Length of the request message. */
  readonly byteCount: number;
}

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
  readonly #table: JobTable;
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(
    config: KmsConfig['asynchronous'],
    { clock, rng }: { readonly clock: Clock; readonly rng: Rng },
  ) {
    this.#config = config;
    this.#clock = clock;
    this.#rng = rng;
    this.#table = new JobTable(config, clock);
  }

  /**
   * Whether a request is to be performed asynchronously: all of its items or none, as they may build on each other.
   * Where the client leaves it to the server, which it also does with the Boolean of KMIP 1.x (1.4 §6.7), those are
   * that hold an operation of `asynchronous.operations`.
   *
   * @param byteCount length of the request message
   * @throws KmipError if the client insists on what cannot be
   */
  takes({ header, batchItems }: RequestMessage, requester: Requester, byteCount: number): boolean {
    const indicator = header.asynchronousIndicator ?? 'Prohibited';
    const synchronous = batchItems.filter((item) => SYNCHRONOUS.has(item.operation));
    if (indicator === 'Optional') {
      const slow: readonly EnumerationValue<'Operation'>[] = this.#config.operations;
      return (
        this.#config.enabled &&
        synchronous.length === 0 &&
        batchItems.some((item) => slow.includes(item.operation)) &&
        this.#table.fullness(requester, batchItems.length, byteCount) === undefined
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
    const full = this.#table.fullness(requester, batchItems.length, byteCount);
    if (full) throw full;
    return true;
  }

  /**
   * Takes a request that {@link takes} accepted; its work begins after this turn of the event loop.
   *
   * @returns a correlation value for each batch item
   */
  submit(
    requester: Requester,
    { operations, byteCount }: SubmittedRequest,
    work: AsynchronousWork,
  ): readonly Buffer[] {
    const job: Job = {
      requester,
      submittedMs: this.#clock.now(),
      entries: [],
      hurry: new AbortController(),
      hurried: false,
      bytes: byteCount,
      response: undefined,
      readers: 0,
      expiresMs: Infinity,
      done: Promise.resolve(),
    };
    for (const operation of operations) {
      job.entries.push({
        correlationValue: this.#rng.bytes(16),
        operation,
        job,
        stage: 'Submitted',
        canceled: false,
        obtained: false,
      });
    }
    this.#table.add(job);
    this.#sweep ??= setInterval(() => this.#table.forgetExpired(), SWEEP_MS).unref();
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
      return { item, release: () => undefined };
    }
    const { job } = entry;
    entry.obtained = true;
    job.readers += 1;
    this.#table.noteObtained(job);
    return { item: resultOf(entry), release: () => doneReading(job) };
  }

  /** Cancels a request that is not being performed yet. */
  cancel(requester: Requester, correlationValue: Buffer): NameIn<'CancellationResult'> {
    const entry = this.#table.find(requester, correlationValue);
    if (!entry) return 'Unavailable';
    if (entry.stage === 'InProcess') return 'UnableToCancel';
    entry.obtained = true;
    if (entry.stage === 'Submitted') {
      entry.canceled = true;
      entry.stage = 'Completed';
    }
    this.#table.noteObtained(entry.job);
    if (entry.canceled) return 'Canceled';
    return resultOf(entry).resultStatus === 'Success' ? 'Completed' : 'Failed';
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
    return this.#table
      .entriesOf(requester)
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
    for (const job of this.#table.jobs) job.hurry.abort();
    const grace = new AbortController();
    await Promise.race([
      Promise.all([...this.#table.jobs].map(({ done }) => done)),
      sleep(STOP_GRACE_MS, undefined, { signal: grace.signal }).catch(() => undefined),
    ]);
    grace.abort();
    this.#table.clear();
  }

  async #perform(job: Job, work: AsynchronousWork): Promise<void> {
    await sleep(this.#config.delayMs, undefined, { signal: job.hurry.signal }).catch(() => undefined);
    if (this.#closed) return;
    let response: Buffer | undefined;
    if (job.entries.some((entry) => !entry.canceled)) {
      const answer = await work({
        begin: (index) => begin(job.entries[index]),
        keep: (bytes) => this.#table.keep(job, bytes),
      });
      // An answer that an injected fault keeps back stays pending for ever.
      if (answer.delivery === 'send') {
        response = answer.bytes;
        for (const entry of job.entries) entry.stage = 'Completed';
      }
    }
    job.expiresMs = this.#clock.now() + this.#config.resultSeconds * 1000;
    this.#table.complete(job, response);
  }

  #demand(requester: Requester, correlationValue: Buffer): Entry {
    const entry = this.#table.find(requester, correlationValue);
    if (entry) return entry;
    throw new Refusal(
      'asynchronousRequestNotFound',
      'This client has no asynchronous request of that Asynchronous Correlation Value, or its result has expired.',
    );
  }
}

/** An item that was begun stays so if its request has to be redone. */
function begin(entry: Entry | undefined): void {
  if (entry?.canceled === true) throw canceledError();
  if (entry) entry.stage = 'InProcess';
}
