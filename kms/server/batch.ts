import type { ServiceContext } from '../../core/context.js';
import type { Promised } from '../../core/promised.js';
import { zeroise } from '../../core/secret.js';
import type { KmipError } from '../../wire/kmip/index.js';
import { PROTOCOL_VERSIONS, peekProtocolVersion } from '../../wire/kmip/index.js';
import type { ProtocolVersionName, RequestMessage } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { ObjectRepository } from '../objects/repository.js';
import type { Answer, EncodedAnswer } from './answers.js';
import { Answers } from './answers.js';
import { Attestation } from './attestation.js';
import { operationOf } from './batch-run.js';
import type { Client, IdentityPolicy } from './identity.js';
import type { KmsMetrics } from './metrics.js';
import { pending } from './outcome.js';
import { PreparedAnswers } from './prepared-answers.js';
import { demandSound, negotiated, readRequest } from './request-header.js';
import type { Caller } from './request-performer.js';
import { RequestPerformer } from './request-performer.js';
import { RequestRecord } from './request-record.js';
import type { ServerState } from './state.js';

/** Turns request messages into response messages; knows nothing of sockets. */
export class BatchProcessor {
  readonly #config: KmsConfig;
  readonly #context: ServiceContext;
  readonly #repository: ObjectRepository;
  readonly #identity: IdentityPolicy;
  readonly #attestation: Attestation;
  readonly #server: ServerState;
  readonly #answers: Answers;
  readonly #record: RequestRecord;
  readonly #performer: RequestPerformer;
  readonly #newestVersion: ProtocolVersionName;
  readonly #prepared = new PreparedAnswers();

  constructor(parts: {
    readonly config: KmsConfig;
    readonly context: ServiceContext;
    readonly repository: ObjectRepository;
    readonly identity: IdentityPolicy;
    readonly server: ServerState;
    readonly metrics: KmsMetrics;
  }) {
    this.#config = parts.config;
    this.#context = parts.context;
    this.#repository = parts.repository;
    this.#identity = parts.identity;
    this.#attestation = new Attestation(parts.config.attestation, parts.context);
    this.#server = parts.server;
    this.#record = new RequestRecord(parts.metrics, parts.context.journal);
    this.#answers = new Answers({ ...parts, record: this.#record });
    this.#performer = new RequestPerformer({
      ...parts,
      attestation: this.#attestation,
      answers: this.#answers,
      record: this.#record,
      prepared: this.#prepared,
    });
    const { protocolVersions } = parts.config;
    this.#newestVersion = PROTOCOL_VERSIONS.findLast((name) => protocolVersions.includes(name)) ?? '1.0';
  }

  /** Answers one request message. Never rejects: whatever goes wrong becomes an answer. */
  answer(bytes: Buffer, connected: Client): Promised<Answer> {
    return this.#answerPrepared(bytes, connected) ?? this.#answerAnew(bytes, connected);
  }

  /** The answer that others had before, if this is the same but for the key. */
  #answerPrepared(received: Buffer, client: Client): Answer | undefined {
    const { keys } = this.#repository;
    if (!keys || !this.#context.faults.isEmpty) return undefined;
    const nowSeconds = Math.floor(this.#context.clock.now() / 1000);
    const prepared = this.#prepared.find(received, client, keys, nowSeconds);
    if (!prepared) return undefined;
    const { record, uniqueIdentifier, bytes } = prepared;
    this.#record.answeredAlike(record, uniqueIdentifier, client, this.#server.nextCorrelationValue());
    return { bytes, delivery: 'send' };
  }

  async #answerAnew(bytes: Buffer, connected: Client): Promise<Answer> {
    let version: ProtocolVersionName = this.#newestVersion;
    try {
      version = negotiated(peekProtocolVersion(bytes), this.#config.protocolVersions);
      const request = readRequest(bytes);
      demandSound(request, this.#config, this.#context.clock.now() / 1000);
      const caller = this.#callerOf(request, connected);
      if (this.#server.asynchronous.takes(request, caller.client, bytes.length))
        return this.#submit(bytes, version, caller);
      return await this.#performer.perform(request, version, caller, { received: bytes });
    } catch (error) {
      return this.#answers.refusal(error, version, connected);
    }
  }

  /** The answer to bytes that are no message at all. */
  answerGarbage(error: KmipError, connected: Client): Answer {
    return this.#answers.refusal(error, this.#newestVersion, connected);
  }

  /** Takes a request to be performed later, from bytes of its own: those received are the connection's. */
  #submit(received: Buffer, version: ProtocolVersionName, caller: Caller): Answer {
    const bytes = Buffer.from(received);
    const { header, batchItems } = readRequest(bytes);
    const submitted = {
      operations: batchItems.map(({ operation }) => operation),
      byteCount: bytes.length,
    };
    const { asynchronous } = this.#server;
    const values = asynchronous.submit(caller.client, submitted, async (progress) => {
      const request = { header: { ...header, maximumResponseSize: undefined }, batchItems };
      const answer = await this.#performer.perform(request, version, caller, { progress });
      zeroise(bytes);
      return answer;
    });
    const outcomes = batchItems.map((item, index) => pending(item, values[index]));
    let answer: EncodedAnswer;
    try {
      answer = this.#answers.encodeFitting(header, version, outcomes, {
        serverHashedPassword: caller.serverHashedPassword,
        clientCorrelationValue: header.clientCorrelationValue,
      });
    } catch (error) {
      for (const value of values) asynchronous.cancel(caller.client, value);
      throw error;
    }
    this.#record.answered(
      { header, batchItems },
      caller.client,
      version,
      outcomes,
      answer.serverCorrelationValue,
    );
    return { bytes: answer.bytes, delivery: 'send' };
  }

  /** Whom the request speaks for; told once, as what proves it may count only once. @throws KmipError */
  #callerOf(request: RequestMessage, connected: Client): Caller {
    const needsCredential = request.batchItems.some((item) => operationOf(item)?.open !== true);
    const credentials = request.header.authentication?.credentials ?? [];
    const { client, serverHashedPassword } = this.#identity.authenticate(
      connected,
      credentials,
      needsCredential,
    );
    return { client, serverHashedPassword, attestation: this.#attestation.claimOf(request.header) };
  }
}
