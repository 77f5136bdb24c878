import type { Express, RequestHandler } from 'express';
import * as z from 'zod';

import type { AdminOptions } from './admin.js';
import { LOOPBACK } from './admin.js';
import { journalRoutes } from './admin-journal.js';
import { AdjustableClock } from './clock.js';
import type { ServiceContext } from './context.js';
import { faultSpecSchema } from './fault-spec.js';
import { createApp, jsonBody } from './http/app.js';
import { validate } from './http/validate.js';
import { VapiError, vapiErrorHandler } from './http/vapi-error.js';
import { equalSecrets } from './secret.js';
import { VERSION } from './version.js';

const clockChange = z.union([
  z.strictObject({ advance_ms: z.number().int().min(-1e13).max(1e13) }),
  z.strictObject({ set: z.iso.datetime({ offset: true }) }),
  z.strictObject({ reset: z.literal(true) }),
]);

/** The calls of the admin listener. @param loopback whether it is bound to this machine alone */
export function adminApp(options: AdminOptions, loopback: boolean): Express {
  const app = createApp();
  guard(app, options, loopback);
  healthRoutes(app, options);
  journalRoutes(app, options);
  faultRoutes(app, options.context);
  clockRoutes(app, options.context);
  options.extend?.(app);
  app.get('/', (_request, response) => void response.json({ calls: callsOf(app) }));
  app.use(() => {
    throw new VapiError('OPERATION_NOT_FOUND', `No such admin call. There are: ${callsOf(app).join(', ')}.`);
  });
  app.use(vapiErrorHandler(options.context.log));
  return app;
}

/** Every call of an application, as `GET /livez`. */
function callsOf(app: Express): string[] {
  return app.router.stack.flatMap(({ route }) =>
    route ? route.stack.slice(-1).map(({ method }) => `${method.toUpperCase()} ${route.path}`) : [],
  );
}

/** Parses JSON bodies. @throws VapiError `UNEXPECTED_INPUT` for a body that does not say that it is JSON */
function adminBody(): RequestHandler[] {
  const declared: RequestHandler = (request, _response, next) => {
    const { 'content-length': length = '0', 'transfer-encoding': encoding } = request.headers;
    if (request.body === undefined && (length !== '0' || encoding !== undefined)) {
      throw new VapiError(
        'UNEXPECTED_INPUT',
        'Send the body with the header content-type: application/json (curl: -H).',
      );
    }
    next();
  };
  return [jsonBody(), declared];
}

function guard(app: Express, options: AdminOptions, loopback: boolean): void {
  app.use((request, _response, next) => {
    if (loopback && !LOOPBACK.has(request.hostname)) {
      throw new VapiError('UNAUTHORIZED', 'Call the admin listener by its loopback address.');
    }
    if (request.headers.origin !== undefined) {
      throw new VapiError('UNAUTHORIZED', 'Web pages may not call the admin listener.');
    }
    const { token } = options;
    if (token !== undefined && !equalSecrets(request.headers.authorization ?? '', `Bearer ${token}`)) {
      throw new VapiError('UNAUTHENTICATED', 'Send the admin token as Authorization: Bearer.', {
        challenge: 'Bearer',
      });
    }
    next();
  });
}

function healthRoutes(app: Express, { services, context }: AdminOptions): void {
  app.get('/livez', (_request, response) => void response.json({ status: 'ok' }));
  app.get('/readyz', (_request, response) => {
    const report = [...services].map((service) => ({ name: service.name, ...service.health() }));
    const down = report.some((row) => row.status === 'down');
    response.status(down ? 503 : 200).json({ status: down ? 'down' : 'ok', services: report });
  });
  app.get(
    '/version',
    (_request, response) => void response.json({ version: VERSION, node: process.version }),
  );
  app.get('/metrics', async (_request, response) => {
    response.type('text/plain; version=0.0.4').send(await context.metrics.render());
  });
}

function faultRoutes(app: Express, { faults }: ServiceContext): void {
  app.get('/faults', (request, response) => {
    validate(z.strictObject({}), request.query, 'The query');
    response.json(faults.list());
  });
  app.post('/faults', ...adminBody(), (request, response) => {
    response.status(201).json(faults.add(validate(faultSpecSchema, request.body)));
  });
  app.get('/faults/words', (_request, response) => void response.json(faults.vocabularies()));
  app.delete('/faults', (_request, response) => {
    faults.clear();
    response.status(204).end();
  });
  app.delete('/faults/:id', (request, response) => {
    if (!faults.remove(request.params.id)) {
      throw new VapiError('NOT_FOUND', 'There is no fault of that id; GET /faults lists them.');
    }
    response.status(204).end();
  });
}

function clockRoutes(app: Express, { clock }: ServiceContext): void {
  app.get('/clock', (_request, response) => void response.json(clockReading(clock)));
  app.post('/clock', ...adminBody(), (request, response) => {
    if (!(clock instanceof AdjustableClock)) {
      throw new VapiError('UNSUPPORTED', 'This service runs with the machine clock, which cannot be moved.');
    }
    const change = validate(clockChange, request.body);
    if ('advance_ms' in change) clock.advance(change.advance_ms);
    else if ('set' in change) clock.set(Date.parse(change.set));
    else clock.reset();
    response.json(clockReading(clock));
  });
}

function clockReading(clock: ServiceContext['clock']): { now: string; offset_ms: number } {
  return {
    now: new Date(clock.now()).toISOString(),
    offset_ms: clock instanceof AdjustableClock ? clock.offsetMs : 0,
  };
}
