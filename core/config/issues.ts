import type * as z from 'zod';

import type { ConfigProblem } from './config-error.js';
import { dotted, quoted } from './config-error.js';
import { nearestWord } from './nearest.js';
import type { ConfigPath } from './schema-walk.js';
import { allowedBy, discriminatorValues, keysOf, schemaAt, valueAt } from './schema-walk.js';

/** Tells where a value, or a key, was written. */
export interface Locator {
  locate(path: ConfigPath): string;
  locateKey(path: ConfigPath): string;
}

type Issue = z.core.$ZodIssue;

/** What zod found wrong, told the user's way: where, what, and what is allowed. */
export function problemsOf(
  schema: z.ZodType,
  input: unknown,
  issues: readonly Issue[],
  where: Locator,
): readonly ConfigProblem[] {
  return issues.flatMap((issue) => problemsOfIssue(schema, input, issue, where));
}

function problemsOfIssue(
  schema: z.ZodType,
  input: unknown,
  issue: Issue,
  where: Locator,
): readonly ConfigProblem[] {
  if (issue.code === 'unrecognized_keys') return unknownKeys(schema, input, issue, where);
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const inner = likeliest(issue.errors);
    return inner.flatMap((nested) => {
      const absolute = { ...nested, path: [...issue.path, ...nested.path] };
      return problemsOfIssue(schema, input, absolute, where);
    });
  }
  return [oneProblem(schema, input, issue, where)];
}

function unknownKeys(
  schema: z.ZodType,
  input: unknown,
  issue: z.core.$ZodIssueUnrecognizedKeys,
  where: Locator,
): readonly ConfigProblem[] {
  const known = knownKeys(schema, input, issue.path);
  return issue.keys.map((key) => {
    const meant = nearestWord(key, known);
    return {
      source: where.locateKey([...issue.path, key]),
      path: dotted(issue.path),
      message: `unknown key ${quoted(key)}${meant === undefined ? '' : `, did you mean ${quoted(meant)}?`}`,
      ...(known.length > 0 && { allowed: known.join(', ') }),
    };
  });
}

/** The keys that the mapping at `path` may have. */
export function knownKeys(schema: z.ZodType, input: unknown, path: ConfigPath): readonly string[] {
  const owner = schemaAt(schema, path, input);
  return owner ? keysOf(owner, valueAt(input, path)) : [];
}

function oneProblem(schema: z.ZodType, input: unknown, issue: Issue, where: Locator): ConfigProblem {
  const value = valueAt(input, issue.path);
  const governing = schemaAt(schema, issue.path, input);
  return {
    source: value === undefined ? where.locate(issue.path.slice(0, -1)) : where.locate(issue.path),
    path: dotted(issue.path),
    message: messageOf(issue, value),
    allowed: allowedFor(issue, governing, value, schemaAt(schema, issue.path.slice(0, -1), input)),
  };
}

function messageOf(issue: Issue, value: unknown): string {
  if (issue.code === 'custom') return issue.message;
  if (value === undefined) return 'is missing';
  switch (issue.code) {
    case 'invalid_type':
      return `is ${kindOf(value)}, which it may not be`;
    case 'too_small':
      return `is too ${typeof value === 'number' ? 'small' : 'short'}`;
    case 'too_big':
      return `is too ${typeof value === 'number' ? 'large' : 'long'}`;
    case 'invalid_value':
    case 'invalid_union':
      return typeof value === 'string' ? `may not be ${quoted(value)}` : `is ${kindOf(value)}`;
    case 'invalid_format':
      return 'is not of the form it must have';
    case 'invalid_key':
      return 'is not a key that may be used';
    default:
      return issue.message;
  }
}

function allowedFor(
  issue: Issue,
  governing: z.core.$ZodType | undefined,
  value: unknown,
  owner: z.core.$ZodType | undefined,
): string | undefined {
  if (issue.code === 'custom') {
    const told: unknown = issue.params?.allowed;
    return typeof told === 'string' ? told : undefined;
  }
  if (issue.code === 'invalid_union' && owner) {
    const values = discriminatorValues(owner);
    if (values.length > 0) return values.join(', ');
  }
  if (issue.code === 'invalid_format' && issue.format === 'regex') return issue.message;
  return governing && allowedBy(governing, value);
}

/** Of a union's options the one that fits best: whose first issue lies deepest. */
function likeliest(options: readonly (readonly Issue[])[]): readonly Issue[] {
  const depth = (issues: readonly Issue[]): number => Math.max(...issues.map(({ path }) => path.length), 0);
  return options.reduce((best, option) => (depth(option) > depth(best) ? option : best));
}

function kindOf(value: unknown): string {
  if (value === null) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return Number.isInteger(value) ? 'a whole number' : 'a number';
  return typeof value === 'boolean' ? 'true or false' : typeof value;
}
