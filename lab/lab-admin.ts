import { startAdmin } from '../core/admin.js';
import type { AdminServer } from '../core/admin.js';
import { journalOf } from '../core/admin-journal.js';
import type { ServiceContext } from '../core/context.js';
import { VapiError } from '../core/http/index.js';
import { Journal } from '../core/journal.js';
import type { JournalEntry } from '../core/journal.js';
import type { Service } from '../core/lifecycle.js';
import { Metrics } from '../core/metrics.js';
import { attestationRoutes } from './attest/admin-routes.js';
import type { Ground } from './ground.js';
import type { LabHost } from './services/host.js';

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

/** An entry of a lab's journal: that of one service, and which. */
interface LabJournalEntry extends JournalEntry {
  readonly service: string;
}

/** The journals of all services of a lab as one, in the order of time. */
class LabJournal extends Journal {
  readonly #contexts: ReadonlyMap<string, ServiceContext>;

  constructor(contexts: ReadonlyMap<string, ServiceContext>) {
    super(0);
    this.#contexts = contexts;
  }

  override entries(last?: number): readonly LabJournalEntry[] {
    const all = [...this.#contexts].flatMap(([service, { journal }]) =>
      journal.entries(last).map((entry) => ({ service, ...entry })),
    );
    // A stable sort on texts of one form: entries of one service stay in their order.
    all.sort((left, right) => (left.time < right.time ? -1 : left.time > right.time ? 1 : 0));
    return last === undefined ? all : all.slice(-last);
  }

  override clear(): void {
    for (const { journal } of this.#contexts.values()) journal.clear();
  }
}

/** What a lab's admin listener asks about the lab, which is still being made when it starts. */
export interface LabOutlook {
  /** Whether the lab is configured; until then `/readyz` says no. */
  readonly isReady: () => boolean;
  /** Its hosts, as far as they are started. */
  readonly hosts: () => readonly LabHost[];
}

/**
 * Starts the admin listener of a lab: that of all its services, with their metrics and journals together, with the
 * journal of each at `/services/{name}/journal`, and with attestation failures at `/attestation`.
 */
export async function startLabAdmin(
  ground: Ground,
  wantedPort: number,
  { isReady, hosts }: LabOutlook,
): Promise<AdminServer> {
  const { contexts } = ground;
  const own = await ground.ownContext(LAB);
  const itself: Pick<Service, 'name' | 'health'> = {
    name: LAB,
    health: () =>
      isReady()
        ? { status: 'ok', details: [] }
        : { status: 'down', details: ['The lab is being configured; wait for its Ready line.'] },
  };
  const server = await startAdmin({
    services: {
      *[Symbol.iterator]() {
        yield itself;
        yield* ground.services;
      },
    },
    context: { ...own, metrics: new LabMetrics(contexts), journal: new LabJournal(contexts) },
    port: ground.port(LAB, 'admin', wantedPort),
    extend: (app) => {
      app.get('/services', (_request, response) => void response.json([...contexts.keys()]));
      app.get('/services/:name/journal', (request, response) => {
        const found = contexts.get(request.params.name);
        if (!found) {
          throw new VapiError('NOT_FOUND', `There is no such service; GET /services lists them.`);
        }
        response.json(journalOf(found.journal, request.query));
      });
      attestationRoutes(app, hosts);
    },
  });
  ground.state.keepPort(`${LAB}/admin`, server.port);
  return server;
}
