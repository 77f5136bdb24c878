import type { Express } from 'express';
import * as z from 'zod';

import type { AdminOptions } from './admin.js';
import { VapiError } from './http/vapi-error.js';
import { validate } from './http/validate.js';
import type { Journal, JournalEntry } from './journal.js';

const word = z.string().min(1).max(500).optional();
const journalQuery = z.strictObject({
  last: z.coerce.number().int().min(1).max(100_000).optional(),
  operation: word,
  client: word,
});
const journalQueryOfServices = journalQuery.extend({ service: word });

/** The journal of the admin listener: `?last=`, `?service=`, `?operation=` and `?client=` narrow it. */
export function journalRoutes(app: Express, { services, context }: AdminOptions): void {
  app.get('/journal', (request, response) => {
    const query = validate(journalQueryOfServices, request.query, 'The query');
    const names = [...services].map(({ name }) => name);
    if (query.service !== undefined && !names.includes(query.service)) {
      throw new VapiError('INVALID_ARGUMENT', `There is no such service. Allowed: ${names.join(', ')}.`);
    }
    response.json(context.journal.find(query));
  });
  app.delete('/journal', (_request, response) => {
    context.journal.clear();
    response.status(204).end();
  });
}

/** What a request's query asks of the journal of one service. @throws VapiError `INVALID_ARGUMENT` */
export function journalOf(journal: Journal, query: unknown): readonly JournalEntry[] {
  return journal.find(validate(journalQuery, query, 'The query'));
}
