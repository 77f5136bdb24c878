import type { Metrics } from '../../core/metrics.js';

/** The numbers that a key server counts. */
export type KmsMetrics = ReturnType<typeof kmsMetrics>;

/** Registers a key server's metrics. */
export function kmsMetrics(metrics: Metrics) {
  return {
    /** Counts one batch item. */
    count: metrics.tally('kmip_operations_total', 'Batch items answered, by operation and outcome', [
      'operation',
      'outcome',
    ]),
    /** Counts a request by its duration, in seconds. */
    took: metrics.durations('kmip_request_duration_seconds', 'From the last byte of a request to its answer'),
    connections: metrics.gauge('kmip_connections', 'Open client connections'),
    loadingKeys: metrics.gauge(
      'kmip_keys_loading',
      '1 from the start until the keys of the store are in memory, 0 afterwards',
    ),
    refusedConnections: metrics.counter('kmip_connections_refused_total', 'Connections refused, by reason', [
      'reason',
    ]),
  };
}
