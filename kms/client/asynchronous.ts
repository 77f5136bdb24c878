import { setTimeout as sleep } from 'node:timers/promises';

import type { NameIn, RequestPayload, ResponsePayload, TypedOperation } from '../../wire/kmip/index.js';
import { CryptographicOperations } from './cryptography.js';
import type { Performer } from './performer.js';
import type { BatchResult } from './session.js';
import { onlyPayload } from './session.js';

/** How often a result is asked for. */
export interface WaitOptions {
  /** Milliseconds between two polls; 200 if absent. */
  readonly everyMs?: number | undefined;
  /** Ends the waiting, not the request. */
  readonly signal?: AbortSignal | undefined;
}

/** What Query Asynchronous Requests tells of a request. KMIP 2.1 §7.2. */
export type OutstandingRequest = NonNullable<
  ResponsePayload<'QueryAsynchronousRequests'>['asynchronousRequests']
>[number];

const POLL_EVERY_MS = 200;

/** A request that the server performs after it answered. */
export class SubmittedRequest<O extends TypedOperation> {
  /** By which the server knows it; undefined if it was answered at once. */
  readonly correlationValue: Buffer | undefined;
  readonly #performer: Performer;
  #results: readonly BatchResult[];

  constructor(performer: Performer, results: readonly BatchResult[]) {
    this.#performer = performer;
    this.#results = results;
    this.correlationValue = results[0]?.pending;
  }

  /** Asks once; undefined if it is still under way. KMIP 1.4 §4.28, KMIP 2.1 §6.1.38. @throws KmipError if it failed */
  async poll(): Promise<ResponsePayload<O> | undefined> {
    const [known] = this.#results;
    if (known?.pending) {
      const payload = { asynchronousCorrelationValue: known.pending };
      this.#results = await this.#performer.request([{ operation: 'Poll', payload }]);
    }
    return this.#results[0]?.pending ? undefined : onlyPayload<O>(this.#results);
  }

  /** Asks until it is over. @throws KmipError if it failed; the signal's reason if it was given up */
  async result({ everyMs = POLL_EVERY_MS, signal }: WaitOptions = {}): Promise<ResponsePayload<O>> {
    for (;;) {
      const answer = await this.poll();
      if (answer) return answer;
      await sleep(everyMs, undefined, { signal });
    }
  }

  /** Has the server begin with it now; KMIP 2.1 §6.1.39. Does nothing if it was answered at once. */
  async process(): Promise<void> {
    const { correlationValue } = this;
    if (correlationValue)
      await this.#performer.perform('Process', { asynchronousCorrelationValue: correlationValue });
  }

  /** Asks that it be given up; tells what became of that. KMIP 1.4 §4.27, KMIP 2.1 §6.1.5. */
  async cancel(): Promise<NameIn<'CancellationResult'> | number> {
    const { correlationValue } = this;
    if (!correlationValue) return 'Completed';
    const payload = { asynchronousCorrelationValue: correlationValue };
    return (await this.#performer.perform('Cancel', payload)).cancellationResult;
  }
}

/** Requests that are answered later. */
export abstract class AsynchronousOperations extends CryptographicOperations {
  /**
   * Has an operation performed asynchronously. In KMIP 1.x, and with `Optional`, the server may answer at once
   * nevertheless. KMIP 1.4 §6.7, KMIP 2.1 §9.2.
   *
   * @throws KmipError if the server takes no such request
   */
  async submit<O extends TypedOperation>(
    operation: O,
    payload: RequestPayload<O>,
    asynchronousIndicator: 'Mandatory' | 'Optional' = 'Mandatory',
  ): Promise<SubmittedRequest<O>> {
    const results = await this.request([this.item(operation, payload)], { asynchronousIndicator });
    const [only] = results;
    if (only?.error) throw only.error;
    return new SubmittedRequest<O>(this, results);
  }

  /** The requests of this client that are under way; KMIP 2.1 §6.1.41. */
  async queryAsynchronousRequests(
    correlationValues: readonly Buffer[] = [],
  ): Promise<readonly OutstandingRequest[]> {
    const values = correlationValues.length === 0 ? undefined : { values: correlationValues };
    const answer = await this.perform('QueryAsynchronousRequests', { asynchronousCorrelationValues: values });
    return answer.asynchronousRequests ?? [];
  }
}
