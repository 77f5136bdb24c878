import type { Writable } from 'node:stream';

/** What a command may use of the process around it; tests give their own. */
export interface CommandIo {
  /** Results: what was asked for, and nothing else. */
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Progress, logs and errors. */
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Resolves when the user wants a running service to stop (SIGINT, SIGTERM, SIGHUP). */
  readonly stopRequested: Promise<void>;
}

/** Writes a line of a result. */
export function printLine(io: CommandIo, line: string): void {
  io.stdout.write(`${line}\n`);
}

/** Whether stack traces are wanted: `KPSIM_DEBUG` is set to anything but nothing, `0` and `false`. */
export function debugWanted({ environment }: CommandIo): boolean {
  return !['', '0', 'false', undefined].includes(environment.KPSIM_DEBUG);
}
