import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';

/**
 * What ends a process once this one is gone, even by SIGKILL, which runs nothing of its own: a shell that waits at a pipe
 * of which this process alone has the other end. A line lets it go; the end of the pipe without one is this process's.
 */
const WATCH = 'if read -r line; then exit 0; fi; kill -9 "$1"';

/** Watches over a child process that must not outlive this one. */
export class ParentWatch {
  readonly #shell: ChildProcess;

  /** @param pid of the child; {@link end} must follow as soon as it has ended, as its id may be another's then */
  constructor(pid: number) {
    // In a group of its own: what ends all processes of a terminal must not end it first.
    this.#shell = spawn('/bin/sh', ['-c', WATCH, 'sh', String(pid)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    // Where there is no shell, the child is left behind by SIGKILL alone; the next start on its directory ends it.
    this.#shell.on('error', () => undefined);
    this.#shell.stdin?.on('error', () => undefined);
    this.#shell.unref();
  }

  /** Lets the child go, without harm to whoever has its id by now. */
  end(): void {
    this.#shell.stdin?.end('done\n');
  }
}
