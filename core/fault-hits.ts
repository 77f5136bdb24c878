import type { ServiceContext } from './context.js';
import type { FaultVocabulary } from './fault-vocabulary.js';
import type { Metrics } from './metrics.js';

type Count = (...labels: string[]) => void;

/** One counter for each registry, however many services and restarts it sees. */
const COUNTERS = new WeakMap<Metrics, Count>();

/**
 * Makes a service's words known to the faults, and has every fault that strikes it noted in its journal and counted
 * in `kpsim_faults_injected_total`: also where nothing is answered, so that nothing else would be noted.
 */
export function announceFaults(service: string, context: ServiceContext, vocabulary: FaultVocabulary): void {
  const count = counterOf(context.metrics);
  context.faults.know(service, vocabulary, ({ id, kind, operation, client, object }) => {
    count(service, kind);
    context.journal.record({
      operation,
      client,
      outcome: `injected fault: ${kind}`,
      details: { fault: id, kind, ...(object !== undefined && { object }) },
    });
  });
}

function counterOf(metrics: Metrics): Count {
  let count = COUNTERS.get(metrics);
  if (!count) {
    const help = 'Requests and connections that an injected fault struck, by service and kind of fault.';
    count = metrics.tally('kpsim_faults_injected_total', help, ['service', 'kind']);
    COUNTERS.set(metrics, count);
  }
  return count;
}
