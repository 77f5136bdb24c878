import type { Clock } from '../../core/clock.js';
import type { VapiErrorBody } from '../../core/http/index.js';
import { VapiError } from '../../core/http/index.js';
import type { Logger } from '../../core/logging.js';
import type { Rng } from '../../core/rng.js';
import type { VapiType } from '../../wire/vapi/index.js';
import { TypedValue } from '../../wire/vapi/index.js';
import { vapiErrorOf } from '../vapi/errors.js';

/** States of a task (`com.vmware.cis.task.status`). */
export const TASK_STATUSES = ['PENDING', 'RUNNING', 'BLOCKED', 'SUCCEEDED', 'FAILED'] as const;

/** Where a task stands. */
export type TaskStatus = (typeof TASK_STATUSES)[number];

/** What a new task is about. */
export interface RestTaskSubject {
  /** Canonical name of the service. */
  readonly service: string;
  /** For example `create$task`. */
  readonly operation: string;
  /** What the task works on. */
  readonly target?: { readonly type: string; readonly id: string } | undefined;
  readonly user: string;
  /** Type of the result. */
  readonly output: VapiType;
  /** Changes its target: no second such task may run meanwhile. */
  readonly changes: boolean;
  readonly cancelable: boolean;
}

/** A task as `com.vmware.cis.task.info` tells it. */
export interface RestTaskInfo {
  readonly service: string;
  readonly operation: string;
  readonly description: { readonly id: string; readonly default_message: string; readonly args: string[] };
  readonly status: TaskStatus;
  readonly cancelable: boolean;
  readonly target?: { readonly type: string; readonly id: string };
  readonly user: string;
  readonly start_time: string;
  readonly end_time?: string;
  readonly progress: {
    readonly total: number;
    readonly completed: number;
    readonly message: { readonly id: string; readonly default_message: string; readonly args: string[] };
  };
  readonly result?: TypedValue;
  readonly error?: VapiErrorBody;
}

interface Row {
  info: RestTaskInfo;
  readonly abort: AbortController;
  readonly lock: string | undefined;
}

/** Finished tasks that are kept. */
const KEPT_LIMIT = 1000;
const RUNNING_LIMIT = 500;

/** Tasks of the Automation API: long operations that were started, each with its result or its error. */
export class RestTasks {
  readonly #clock: Clock;
  readonly #rng: Rng;
  readonly #log: Logger;
  readonly #rows = new Map<string, Row>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #locks = new Map<string, string>();

  constructor(clock: Clock, rng: Rng, log: Logger) {
    this.#clock = clock;
    this.#rng = rng;
    this.#log = log;
  }

  /**
   * Starts work and returns the id of its task at once.
   *
   * @throws VapiError `RESOURCE_BUSY` if another task changes the target, or too many run
   */
  start(subject: RestTaskSubject, work: (signal: AbortSignal) => unknown): string {
    const lock = subject.changes && subject.target ? subject.target.id : undefined;
    const busy = lock === undefined ? undefined : this.#locks.get(lock);
    if (busy !== undefined) {
      throw new VapiError('RESOURCE_BUSY', `Task ${busy} changes ${lock ?? ''}; wait until it has ended.`);
    }
    if (this.#running.size >= RUNNING_LIMIT) {
      throw new VapiError('RESOURCE_BUSY', 'Too many tasks run at once; wait for some to end.');
    }
    const id = `${this.#rng.uuid()}:${subject.service}`;
    const abort = new AbortController();
    this.#rows.set(id, { abort, lock, info: this.#begun(subject) });
    if (lock !== undefined) this.#locks.set(lock, id);
    this.#forgetOld();
    this.#running.set(
      id,
      this.#run(id, subject, () => work(abort.signal)),
    );
    return id;
  }

  /** @throws VapiError `NOT_FOUND` */
  get(id: string): RestTaskInfo {
    return this.#require(id).info;
  }

  /** All tasks that are kept, oldest first. */
  list(): readonly (readonly [string, RestTaskInfo])[] {
    return [...this.#rows].map(([id, { info }]) => [id, info]);
  }

  /** Cancels a task between two of its steps. @throws VapiError `NOT_FOUND`, `NOT_ALLOWED_IN_CURRENT_STATE`, `UNSUPPORTED` */
  cancel(id: string): void {
    const { info, abort } = this.#require(id);
    if (info.end_time !== undefined) {
      throw new VapiError('NOT_ALLOWED_IN_CURRENT_STATE', 'The task has ended already.');
    }
    if (!info.cancelable) {
      throw new VapiError('UNSUPPORTED', `${info.operation} cannot be cancelled; wait until it has ended.`);
    }
    abort.abort();
  }

  /** Resolves when no task runs any more. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #run(id: string, { output }: RestTaskSubject, work: () => unknown): Promise<void> {
    try {
      await Promise.resolve(); // the caller gets its task before the work begins
      const result: unknown = await work();
      this.#finish(id, {
        status: 'SUCCEEDED',
        ...(output.kind !== 'void' && { result: new TypedValue(output, result) }),
      });
    } catch (error) {
      const refusal = vapiErrorOf(error);
      if (refusal.status >= 500) this.#log.error({ err: error, task: id }, 'task failed');
      this.#finish(id, { status: 'FAILED', error: refusal.body });
    } finally {
      const lock = this.#rows.get(id)?.lock;
      if (lock !== undefined && this.#locks.get(lock) === id) this.#locks.delete(lock);
      this.#running.delete(id);
    }
  }

  #begun({ service, operation, target, user, cancelable }: RestTaskSubject): RestTaskInfo {
    const message = { id: `${service}.${operation}`, default_message: `${service}.${operation}`, args: [] };
    return {
      service,
      operation,
      description: message,
      status: 'RUNNING',
      cancelable,
      ...(target && { target }),
      user,
      start_time: new Date(this.#clock.now()).toISOString(),
      progress: { total: 100, completed: 0, message },
    };
  }

  #finish(id: string, end: Pick<RestTaskInfo, 'status' | 'result' | 'error'>): void {
    const row = this.#rows.get(id);
    if (!row) return;
    row.info = {
      ...row.info,
      ...end,
      cancelable: false,
      end_time: new Date(this.#clock.now()).toISOString(),
      progress: { ...row.info.progress, completed: 100 },
    };
  }

  #require(id: string): Row {
    const row = this.#rows.get(id);
    if (row) return row;
    throw new VapiError('NOT_FOUND', 'There is no such task; only the last ones are kept.');
  }

  #forgetOld(): void {
    for (const [id, { info }] of this.#rows) {
      if (this.#rows.size <= KEPT_LIMIT) return;
      if (info.end_time !== undefined) this.#rows.delete(id);
    }
  }
}
