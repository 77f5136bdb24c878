import type { ServiceContext } from '../../core/context.js';
import {
  KmipError,
  encodeResponse,
  protocolVersionOf,
  rankOf,
  recycleMessage,
} from '../../wire/kmip/index.js';
import type { ProtocolVersionName, RequestHeader } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { AttestationOffer } from './attestation.js';
import type { Delivery } from './faults.js';
import type { Authenticated, Client } from './identity.js';
import type { Outcome } from './outcome.js';
import { failedWhole } from './outcome.js';
import type { RequestRecord } from './request-record.js';
import type { ServerState } from './state.js';
import { kmipErrorOf } from './failures.js';

/** An answer and what is to become of it. */
export interface Answer {
  /** The response message; empty if none is to be sent. */
  readonly bytes: Buffer;
  readonly delivery: Delivery;
}

/** A response message, and what it is called by. */
export interface EncodedAnswer {
  readonly bytes: Buffer;
  readonly serverCorrelationValue: string;
}

/** What response headers hold besides what all of them do. */
export type HeaderExtra = Partial<AttestationOffer> &
  Partial<Pick<Authenticated, 'serverHashedPassword'>> &
  Pick<RequestHeader, 'clientCorrelationValue'>;

/** Makes response messages. */
export class Answers {
  readonly #limitBytes: number;
  readonly #context: ServiceContext;
  readonly #server: ServerState;
  readonly #record: RequestRecord;

  constructor(parts: {
    readonly config: KmsConfig;
    readonly context: ServiceContext;
    readonly server: ServerState;
    readonly record: RequestRecord;
  }) {
    this.#limitBytes = parts.config.limits.responseBytes;
    this.#context = parts.context;
    this.#server = parts.server;
    this.#record = parts.record;
  }

  /**
   * Encodes a response. The Server Correlation Value goes to those who gave a Client Correlation Value: clients of
   * KMIP 1.4 are about that know neither field, and read no further. It is journaled for all (KMIP 1.4 §6.19).
   *
   * @throws KmipError if the answer is larger than any may be, or has what the version cannot express
   */
  encode(version: ProtocolVersionName, outcomes: readonly Outcome[], extra: HeaderExtra = {}): EncodedAnswer {
    const serverCorrelationValue = this.#server.nextCorrelationValue();
    const bytes = encodeResponse(
      {
        header: {
          protocolVersion: protocolVersionOf(version),
          timeStamp: Math.floor(this.#context.clock.now() / 1000),
          nonce: extra.nonce,
          serverHashedPassword: extra.serverHashedPassword,
          attestationTypes: extra.attestationTypes,
          serverCorrelationValue:
            extra.clientCorrelationValue === undefined ? undefined : serverCorrelationValue,
          batchCount: outcomes.length,
        },
        batchItems: outcomes.map(({ item }) => item),
      },
      this.#limitBytes,
    );
    return { bytes, serverCorrelationValue };
  }

  /**
   * As {@link encode}, for one who takes no more than so much.
   *
   * @throws KmipError also if the answer is larger than its requester takes
   */
  encodeFitting(
    header: RequestHeader,
    version: ProtocolVersionName,
    outcomes: readonly Outcome[],
    extra: HeaderExtra,
  ): EncodedAnswer {
    const answer = this.encode(version, outcomes, extra);
    const { maximumResponseSize } = header;
    const { length } = answer.bytes;
    if (maximumResponseSize === undefined || length <= maximumResponseSize) return answer;
    recycleMessage(answer.bytes);
    throw new KmipError(
      'ResponseTooLarge',
      `The response has ${length} bytes; ${maximumResponseSize} are allowed.`,
    );
  }

  /** Refuses a message as a whole, with one batch item without operation (KMIP 1.4 §11.1), and records that. */
  refusal(cause: unknown, version: ProtocolVersionName, client: Client): Answer {
    const outcome = failedWhole(this.errorOf(cause), rankOf(version));
    const { bytes, serverCorrelationValue } = this.encode(version, [outcome]);
    this.#record.refused(client, version, outcome, serverCorrelationValue);
    return { bytes, delivery: 'send' };
  }

  /** What a client is told of what was thrown. */
  errorOf(cause: unknown): KmipError {
    return kmipErrorOf(cause, this.#context.log);
  }
}
