import type * as z from 'zod';

import type { ConfigProblem } from './config-error.js';
import { ConfigError, dotted, quoted } from './config-error.js';
import type { Locator } from './issues.js';
import { knownKeys, problemsOf } from './issues.js';
import { nearestWord } from './nearest.js';
import type { ConfigPath } from './schema-walk.js';
import { valueAt } from './schema-walk.js';
import type { Setting } from './settings.js';
import { ENVIRONMENT_PREFIX, settingsOf, valueOfText } from './settings.js';
import type { YamlSource } from './yaml-source.js';

/** Where a configuration comes from; flags win over the environment, that over the file, that over defaults. */
export interface ConfigSources {
  /** Values of flags by their name, for example `--port`; undefined for those not given. */
  readonly flags?: Readonly<Record<string, string | boolean | undefined>>;
  /** The process's environment; only variables that start with `KPSIM_` are looked at. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly file?: YamlSource | undefined;
  /** Variables starting with `KPSIM_` that are no settings here, and no mistake either. */
  readonly otherVariables?: Iterable<string>;
  /** What messages call the configuration when a value is in no source at all; `configuration` unless told. */
  readonly name?: string;
}

/** For a schema that checks one value: what zod compiles for those that follow takes longer than the check. */
export const PARSED_ONCE = { jitless: true } as const;

/**
 * Puts a configuration together and checks it.
 *
 * @throws ConfigError with every problem, each naming its file and line, its variable, or its flag
 */
export function loadConfig<S extends z.ZodObject>(schema: S, sources: ConfigSources): z.output<S> {
  const settings = settingsOf(schema);
  const unknown = unknownVariables(settings, sources);
  const origins = new Map<string, string>();
  const merged: unknown = structuredClone(sources.file?.value ?? {});
  if (isMapping(merged)) overlay(merged, settings, sources, origins);

  const parsed = schema.safeParse(merged, PARSED_ONCE);
  if (parsed.success && unknown.length === 0) return parsed.data;
  const issues = parsed.success ? [] : parsed.error.issues;
  throw new ConfigError([...unknown, ...problemsOf(schema, merged, issues, locator(sources, origins))]);
}

/**
 * Checks the whole of a file against a schema that has no flags and variables.
 *
 * A schema's own checks across fields run only on what has the right shape; so that a mistake of shape does not hide
 * them, they run once more without the values that are wrong, where these may be left out, and with mistyped keys as
 * they were probably meant.
 *
 * @throws ConfigError with every problem and its line, in the order of the file, one a place
 */
export function checkYaml<S extends z.ZodType>(schema: S, source: YamlSource): z.output<S> {
  const parsed = schema.safeParse(source.value);
  if (parsed.success) return parsed.data;
  const { issues } = parsed.error;
  const further = schema.safeParse(mended(schema, source.value, issues)).error?.issues ?? [];
  const found = [
    ...problemsOf(schema, source.value, issues, source),
    ...problemsOf(schema, source.value, further.filter(isOwnCheck), source),
  ];
  const byPlace = new Map<string, ConfigProblem>();
  for (const problem of found) {
    const place = `${problem.source} ${problem.path} ${problem.message.startsWith('unknown key') ? problem.message : ''}`;
    if (!byPlace.has(place)) byPlace.set(place, problem);
  }
  throw new ConfigError([...byPlace.values()].sort(inOrderOfTheFile));
}

function isOwnCheck({ code }: z.core.$ZodIssue): boolean {
  return code === 'custom';
}

/**
 * A copy without the fields that issues name, but with mistyped keys as they were probably meant; members of lists
 * stay, or others would change their place.
 */
function mended(schema: z.ZodType, value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    const { path } = issue;
    const key = path.at(-1);
    const owner = valueAt(copy, path.slice(0, -1));
    if (issue.code === 'unrecognized_keys') {
      respell(valueAt(copy, path), issue.keys, knownKeys(schema, value, path));
    } else if (isMapping(owner) && typeof key === 'string') {
      Reflect.deleteProperty(owner, key);
    }
  }
  return copy;
}

function respell(owner: unknown, keys: readonly string[], known: readonly string[]): void {
  if (!isMapping(owner)) return;
  for (const key of keys) {
    const meant = nearestWord(key, known);
    if (meant !== undefined && !Object.hasOwn(owner, meant)) owner[meant] = owner[key];
    Reflect.deleteProperty(owner, key);
  }
}

function inOrderOfTheFile(left: ConfigProblem, right: ConfigProblem): number {
  const [leftLine, leftColumn] = placeOf(left);
  const [rightLine, rightColumn] = placeOf(right);
  return leftLine - rightLine || leftColumn - rightColumn;
}

/** Line and column of a source `file:line:column`; zeros for one that is no place in a file. */
function placeOf({ source }: ConfigProblem): readonly [line: number, column: number] {
  const [, line = '0', column = '0'] = /:(\d+):(\d+)$/.exec(source) ?? [];
  return [Number(line), Number(column)];
}

function overlay(
  merged: Record<string, unknown>,
  settings: readonly Setting[],
  { environment = {}, flags = {} }: ConfigSources,
  origins: Map<string, string>,
): void {
  for (const setting of settings) {
    const flag = flags[setting.flag];
    const text = flag ?? environment[setting.variable];
    if (text === undefined) continue;
    origins.set(dotted(setting.path), flag === undefined ? setting.variable : setting.flag);
    setAt(merged, setting.path, typeof text === 'string' ? valueOfText(setting, text) : text);
  }
}

function setAt(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key, ...rest] = path;
  if (key === undefined) return;
  if (rest.length === 0) {
    target[key] = value;
    return;
  }
  const inner = target[key];
  const next = isMapping(inner) ? inner : {};
  target[key] = next;
  setAt(next, rest, value);
}

function unknownVariables(
  settings: readonly Setting[],
  { environment = {}, otherVariables = [] }: ConfigSources,
): readonly ConfigProblem[] {
  const own = settings.map(({ variable }) => variable);
  const known = new Set([...own, ...otherVariables]);
  return Object.keys(environment)
    .filter((name) => name.startsWith(ENVIRONMENT_PREFIX) && !known.has(name))
    .map((name) => {
      const meant = nearestWord(name, known);
      return {
        source: quoted(name).slice(1, -1),
        path: '',
        message: `unknown environment variable${meant === undefined ? '' : `, did you mean ${meant}?`}`,
        allowed: own.join(', '),
      };
    });
}

/** Where a value was written: a flag, a variable, a place in the file, or nowhere. */
function locator({ file, name = 'configuration' }: ConfigSources, origins: Map<string, string>): Locator {
  const byName = (path: ConfigPath): string | undefined => {
    for (let length = path.length; length > 0; length -= 1) {
      const origin = origins.get(dotted(path.slice(0, length)));
      if (origin !== undefined) return origin;
    }
    return undefined;
  };
  return {
    locate: (path) => byName(path) ?? file?.locate(path) ?? name,
    locateKey: (path) => byName(path) ?? file?.locateKey(path) ?? name,
  };
}

function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
