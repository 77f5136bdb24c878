import type { Clock } from './clock.js';
import { systemClock } from './clock.js';
import { FaultRegistry } from './faults.js';
import { Journal } from './journal.js';
import type { Logger } from './logging.js';
import { silentLogger } from './logging.js';
import { Metrics } from './metrics.js';
import type { Rng } from './rng.js';
import { systemRng } from './rng.js';

/** What a service is given besides its configuration; nothing of it is global. */
export interface ServiceContext {
  readonly clock: Clock;
  /** For ids and choices, never for key material. */
  readonly rng: Rng;
  readonly log: Logger;
  readonly faults: FaultRegistry;
  readonly journal: Journal;
  readonly metrics: Metrics;
  /** A directory of the service's own, which exists already. */
  readonly dataDir: string;
}

/** A context with the system's clock and generator and a silent log, unless told otherwise. */
export function createContext(
  overrides: Partial<ServiceContext> & Pick<ServiceContext, 'dataDir'>,
): ServiceContext {
  const clock = overrides.clock ?? systemClock;
  const rng = overrides.rng ?? systemRng;
  return {
    log: silentLogger,
    faults: new FaultRegistry(rng),
    journal: new Journal(1000, clock),
    metrics: new Metrics(),
    ...overrides,
    clock,
    rng,
  };
}
