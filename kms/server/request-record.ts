import { StandingDetails } from '../../core/journal.js';
import type { Journal } from '../../core/journal.js';
import type { ProtocolVersionName, RequestMessage, ResponseBatchItem } from '../../wire/kmip/index.js';
import type { Client } from './identity.js';
import { SECRET_FIELDS } from './masking.js';
import type { KmsMetrics } from './metrics.js';
import type { Outcome } from './outcome.js';

/** What is recorded of a Get and others like it: the same but for the object. */
export class StandingRecord {
  readonly operation: string;
  readonly outcome: string;
  /** Counts the item once more. */
  readonly count: () => void;
  readonly #details: StandingDetails;

  /** @param details of a Get of any of the objects */
  constructor(operation: string, outcome: string, count: () => void, details: StandingDetails) {
    this.operation = operation;
    this.outcome = outcome;
    this.count = count;
    this.#details = details;
  }

  /** The details of a Get of one object. */
  about(uniqueIdentifier: string, serverCorrelationValue: string): Pick<StandingDetails, 'fields'> {
    return new DetailsOfOne(this.#details, uniqueIdentifier, serverCorrelationValue);
  }
}

/** Details of a Get of one object, which are put together only when the journal is read. */
class DetailsOfOne {
  readonly #details: StandingDetails;
  readonly #uniqueIdentifier: string;
  readonly #serverCorrelationValue: string;

  constructor(details: StandingDetails, uniqueIdentifier: string, serverCorrelationValue: string) {
    this.#details = details;
    this.#uniqueIdentifier = uniqueIdentifier;
    this.#serverCorrelationValue = serverCorrelationValue;
  }

  get fields(): StandingDetails['fields'] {
    const { fields } = this.#details;
    const serverCorrelationValue = this.#serverCorrelationValue;
    const of = (payload: unknown): object => ({
      ...(payload as object),
      uniqueIdentifier: this.#uniqueIdentifier,
    });
    return { serverCorrelationValue, ...fields, request: of(fields.request), response: of(fields.response) };
  }
}

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
    for (const [index, { item }] of outcomes.entries()) {
      const operation = operationNameOf(item);
      const outcome = outcomeOf(item);
      this.#metrics.count(operation, outcome);
      const details = { serverCorrelationValue, ...detailsOf(request, index, protocolVersion, item) };
      this.#journal.record({ operation, client: client.name, outcome, details }, SECRET_FIELDS);
    }
  }

  /** What is to be recorded of each Get that is answered as this one was. */
  standing(
    request: RequestMessage,
    protocolVersion: ProtocolVersionName,
    item: ResponseBatchItem,
  ): StandingRecord {
    const operation = operationNameOf(item);
    const outcome = outcomeOf(item);
    const details = new StandingDetails(detailsOf(request, 0, protocolVersion, item), SECRET_FIELDS);
    return new StandingRecord(operation, outcome, this.#metrics.count.of(operation, outcome), details);
  }

  /** A Get that was answered as others were. */
  answeredAlike(
    record: StandingRecord,
    uniqueIdentifier: string,
    client: Client,
    serverCorrelationValue: string,
  ): void {
    const { operation, outcome } = record;
    record.count();
    this.#journal.record({
      operation,
      client: client.name,
      outcome,
      standing: record.about(uniqueIdentifier, serverCorrelationValue),
    });
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

function operationNameOf({ operation }: ResponseBatchItem): string {
  return nameOr('unknown', operation ?? 'none');
}

function outcomeOf({ resultStatus, resultReason }: ResponseBatchItem): string {
  return resultStatus === 'Success' ? 'success' : String(resultReason ?? resultStatus);
}

function detailsOf(
  { header: { clientCorrelationValue }, batchItems }: RequestMessage,
  index: number,
  protocolVersion: ProtocolVersionName,
  { responsePayload, resultMessage }: ResponseBatchItem,
) {
  return {
    protocolVersion,
    clientCorrelationValue,
    request: batchItems[index]?.requestPayload,
    response: responsePayload,
    message: resultMessage,
  };
}

/** A value by its name; numbers that clients made up would be counted one by one, without end. */
function nameOr(substitute: string, value: string | number): string {
  return typeof value === 'string' ? value : substitute;
}
