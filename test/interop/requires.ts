import { spawnSync } from 'node:child_process';

import { describe } from 'vitest';

/** A program of other people that an interop test needs. */
export interface Requirement {
  /** As its users call it, for example `tpm2-tools`. */
  readonly name: string;
  /** Whether it is on this machine. */
  readonly found: boolean;
  /** The command that installs it. */
  readonly install: string;
}

/** Whether a command can be run with these arguments and ends well. */
export function runs(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore', timeout: 20_000 }).status === 0;
}

/**
 * A suite that needs other people's programs. Where one is missing the suite is skipped by name, saying what
 * to install; with `KPSIM_INTEROP=required` (as continuous integration sets it) a missing one is a failure.
 */
export function describeWith(
  requirements: Requirement | readonly Requirement[],
  title: string,
  suite: () => void,
): void {
  const missing = [requirements].flat().filter((requirement) => !requirement.found);
  if (missing.length === 0 || process.env.KPSIM_INTEROP === 'required') {
    describe(title, suite);
    return;
  }
  const remedy = missing.map(({ name, install }) => `${name} is not installed: ${install}`).join('; ');
  describe.skip(`${title} [${remedy}]`, suite);
}
