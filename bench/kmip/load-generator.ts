import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import type { LoadCommand, LoadReply, MeasureOptions, Measured, TargetOptions } from './load-protocol.js';

const SCRIPT = fileURLToPath(new URL('load-process.js', import.meta.url));

/** The one process that loads all servers alike. */
export class LoadGenerator {
  readonly #process: ChildProcess;

  /** @param script what runs in the process; it takes a `LoadCommand` at a time */
  constructor(script: string = SCRIPT) {
    this.#process = fork(script, [], { serialization: 'advanced' });
  }

  /** Opens the connections to a server, which is called `target` from now on. */
  async connect(target: string, options: TargetOptions): Promise<void> {
    await this.#exchange({ kind: 'connect', target, options });
  }

  /** Loads a server for a time. @throws Error if a response is no Success */
  async measure(target: string, options: MeasureOptions): Promise<Measured> {
    const reply = await this.#exchange({ kind: 'measure', target, options });
    if (reply.kind !== 'measured') throw new Error('the load generator answered something else');
    // Buffers arrive as plain byte arrays.
    return { ...reply.measured, sample: Buffer.from(reply.measured.sample) };
  }

  /** Closes the connections to a server, which may be stopped then. */
  async disconnect(target: string): Promise<void> {
    await this.#exchange({ kind: 'disconnect', target });
  }

  /** Ends the process and its connections. */
  async close(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }

  async #exchange(command: LoadCommand): Promise<LoadReply> {
    const answered = once(this.#process, 'message') as Promise<[LoadReply]>;
    this.#process.send(command);
    const [reply] = await answered;
    if (reply.kind === 'failed') throw new Error(reply.message);
    return reply;
  }
}
