import * as z from 'zod';

import { unwrapped } from './schema-walk.js';

/** Prefix of the environment variables that set something. */
export const ENVIRONMENT_PREFIX = 'KPSIM_';

/** One value that can be set by a flag or an environment variable besides the file. */
export interface Setting {
  /** Where it stands in the file, for example `['tls', 'certificate']`. */
  readonly path: readonly string[];
  /** For example `--tls-certificate`. */
  readonly flag: string;
  /** For example `KPSIM_TLS_CERTIFICATE`. */
  readonly variable: string;
  readonly type: 'text' | 'number' | 'boolean';
  /** What it is for: the schema's description, else the words of its name. */
  readonly description: string;
  /** Its value when nobody says anything; undefined for none. */
  readonly defaultValue: unknown;
}

/**
 * All single values (text, number, boolean, choice) of a schema, nested mappings included; lists and free
 * mappings are left to the file. Flag and variable follow from the name: `adminPort` is `--admin-port` and
 * `KPSIM_ADMIN_PORT`.
 */
export function settingsOf(schema: z.ZodObject, above: readonly string[] = []): readonly Setting[] {
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  return Object.entries(shape).flatMap(([key, child]) => {
    const path = [...above, key];
    const bare = unwrapped(child);
    if (bare instanceof z.ZodObject) return settingsOf(bare, path);
    const type = typeOf(bare);
    return type === undefined ? [] : [settingOf(path, child, type)];
  });
}

/** Turns the text of a flag or variable into what the schema expects, where it can be; else leaves it as it is. */
export function valueOfText(setting: Setting, text: string): unknown {
  if (setting.type === 'number' && /^-?\d{1,15}(\.\d{1,15})?$/.test(text)) return Number(text);
  if (setting.type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}

function settingOf(path: readonly string[], schema: z.core.$ZodType, type: Setting['type']): Setting {
  const words = path.flatMap((key) => key.split(/(?=[A-Z])/)).map((word) => word.toLowerCase());
  return {
    path,
    flag: `--${words.join('-')}`,
    variable: ENVIRONMENT_PREFIX + words.join('_').toUpperCase(),
    type,
    description: descriptionOf(schema) ?? `${words.join(' ')}.`.replace(/^./, (first) => first.toUpperCase()),
    defaultValue: schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined,
  };
}

function descriptionOf(schema: z.core.$ZodType): string | undefined {
  const own = z.globalRegistry.get(schema)?.description;
  if (own !== undefined) return own;
  const wrapper = schema instanceof z.ZodOptional || schema instanceof z.ZodDefault;
  return wrapper ? descriptionOf(schema.def.innerType) : undefined;
}

function typeOf(bare: z.core.$ZodType): Setting['type'] | undefined {
  if (bare instanceof z.ZodNumber) return 'number';
  if (bare instanceof z.ZodBoolean) return 'boolean';
  const text = bare instanceof z.ZodString || bare instanceof z.ZodStringFormat || bare instanceof z.ZodEnum;
  return text ? 'text' : undefined;
}
