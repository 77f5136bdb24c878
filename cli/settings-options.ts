import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import * as z from 'zod';

import { loadConfig } from '../core/config/load.js';
import type { Setting } from '../core/config/settings.js';
import { settingsOf } from '../core/config/settings.js';
import type { YamlSource } from '../core/config/yaml-source.js';
import { isClientVariable } from '../lab/client-variables.js';
import { COMMANDS } from './commands/index.js';
import type { CommandIo } from './io.js';

/** Variables that are neither settings nor mistakes. */
const OTHER_VARIABLES = ['KPSIM_DEBUG', 'KPSIM_INTEROP', 'KPSIM_CONFIG'];

/**
 * Adds `--config` and one option for each setting on the first level and below `tls`; what lies deeper can be
 * set in the file and in the environment. Secrets have no option, for arguments can be read by every user.
 */
export function addSettings(command: Command, schema: z.ZodObject): void {
  command.option('-c, --config <file>', 'YAML file with settings; flags and KPSIM_* variables win over it');
  for (const setting of settingsOf(schema)) {
    if (isFlag(setting, schema)) command.addOption(optionOf(setting));
  }
  explainPorts(command);
}

/** Where a service has several ports and none is `--port`, who gives that is told their names. */
function explainPorts(command: Command): void {
  const ports = command.options.flatMap(({ long }) => (long?.endsWith('port') ? [long] : []));
  if (ports.includes('--port') || ports.length < 3) return;
  const refuse = (): never => {
    throw new InvalidArgumentError(`This service has ${ports.join(', ')}.`);
  };
  command.addOption(new Option('--port <number>').argParser(refuse).hideHelp());
}

/**
 * The command's settings: flags over environment over file over defaults.
 *
 * @throws ConfigError naming what is wrong and where
 */
export async function readSettings<S extends z.ZodObject>(
  command: Command,
  schema: S,
  io: CommandIo,
): Promise<z.output<S>> {
  const given: Readonly<Record<string, unknown>> = command.opts();
  const flags: Record<string, string> = {};
  for (const option of command.options) {
    const value = given[option.attributeName()];
    if (option.long && typeof value === 'string') flags[option.long] = value;
  }
  const config = flags['--config'] ?? io.environment.KPSIM_CONFIG;
  return loadConfig(schema, {
    flags,
    environment: io.environment,
    file: config === undefined ? undefined : await yamlFile(config),
    otherVariables: await otherVariables(schema, io),
    name: `kpsim ${command.name()}`,
  });
}

/** The YAML library is loaded only where there is a file to read. */
async function yamlFile(path: string): Promise<YamlSource> {
  const { readYaml } = await import('../core/config/yaml-source.js');
  return readYaml(path);
}

function isFlag({ path }: Setting, schema: z.ZodObject): boolean {
  const [first = '', second] = path;
  if (second !== undefined) return first === 'tls';
  const row: unknown = schema.shape[first];
  return !(row instanceof z.ZodType && row.meta()?.secret === true);
}

function optionOf({ flag, type, description, variable, defaultValue }: Setting): Option {
  const value = type === 'boolean' ? '<true|false>' : type === 'number' ? '<number>' : '<value>';
  const fallback =
    defaultValue === undefined ? '' : `; default ${JSON.stringify(defaultValue).replaceAll('"', '')}`;
  return new Option(`${flag} ${value}`, `${description} (${variable}${fallback})`);
}

/** Settings of other commands are no mistakes; they are looked up only if there is something to explain. */
async function otherVariables(schema: z.ZodObject, { environment }: CommandIo): Promise<readonly string[]> {
  const own = new Set(settingsOf(schema).map(({ variable }) => variable));
  const known = [...OTHER_VARIABLES, ...Object.keys(environment).filter(isClientVariable)];
  const strange = Object.keys(environment).some(
    (name) => name.startsWith('KPSIM_') && !own.has(name) && !known.includes(name),
  );
  if (!strange) return known;
  const modules = await Promise.all(Object.values(COMMANDS).map((row) => row.load()));
  const foreign = modules.flatMap(({ settings }) => (settings ? settingsOf(settings) : []));
  return [...known, ...foreign.map(({ variable }) => variable)];
}
