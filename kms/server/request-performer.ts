import type { ServiceContext } from '../../core/context.js';
import { KmipError, rankOf, recycleMessage } from '../../wire/kmip/index.js';
import type { ProtocolVersionName, RequestMessage, ResponsePayload } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { ObjectRepository } from '../objects/repository.js';
import { Workspace } from '../objects/workspace.js';
import { StoreConflict } from '../store.js';
import type { Answer, Answers, EncodedAnswer } from './answers.js';
import type { AsynchronousProgress } from './asynchronous.js';
import type { Attestation, AttestationClaim, AttestationOffer } from './attestation.js';
import type { Run } from './batch-run.js';
import { BatchRunner } from './batch-run.js';
import { RequestEffects } from './effects.js';
import { FaultInterrupt, RequestFaults } from './faults.js';
import type { Authenticated, Client } from './identity.js';
import type { Outcome } from './outcome.js';
import { failed, notCommitted } from './outcome.js';
import type { PreparedAnswers } from './prepared-answers.js';
import type { RequestRecord, StandingRecord } from './request-record.js';
import { RequestScope } from './scope.js';
import { SearchBudget } from './search-budget.js';
import type { ServerState } from './state.js';
import { commitFailure } from './failures.js';

/** Requests that lose a race for an object are redone this often before they fail; each time another one has won. */
const CONFLICT_LIMIT = 64;

/** Whom a request speaks for. */
export interface Caller extends Authenticated {
  readonly attestation: AttestationClaim;
}

/** Performs requests: runs their batches, makes what they changed durable, and answers. */
export class RequestPerformer {
  readonly #config: KmsConfig;
  readonly #context: ServiceContext;
  readonly #repository: ObjectRepository;
  readonly #attestation: Attestation;
  readonly #server: ServerState;
  readonly #runner: BatchRunner;
  readonly #answers: Answers;
  readonly #record: RequestRecord;
  readonly #prepared: PreparedAnswers;

  constructor(parts: {
    readonly config: KmsConfig;
    readonly context: ServiceContext;
    readonly repository: ObjectRepository;
    readonly attestation: Attestation;
    readonly server: ServerState;
    readonly answers: Answers;
    readonly record: RequestRecord;
    /** Where the forms of answers are kept. */
    readonly prepared: PreparedAnswers;
  }) {
    this.#config = parts.config;
    this.#context = parts.context;
    this.#repository = parts.repository;
    this.#attestation = parts.attestation;
    this.#server = parts.server;
    this.#runner = new BatchRunner(parts.attestation, parts.context.log);
    this.#answers = parts.answers;
    this.#record = parts.record;
    this.#prepared = parts.prepared;
  }

