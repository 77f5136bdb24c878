import type { z } from 'zod';

import { VapiError } from './vapi-error.js';

/**
 * Checks a request's body, query or parameters against a zod schema.
 *
 * @throws VapiError `INVALID_ARGUMENT` that names each field and what is wrong with it, never its value
 */
export function validate<S extends z.ZodType>(
  schema: S,
  input: unknown,
  what = 'The request body',
): z.output<S> {
  const parsed = schema.safeParse(input);
  if (parsed.success) return parsed.data;
  throw new VapiError('INVALID_ARGUMENT', `${what} is not valid: ${describeIssues(parsed.error)}`);
}

/** Issues told of one input, and characters of each; an input may have a field name of any length in it. */
const ISSUE_LIMITS = { count: 20, characters: 300 };

/** A zod error in one line: `path: message; path: message`. */
export function describeIssues(error: z.ZodError): string {
  return error.issues
    .slice(0, ISSUE_LIMITS.count)
    .map((issue) => (issue.path.length === 0 ? issue.message : `${issue.path.join('.')}: ${issue.message}`))
    .map((text) =>
      text.length > ISSUE_LIMITS.characters ? `${text.slice(0, ISSUE_LIMITS.characters)}…` : text,
    )
    .join('; ');
}
