import type { Command } from 'commander';
import type * as z from 'zod';

import type { Endpoint } from '../core/lifecycle.js';
import { createLogger } from '../core/logging.js';
import type { CommonSettings, StandaloneService } from '../lab/standalone/index.js';
import { startStandalone } from '../lab/standalone/index.js';
import type { CommandModule } from './command.js';
import type { CommandIo } from './io.js';
import { printLine } from './io.js';
import { addSettings, readSettings } from './settings-options.js';
import { Starting } from './starting.js';

/** What a service's help says beyond its settings. */
export interface ServiceHelp {
  readonly description: string;
  /** Lines of a shell session, with a comment above each. */
  readonly examples: string;
}

/** The command that runs one service until it is told to stop. */
export function serviceCommand<S extends z.ZodObject>(
  definition: StandaloneService<S>,
  help: ServiceHelp,
): CommandModule {
  return {
    settings: definition.schema,
    configure: (command, io) => {
      command.description(paragraphs(help.description)).addHelpText('after', examplesOf(help.examples));
      addSettings(command, definition.schema);
      command.action(() => serve(definition, command, io));
    },
  };
}

/** Text whose lines are broken where the help has room; empty lines part paragraphs. */
export function paragraphs(text: string): string {
  return text.trim().replace(/(?<!\n)\n(?!\n)/g, ' ');
}

/** A summary as help shows it in a list, as a sentence of its own. */
export function sentenceOf(summary: string): string {
  return `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
}

/** Help text below the options. */
export function examplesOf(examples: string): string {
  const lines = examples.trim().split('\n');
  return `\nExamples:\n${lines.map((line) => `  ${line}`.trimEnd()).join('\n')}\n`;
}

/** The line that says that a command is up, with every address it can be reached at. */
export function readyLine(endpoints: readonly Pick<Endpoint, 'name' | 'url'>[]): string {
  return `Ready. ${endpoints.map(({ name, url }) => `${name} ${url}`).join('  ')}`;
}

async function serve<S extends z.ZodObject>(
  definition: StandaloneService<S>,
  command: Command,
  io: CommandIo,
): Promise<void> {
  const settings = (await readSettings(command, definition.schema, io)) as z.output<S> & CommonSettings;
  const log = createLogger({ name: 'kpsim', level: settings.logLevel, stream: io.stderr });
  const starting = new Starting(io);
  const running = await startStandalone(definition, settings, log);
  try {
    starting.end();
    for (const note of running.notes) printLine(io, note);
    printLine(io, readyLine([...running.endpoints, { name: 'admin', url: running.admin.url }]));
    await io.stopRequested;
  } finally {
    await running.stop();
  }
}
