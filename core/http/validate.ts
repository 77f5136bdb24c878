import type * as z from 'zod';

import type { ConfigProblem } from '../config/config-error.js';
import { problemsOf } from '../config/issues.js';
import { VapiError } from './vapi-error.js';

/**
 * Checks a request's body, query or parameters against a zod schema.
 *
 * @throws VapiError `INVALID_ARGUMENT` that names each field, what is wrong with it and what is allowed; of values
 * only words that are none of an enumeration. A body that is absent counts as one without any field.
 */
export function validate<S extends z.ZodType>(
  schema: S,
  given: unknown,
  what = 'The request body',
): z.output<S> {
  refuseManyKeys(given, what);
  const whole = schema.safeParse(given);
  if (whole.success) return whole.data;
  const input = given === undefined ? {} : given;
  const parsed = given === undefined ? schema.safeParse(input) : whole;
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.slice(0, ISSUE_LIMITS.count).map(shortened);
  const told = problemsOf(schema, input, issues, NOWHERE).slice(0, ISSUE_LIMITS.count).map(textOf);
  throw new VapiError('INVALID_ARGUMENT', `${what} is not valid: ${told.join('; ')}`);
}

/** Most members of one object; schemas have far fewer, and each unknown one costs a search for what was meant. */
const KEYS_LIMIT = 1000;

/** @throws VapiError `INVALID_ARGUMENT` */
function refuseManyKeys(input: unknown, what: string): void {
  const open: unknown[] = [input];
  while (open.length > 0) {
    const value = open.pop();
    if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) continue;
    const isArray = Array.isArray(value);
    const members: readonly unknown[] = isArray ? value : Object.values(value);
    if (!isArray && members.length > KEYS_LIMIT) {
      throw new VapiError(
        'INVALID_ARGUMENT',
        `${what} is not valid: an object in it has ${members.length} members; at most ${KEYS_LIMIT} are read, send only those that the operation has.`,
      );
    }
    for (const member of members) if (typeof member === 'object') open.push(member);
  }
}

/** An issue of many unknown keys, with as many of them as are told. */
function shortened(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code === 'unrecognized_keys') {
    return { ...issue, keys: issue.keys.slice(0, ISSUE_LIMITS.count) };
  }
  if (issue.code !== 'invalid_union' || issue.inclusive === false) return issue;
  const errors = issue.errors.map((inner) => inner.slice(0, ISSUE_LIMITS.count).map(shortened));
  return Object.assign({ ...issue }, { errors });
}

/** Requests have no lines to name. */
const NOWHERE = { locate: () => '', locateKey: () => '' };

function textOf({ path, message, allowed }: ConfigProblem): string {
  const text = `${path === '' ? '' : `${path} `}${message}${allowed === undefined ? '' : ` (allowed: ${allowed})`}`;
  return text.length > ISSUE_LIMITS.characters ? `${text.slice(0, ISSUE_LIMITS.characters)}…` : text;
}

/** Issues told of one input, and characters of each; an input may have a field name of any length in it. */
const ISSUE_LIMITS = { count: 20, characters: 300 };
