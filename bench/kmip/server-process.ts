import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** Clock ticks per second in /proc; Linux has fixed it at 100 for user space. */
const TICKS_PER_SECOND = 100;

/** A server under test: a process of its own. */
export class ServerProcess {
  readonly #process: ChildProcess;
  /** The line by which it said that it is ready. */
  readonly readyLine: string;
  /** From the start of the process to that line, in milliseconds. */
  readonly readyMs: number;

  private constructor(child: ChildProcess, readyLine: string, readyMs: number) {
    this.#process = child;
    this.readyLine = readyLine;
    this.readyMs = readyMs;
  }

  /**
   * Starts a program and waits for the line that matches.
   *
   * @throws Error with what it printed if it ends before
   */
  static async start(program: string, args: readonly string[], ready: RegExp): Promise<ServerProcess> {
    const begin = performance.now();
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const complaints: Buffer[] = [];
    child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
    for await (const line of createInterface({ input: child.stdout })) {
      if (!ready.test(line)) continue;
      const readyMs = performance.now() - begin;
      child.stdout.resume();
      return new ServerProcess(child, line, readyMs);
    }
    throw new Error(`${program} did not start: ${Buffer.concat(complaints).toString()}`);
  }

  /** Processor seconds that it has used; undefined where /proc does not tell. */
  cpuSeconds(): number | undefined {
    const fields = procFile(this.#process.pid, 'stat')?.split(') ').at(-1)?.split(' ');
    const [userTicks, systemTicks] = [fields?.[11], fields?.[12]];
    if (userTicks === undefined || systemTicks === undefined) return undefined;
    return (Number(userTicks) + Number(systemTicks)) / TICKS_PER_SECOND;
  }

  /** Ends it, with the processes that it made, and waits until it is gone. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const { pid, exitCode, signalCode } = this.#process;
    if (pid === undefined || exitCode !== null || signalCode !== null) return;
    const exited = once(this.#process, 'exit');
    // It leads a process group of its own.
    process.kill(-pid, signal);
    await exited;
  }
}

function procFile(pid: number | undefined, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid ?? 0}/${name}`, 'utf8');
  } catch {
    return undefined;
  }
}
