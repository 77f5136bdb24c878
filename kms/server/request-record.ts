import type { Journal } from '../../core/journal.js';
import type { ProtocolVersionName, RequestMessage } from '../../wire/kmip/index.js';
import type { Client } from './identity.js';
import { SECRET_FIELDS } from './masking.js';
import type { KmsMetrics } from './metrics.js';
import type { Outcome } from './outcome.js';

/** Counts and journals what was answered, item by item. */
export class RequestRecord {
  readonly #metrics: KmsMetrics;
  readonly #journal: Journal;

  constructor(metrics: KmsMetrics, journal: Journal) {
    this.#metrics = metrics;
    this.#journal = journal;
  }

  /** A request whose items were answered. */
  answered(
    request: RequestMessage,
    client: Client,
    protocolVersion: ProtocolVersionName,
    outcomes: readonly Outcome[],
    serverCorrelationValue: string,
  ): void {
    const { clientCorrelationValue } = request.header;
    for (const [index, { item }] of outcomes.entries()) {
      const operation = nameOr('unknown', item.operation ?? 'none');
      const outcome =
        item.resultStatus === 'Success' ? 'success' : String(item.resultReason ?? item.resultStatus);
      this.#metrics.count(operation, outcome);
      const details = {
        protocolVersion,
        clientCorrelationValue,
        serverCorrelationValue,
        request: request.batchItems[index]?.requestPayload,
        response: item.responsePayload,
        message: item.resultMessage,
      };
      this.#journal.record({ operation, client: client.name, outcome, details }, SECRET_FIELDS);
    }
  }

  /** A message that was refused as a whole. */
  refused(
    client: Client,
    protocolVersion: ProtocolVersionName,
    { item: { resultReason, resultMessage } }: Outcome,
    serverCorrelationValue: string,
  ): void {
    const outcome = String(resultReason);
    this.#metrics.count('none', outcome);
    this.#journal.record({
      operation: 'none',
      client: client.name,
      outcome,
      details: { protocolVersion, serverCorrelationValue, message: resultMessage },
    });
  }
}

/** A value by its name; numbers that clients made up would be counted one by one, without end. */
function nameOr(substitute: string, value: string | number): string {
  return typeof value === 'string' ? value : substitute;
}
