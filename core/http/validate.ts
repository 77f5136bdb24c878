import type { z } from 'zod';

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
  const whole = schema.safeParse(given);
  if (whole.success) return whole.data;
  const input = given === undefined ? {} : given;
  const parsed = given === undefined ? schema.safeParse(input) : whole;
  if (parsed.success) return parsed.data;
  const told = problemsOf(schema, input, parsed.error.issues, NOWHERE)
    .slice(0, ISSUE_LIMITS.count)
    .map(textOf);
  throw new VapiError('INVALID_ARGUMENT', `${what} is not valid: ${told.join('; ')}`);
}

/** Requests have no lines to name. */
const NOWHERE = { locate: () => '', locateKey: () => '' };

function textOf({ path, message, allowed }: ConfigProblem): string {
  const text = `${path === '' ? '' : `${path} `}${message}${allowed === undefined ? '' : ` (allowed: ${allowed})`}`;
  return text.length > ISSUE_LIMITS.characters ? `${text.slice(0, ISSUE_LIMITS.characters)}…` : text;
}

/** Issues told of one input, and characters of each; an input may have a field name of any length in it. */
const ISSUE_LIMITS = { count: 20, characters: 300 };
