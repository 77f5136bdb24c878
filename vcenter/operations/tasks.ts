import type { Clock } from '../../core/clock.js';
import type { Logger } from '../../core/logging.js';
import type { AnyValue, ManagedObjectReference, VimObject } from '../../wire/vim25/index.js';
import { VimFault, toVimFault } from '../../wire/vim25/index.js';
import type { Entity } from '../inventory/entities.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';

/** `TaskInfo` of vim25. */
export type TaskInfo = VimObject<'TaskInfo'>;

/** What a new task is about. */
export interface TaskSubject {
  /** Entity that it changes; no second task may change it meanwhile. */
  readonly entity?: Entity | undefined;
  /** For example `VirtualMachine.relocate`. */
  readonly descriptionId: string;
  /** Who asked for it; absent for the vCenter itself. */
  readonly userName?: string | undefined;
  /** Whether others may work on the entity at the same time. */
  readonly shared?: boolean;
}

/** What the work of a task may tell while it runs. */
export interface TaskProgress {
  /** The task itself. */
  readonly task: ManagedObjectReference;
  /** 0 to 100. */
  readonly progress: (percent: number) => void;
}

interface Row {
  info: TaskInfo;
  readonly entity: string | undefined;
}

/** Finished tasks that are kept. */
const KEPT_LIMIT = 1000;
const RUNNING_LIMIT = 500;

/** Long operations: each runs on its own and tells its state, progress, result or fault. */
export class Tasks {
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #changed: () => void;
  readonly #rows = new Map<string, Row>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #locks = new Map<string, string>();
  #next = 1;

  constructor(clock: Clock, log: Logger, changed: () => void) {
    this.#clock = clock;
    this.#log = log;
    this.#changed = changed;
  }

  /**
   * Starts work and returns its task at once.
   *
   * @throws VimFault `TaskInProgress` if another task changes the entity, `ResourceInUse` if too many run
   */
  start(
    subject: TaskSubject,
    work: (progress: TaskProgress) => Promise<AnyValue | undefined>,
  ): ManagedObjectReference {
    const { entity } = subject;
    this.#refuseIfBusy(subject);
    if (this.#running.size >= RUNNING_LIMIT) {
      throw new VimFault('ResourceInUse', 'Too many tasks run at once; wait for some to end.');
    }
    const key = `task-${this.#next++}`;
    const task = referenceTo('Task', key);
    const now = new Date(this.#clock.now());
    this.#rows.set(key, {
      entity: entity?.moid,
      info: {
        _typeName: 'TaskInfo',
        key,
        task,
        name: subject.descriptionId.split('.')[1] ?? subject.descriptionId,
        descriptionId: subject.descriptionId,
        ...(entity && { entity: referenceOf(entity), entityName: entity.name }),
        state: 'running',
        cancelled: false,
        cancelable: false,
        reason:
          subject.userName === undefined
            ? { _typeName: 'TaskReasonSystem' }
            : { _typeName: 'TaskReasonUser', userName: subject.userName },
        queueTime: now,
        startTime: now,
        eventChainId: this.#next,
        progress: 0,
      },
    });
    if (entity && !subject.shared) this.#locks.set(entity.moid, key);
    this.#forgetOld();
    this.#changed();
    this.#running.set(key, this.#run(key, entity?.moid, work));
    return task;
  }

  /** Does work as a task, and resolves when it has ended. @throws what the work throws, and as {@link start} */
  async run(subject: TaskSubject, work: () => Promise<void>): Promise<void> {
    let ending: Promise<void> = Promise.resolve();
    const task = this.start(subject, async () => {
      ending = work();
      await ending;
      return undefined;
    });
    await this.#running.get(task.value);
    await ending;
  }

  /** @throws VimFault `ManagedObjectNotFound` */
  info(moid: string): TaskInfo {
    const row = this.#rows.get(moid);
    if (row) return row.info;
    throw new VimFault('ManagedObjectNotFound', 'There is no such task; only the last ones are kept.', {
      fields: { obj: referenceTo('Task', moid) },
    });
  }

  has(moid: string): boolean {
    return this.#rows.has(moid);
  }

  /** The last tasks, oldest first; those of one entity if given. */
  recent(entity?: string): readonly ManagedObjectReference[] {
    return [...this.#rows.values()]
      .filter((row) => entity === undefined || row.entity === entity)
      .slice(-50)
      .map(({ info }) => info.task);
  }

  /** Resolves when no task runs any more, or after `atMostMs`. */
  async settled(atMostMs?: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      if (atMostMs !== undefined) timer = setTimeout(resolve, atMostMs);
    });
    await Promise.race([this.#allEnded(), late]);
    clearTimeout(timer);
  }

  async #allEnded(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #run(
    key: string,
    entity: string | undefined,
    work: (progress: TaskProgress) => Promise<AnyValue | undefined>,
  ): Promise<void> {
    const progress: TaskProgress = {
      task: referenceTo('Task', key),
      progress: (percent) => this.#update(key, { progress: percent }),
    };
    try {
      await Promise.resolve(); // the caller gets its task before the work begins
      const result = await work(progress);
      this.#finish(key, { state: 'success', progress: 100, ...(result && { result }) });
    } catch (error) {
      const fault = toVimFault(error);
      if (fault !== error) this.#log.error({ err: error, task: key }, 'task failed');
      this.#finish(key, { state: 'error', error: fault.toLocalizedMethodFault() });
    } finally {
      if (entity !== undefined && this.#locks.get(entity) === key) this.#locks.delete(entity);
      this.#running.delete(key);
      this.#changed();
    }
  }

  #finish(key: string, change: Partial<TaskInfo>): void {
    this.#update(key, { ...change, completeTime: new Date(this.#clock.now()) });
  }

  #update(key: string, change: Partial<TaskInfo>): void {
    const row = this.#rows.get(key);
    if (!row) return;
    row.info = { ...row.info, ...change };
    this.#changed();
  }

  #refuseIfBusy({ entity, shared }: TaskSubject): void {
    const busy = entity && !shared ? this.#locks.get(entity.moid) : undefined;
    if (busy === undefined || !entity) return;
    throw new VimFault('TaskInProgress', `Another task works on ${entity.name}; wait until it has ended.`, {
      fields: { task: referenceTo('Task', busy) },
    });
  }

  #forgetOld(): void {
    for (const [key, { info }] of this.#rows) {
      if (this.#rows.size <= KEPT_LIMIT) return;
      if (info.state === 'success' || info.state === 'error') this.#rows.delete(key);
    }
  }
}
