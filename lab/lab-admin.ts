import { startAdmin } from '../core/admin.js';
import type { AdminServer } from '../core/admin.js';
import type { ServiceContext } from '../core/context.js';
import { VapiError, validate } from '../core/http/index.js';
import { Metrics } from '../core/metrics.js';
import { z } from 'zod';
import type { Ground } from './ground.js';

const LAB = 'lab';

/** The metrics of all services of a lab, each with the label `service`. */
class LabMetrics extends Metrics {
  readonly #contexts: ReadonlyMap<string, ServiceContext>;

  constructor(contexts: ReadonlyMap<string, ServiceContext>) {
    super();
    this.#contexts = contexts;
  }

  override render(): Promise<string> {
    return Metrics.renderTogether(new Map([...this.#contexts].map(([name, { metrics }]) => [name, metrics])));
  }
}

/**
 * Starts the admin listener of a lab: that of all its services, with their metrics together, and with the journal of
 * each at `/services/{name}/journal`.
 */
export async function startLabAdmin(ground: Ground, port: number): Promise<AdminServer> {
  const { contexts } = ground;
  const own = await ground.ownContext(LAB);
  return startAdmin({
    services: ground.services,
    context: { ...own, metrics: new LabMetrics(contexts) },
    port,
    extend: (app) => {
      app.get('/services', (_request, response) => void response.json([...contexts.keys()]));
      app.get('/services/:name/journal', (request, response) => {
        const found = contexts.get(request.params.name);
        if (!found) {
          throw new VapiError('NOT_FOUND', `There is no such service; GET /services lists them.`);
        }
        const query = validate(
          z.strictObject({ last: z.coerce.number().int().min(1).max(100_000).optional() }),
          request.query,
          'The query',
        );
        response.json(found.journal.entries(query.last));
      });
    },
  });
}
