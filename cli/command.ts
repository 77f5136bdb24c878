import type { Command } from 'commander';
import type * as z from 'zod';

import type { CommandIo } from './io.js';

/**
 * Exit codes: all went well; something failed or was not as expected; the command was not understood; the user stopped
 * it before its end, as shells count SIGINT (a process that another signal ended ends with that one's).
 */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** How a command ended; the number becomes the process's exit code. */
export interface Outcome {
  exitCode: number;
}

/** A command of `kpsim`, one file each in `commands/`. */
export interface CommandModule {
  /** Settings that flags, environment and file give; undefined for a command that has none. */
  readonly settings?: z.ZodObject | undefined;
  /** Adds description, arguments, options and action. */
  configure(command: Command, io: CommandIo, outcome: Outcome): void;
}

/** A command's row in the table; its module is loaded only when it is asked for. */
export interface CommandRow {
  readonly summary: string;
  load(): Promise<CommandModule>;
}