  /**
   * Performs a request and answers it. Never rejects: whatever goes wrong becomes an answer.
   *
   * @param how.progress of a request that is performed after it was answered
   * @param how.received its bytes, if it is answered at once
   */
  async perform(
    request: RequestMessage,
    version: ProtocolVersionName,
    caller: Caller,
    how: { readonly progress?: AsynchronousProgress; readonly received?: Buffer },
  ): Promise<Answer> {
    const run: Run = {
      faults: new RequestFaults(this.#context.faults, this.#config.name),
      grant: this.#server.tickets.grantOf(caller.client)?.forRequest(),
      effects: new RequestEffects(),
      searchBudget: new SearchBudget(this.#config.limits.searchedObjects),
      progress: how.progress,
      received: how.received,
    };
    const lease = this.#repository.beginRequest();
    try {
      for (let count = 1; ; count += 1) {
        const answer = await this.#attempt(request, version, caller, run);
        if (answer) return answer;
        if (count === CONFLICT_LIMIT) {
          throw new KmipError(
            'GeneralFailure',
            'Each time another request had changed the same objects first, or this server reads them as they were a while ago (a node that lags behind). Try again later.',
          );
        }
      }
    } catch (error) {
      run.effects.undo();
      if (error instanceof FaultInterrupt) return { bytes: Buffer.alloc(0), delivery: error.delivery };
      return this.#answers.refusal(error, version, caller.client);
    } finally {
      run.effects.done();
      this.#repository.endRequest(lease);
    }
  }

  /** Runs the batch once; undefined if another request changed one of its objects first, and it must be run again. */
  async #attempt(
    request: RequestMessage,
    version: ProtocolVersionName,
    { client, attestation, serverHashedPassword }: Caller,
    run: Run,
  ): Promise<Answer | undefined> {
    const workspace = new Workspace(this.#repository);
    const scope = new RequestScope({
      rng: this.#context.rng,
      clock: this.#context.clock,
      config: this.#config,
      client,
      attestation,
      version,
      rank: rankOf(version),
      workspace,
      server: this.#server,
      grant: run.grant,
      effects: run.effects,
      searchBudget: run.searchBudget,
    });
    let outcomes = await this.#runner.run(request, scope, run);

    const { clientCorrelationValue } = request.header;
    const extra = { ...this.#offerFor(outcomes), serverHashedPassword, clientCorrelationValue };
    let answer: EncodedAnswer;
    try {
      answer = this.#answers.encodeFitting(request.header, version, outcomes, extra);
      const noRoom = run.progress?.keep(answer.bytes);
      if (noRoom) {
        recycleMessage(answer.bytes);
        throw noRoom;
      }
    } catch (error) {
      run.effects.undo();
      return this.#refuseUnanswerable(this.#answers.errorOf(error), request, version, client);
    }
    const problem = workspace.changed ? await this.#commit(workspace) : undefined;
    if (problem) recycleMessage(answer.bytes);
    if (problem instanceof StoreConflict) return undefined;
    if (problem) {
      run.effects.undo();
      outcomes = outcomes.map((outcome) => notCommitted(outcome, problem));
      answer = this.#answers.encode(version, outcomes, extra);
    }
    this.#record.answered(request, client, version, outcomes, answer.serverCorrelationValue);
    if (!workspace.changed && run.grant === undefined && run.faults.isEmpty) {
      this.#prepare(request, client, version, outcomes, answer.bytes, run.received);
    }
    return { bytes: answer.bytes, delivery: run.faults.delivery };
  }

  /** Keeps a key and the form of its answer for the next Get. */
  #prepare(
    request: RequestMessage,
    client: Client,
    version: ProtocolVersionName,
    [outcome]: readonly Outcome[],
    bytes: Buffer,
    received: Buffer | undefined,
  ): void {
    const { operation, resultStatus, responsePayload } = outcome?.item ?? {};
    if (!received || operation !== 'Get' || resultStatus !== 'Success') return;
    const { uniqueIdentifier, object: value } = responsePayload as ResponsePayload<'Get'>;
    const { keys } = this.#repository;
    const object = this.#repository.held(uniqueIdentifier);
    if (!keys || object?.value !== value) return;
    this.#repository.keepKey(object);
    const item = { operation, resultStatus, responsePayload };
    const record = (): StandingRecord => this.#record.standing(request, version, item);
    this.#prepared.keep(request, client, keys, { received, answer: bytes, record });
  }

  #offerFor(outcomes: readonly Outcome[]): AttestationOffer | undefined {
    const needed = outcomes.some(({ item }) => item.resultReason === 'AttestationRequired');
    return needed ? this.#attestation.offer() : undefined;
  }

  /** Makes changes durable. @returns why they are not, and must be done again or reported as failed */
  async #commit(workspace: Workspace): Promise<StoreConflict | KmipError | undefined> {
    try {
      const forgone = await workspace.commit();
      if (forgone !== undefined) this.#context.log.warn({ err: forgone }, 'a note could not be made durable');
      return undefined;
    } catch (error) {
      if (error instanceof StoreConflict) return error;
      this.#context.log.error({ err: error }, 'a request could not be made durable');
      return commitFailure(error);
    }
  }

  /** An only item fails by itself; for several there might be no room even for their failures. */
  #refuseUnanswerable(
    error: KmipError,
    request: RequestMessage,
    version: ProtocolVersionName,
    client: Client,
  ): Answer {
    const [only, ...others] = request.batchItems;
    if (!only || others.length > 0) throw error;
    const outcomes = [failed(only, error, rankOf(version))];
    const { bytes, serverCorrelationValue } = this.#answers.encode(version, outcomes, {
      clientCorrelationValue: request.header.clientCorrelationValue,
    });
    this.#record.answered(request, client, version, outcomes, serverCorrelationValue);
    return { bytes, delivery: 'send' };
  }
}
