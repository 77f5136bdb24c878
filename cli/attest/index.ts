import type { Command } from 'commander';

import type { Outcome } from '../command.js';
import type { CommandIo } from '../io.js';
import { explain } from './explain.js';
import { faults } from './faults.js';
import { run } from './run.js';

/** A subcommand of `kpsim attest`, one file each in this folder. */
export interface AttestSubcommand {
  readonly summary: string;
  /** Adds arguments, options and action. */
  configure(command: Command, io: CommandIo, outcome: Outcome): void;
}

/** Subcommands in the order in which help shows them. */
export const ATTEST_SUBCOMMANDS: Readonly<Record<string, AttestSubcommand>> = { faults, run, explain };
