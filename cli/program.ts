import { Command, CommanderError } from 'commander';

import { ConfigError } from '../core/config/config-error.js';
import { KpsimError, errorText } from '../core/errors.js';
import { VERSION } from '../core/version.js';
import type { CommandRow, Outcome } from './command.js';
import { EXIT } from './command.js';
import { COMMANDS } from './commands/index.js';
import type { CommandIo } from './io.js';
import { debugWanted } from './io.js';

/** Codes of errors that are about the command line. */
const USAGE_CODES: ReadonlySet<string> = new Set([
  'argument_invalid',
  'config_invalid',
  'option_missing',
  'scenario_unknown',
]);

/**
 * Runs one command line.
 *
 * @param args arguments after the program's name, for example `['kms', '--port', '0']`
 * @returns the exit code
 */
export async function run(args: readonly string[], io: CommandIo): Promise<number> {
  const outcome: Outcome = { exitCode: EXIT.ok };
  try {
    const program = await programFor(args, io, outcome);
    await program.parseAsync([...args], { from: 'user' });
    return outcome.exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.stderr.write(`${explained(error, io)}\n`);
    const code = error instanceof KpsimError ? error.code : '';
    if (code === 'interrupted') return EXIT.interrupted;
    return USAGE_CODES.has(code) ? EXIT.usage : EXIT.failed;
  }
}

async function programFor(args: readonly string[], io: CommandIo, outcome: Outcome): Promise<Command> {
  const program = new Command('kpsim')
    .description('The key infrastructure of vSphere VM encryption on one machine, for tests.')
    .version(VERSION, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .enablePositionalOptions() // or --version of a command would be taken for the program's
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
    })
    .configureHelp({ showGlobalOptions: false, helpWidth: io.stdout.columns ?? 100 })
    .showHelpAfterError('kpsim COMMAND --help explains a command.')
    .exitOverride();
  const rows: readonly (readonly [string, CommandRow])[] = Object.entries(COMMANDS);
  for (const [name, row] of rows) {
    const command = program.command(name).summary(row.summary);
    if (args.includes(name)) (await row.load()).configure(command, io, outcome);
  }
  return program;
}

/** An error for a person: what is wrong and what to do; the stack only where it is wanted. */
function explained(error: unknown, io: CommandIo): string {
  if (debugWanted(io) && error instanceof Error) return `kpsim: ${error.stack ?? error.message}`;
  if (error instanceof ConfigError) return `kpsim: the settings cannot be used.\n${error.message}`;
  if (error instanceof KpsimError) return `kpsim: ${error.message}`;
  return `kpsim: something unexpected went wrong: ${errorText(error)}\nSet KPSIM_DEBUG=1 to see where, and report it.`;
}
