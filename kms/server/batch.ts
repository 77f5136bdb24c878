import type { ServiceContext } from '../../core/context.js';
import type { Promised } from '../../core/promised.js';
import { zeroise } from '../../core/secret.js';
import {
  KmipError,
  PROTOCOL_VERSIONS,
  encodeResponse,
  enumerationExistsIn,
  peekProtocolVersion,
  protocolVersionOf,
  rankOf,
  recycleMessage,
  spokenVersion,
} from '../../wire/kmip/index.js';
import type {
  IdentifierReference,
  OperationName,
  ProtocolVersion,
  ProtocolVersionName,
  RequestBatchItem,
  RequestHeader,
  RequestMessage,
  ResponseBatchItem,
  ResponsePayload,
} from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { ObjectRepository } from '../objects/repository.js';
import { Workspace } from '../objects/workspace.js';
import type { OperationHandler } from '../operations/handler.js';
import { PolledItem } from '../operations/handler.js';
import { OPERATIONS } from '../operations/registry.js';
import { RefusalWithPayload, reasonIn } from '../refusals.js';
import { StoreConflict } from '../store.js';
import type { AsynchronousProgress } from './asynchronous.js';
import type { AttestationClaim, AttestationOffer } from './attestation.js';
import { Attestation } from './attestation.js';
import { RequestEffects } from './effects.js';
import { withoutData } from './ephemeral.js';
import type { Delivery } from './faults.js';
import { FaultInterrupt, RequestFaults, corrupted } from './faults.js';
import type { Authenticated, Client, IdentityPolicy } from './identity.js';
import { SECRET_FIELDS } from './masking.js';
import type { KmsMetrics } from './metrics.js';
import { PreparedAnswers, messageAt } from './prepared-answers.js';
import { demandSound, readRequest } from './request-header.js';
import type { RequestGrant } from './rights.js';
import { RequestScope } from './scope.js';
import { commitFailure, readFailure } from './storage-errors.js';
import type { ServerState } from './state.js';

/** Requests that lose a race for an object are redone this often before they fail; each time another one has won. */
const CONFLICT_LIMIT = 64;

/** An answer and what is to become of it. */
export interface Answer {
  /** The response message; empty if none is to be sent. */
  readonly bytes: Buffer;
  readonly delivery: Delivery;
}

interface Outcome {
  readonly item: ResponseBatchItem;
  /** Whether the item changed objects, and so depends on the commit. */
  readonly writes: boolean;
}

/** Whom a request speaks for. */
interface Caller extends Authenticated {
  readonly attestation: AttestationClaim;
}

/** What accompanies a request each time that it is done. */
interface Run {
  readonly faults: RequestFaults;
  readonly grant: RequestGrant | undefined;
  readonly progress: AsynchronousProgress | undefined;
  readonly effects: RequestEffects;
  /** The request's bytes; undefined if it is not answered at once. */
  readonly received: Buffer | undefined;
}

interface EncodedAnswer {
  readonly bytes: Buffer;
  readonly serverCorrelationValue: string;
}

/** What response headers hold besides what all of them do. */
type HeaderExtra = Partial<AttestationOffer> &
  Partial<Pick<Caller, 'serverHashedPassword'>> &
  Pick<RequestHeader, 'clientCorrelationValue'>;

interface Operation {
  readonly perform: OperationHandler<never>;
  readonly open?: true;
}

/** Turns request messages into response messages; knows nothing of sockets. */
export class BatchProcessor {
  readonly #config: KmsConfig;
  readonly #context: ServiceContext;
  readonly #repository: ObjectRepository;
  readonly #identity: IdentityPolicy;
  readonly #metrics: KmsMetrics;
  readonly #attestation: Attestation;
  readonly #server: ServerState;
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
    this.#metrics = parts.metrics;
    this.#attestation = new Attestation(parts.config.attestation, parts.context);
    this.#server = parts.server;
    parts.repository.onLeave((object) => this.#prepared.forget(object));
    const { protocolVersions } = parts.config;
    this.#newestVersion = PROTOCOL_VERSIONS.findLast((name) => protocolVersions.includes(name)) ?? '1.0';
  }

  /** Answers one request message. Never rejects: whatever goes wrong becomes an answer. */
  answer(bytes: Buffer, connected: Client): Promised<Answer> {
    return this.#answerAgain(bytes, connected) ?? this.#answerAnew(bytes, connected);
  }

  /** The answer that was given before, if it is still right. */
  #answerAgain(bytes: Buffer, client: Client): Answer | undefined {
    const prepared = this.#prepared.find(bytes, client);
    if (!prepared || !this.#context.faults.isEmpty) return undefined;
    const { object, request, item, version } = prepared;
    if (this.#repository.held(object.uniqueIdentifier) !== object) return undefined;
    this.#record(request, client, version, [{ item, writes: false }], this.#server.nextCorrelationValue());
    const nowSeconds = Math.floor(this.#context.clock.now() / 1000);
    return { bytes: messageAt(prepared, nowSeconds), delivery: 'send' };
  }

  async #answerAnew(bytes: Buffer, connected: Client): Promise<Answer> {
    let version: ProtocolVersionName = this.#newestVersion;
    try {
      version = this.#negotiate(peekProtocolVersion(bytes));
      const request = readRequest(bytes);
      demandSound(request, this.#config, this.#context.clock.now() / 1000);
      const caller = this.#callerOf(request, connected);
      if (this.#server.asynchronous.takes(request, caller.client))
        return this.#submit(bytes, version, caller);
      return await this.#answerRequest(request, version, caller, { received: bytes });
    } catch (error) {
      return this.#failWhole(error, version, connected);
    }
  }

  /** The answer to bytes that are no message at all. */
  answerGarbage(error: KmipError, connected: Client): Answer {
    return this.#failWhole(error, this.#newestVersion, connected);
  }

  /** The version to answer in. @throws KmipError if it is not among those configured */
  #negotiate(requested: ProtocolVersion): ProtocolVersionName {
    const spoken = spokenVersion(requested);
    if (spoken !== undefined && this.#config.protocolVersions.includes(spoken)) return spoken;
    const choices = this.#config.protocolVersions.join(', ');
    throw new KmipError(
      'InvalidMessage',
      `KMIP ${requested.major}.${requested.minor} is not spoken here; use one of ${choices}.`,
    );
  }

  /** Takes a request to be performed later, from bytes of its own: those received are the connection's. */
  #submit(received: Buffer, version: ProtocolVersionName, caller: Caller): Answer {
    const bytes = Buffer.from(received);
    const { header, batchItems } = readRequest(bytes);
    const operations = batchItems.map(({ operation }) => operation);
    const { asynchronous } = this.#server;
    const values = asynchronous.submit(caller.client, operations, async (progress) => {
      const request = { header: { ...header, maximumResponseSize: undefined }, batchItems };
      const answer = await this.#answerRequest(request, version, caller, { progress });
      zeroise(bytes);
      return answer;
    });
    const outcomes = batchItems.map((item, index): Outcome => {
      const asynchronousCorrelationValue = values[index];
      return {
        item: { ...identity(item), resultStatus: 'OperationPending', asynchronousCorrelationValue },
        writes: false,
      };
    });
    const answer = this.#encode(version, outcomes, {
      serverHashedPassword: caller.serverHashedPassword,
      clientCorrelationValue: header.clientCorrelationValue,
    });
    const tooLarge = sizeProblem(answer.bytes, header);
    if (tooLarge) {
      for (const value of values) asynchronous.cancel(caller.client, value);
      throw tooLarge;
    }
    this.#record({ header, batchItems }, caller.client, version, outcomes, answer.serverCorrelationValue);
    return { bytes: answer.bytes, delivery: 'send' };
  }

  /** Performs a request and answers it, whatever goes wrong. */
  async #answerRequest(
    request: RequestMessage,
    version: ProtocolVersionName,
    caller: Caller,
    { progress, received }: { readonly progress?: AsynchronousProgress; readonly received?: Buffer },
  ): Promise<Answer> {
    const run: Run = {
      faults: new RequestFaults(this.#context.faults, this.#config.name),
      grant: this.#server.tickets.grantOf(caller.client)?.forRequest(),
      effects: new RequestEffects(),
      progress,
      received,
    };
    const lease = this.#repository.beginRequest();
    try {
      for (let count = 1; ; count += 1) {
        const answer = await this.#attempt(request, version, caller, run);
        if (answer) return answer;
        if (count === CONFLICT_LIMIT) {
          throw new KmipError('GeneralFailure', 'Other requests kept changing the same objects. Try again.');
        }
      }
    } catch (error) {
      run.effects.undo();
      if (error instanceof FaultInterrupt) return { bytes: Buffer.alloc(0), delivery: error.delivery };
      return this.#failWhole(error, version, caller.client);
    } finally {
      run.effects.done();
      this.#repository.endRequest(lease);
    }
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
    });
    let outcomes = await this.#run(request, scope, run);

    const { clientCorrelationValue } = request.header;
    const extra = { ...this.#offerFor(outcomes), serverHashedPassword, clientCorrelationValue };
    let answer: EncodedAnswer;
    try {
      answer = this.#encodeFitting(request.header, version, outcomes, extra);
    } catch (error) {
      run.effects.undo();
      return this.#refuseUnanswerable(this.#asKmipError(error), request, version, client);
    }
    const problem = workspace.changed ? await this.#commit(workspace) : undefined;
    if (problem) recycleMessage(answer.bytes);
    if (problem instanceof StoreConflict) return undefined;
    if (problem) {
      run.effects.undo();
      outcomes = outcomes.map((outcome) => (outcome.writes ? notCommitted(outcome, problem) : outcome));
      answer = this.#encode(version, outcomes, extra);
    }
    this.#record(request, client, version, outcomes, answer.serverCorrelationValue);
    if (!workspace.changed && run.grant === undefined && run.faults.isEmpty) {
      this.#prepare(request, client, version, outcomes, answer.bytes, run.received);
    }
    return { bytes: answer.bytes, delivery: run.faults.delivery };
  }

  /** Keeps an answer for the next to ask the same. */
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
    const object = this.#repository.held(uniqueIdentifier);
    if (object?.value !== value) return;
    const item = { operation, resultStatus, responsePayload };
    this.#prepared.keep(received, client, { object, version, request, item, bytes });
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

  async #run(request: RequestMessage, scope: RequestScope, run: Run): Promise<Outcome[]> {
    const { workspace } = scope;
    const continuation = request.header.batchErrorContinuationOption ?? 'Stop';
    const begin = workspace.savepoint();
    const outcomes: Outcome[] = [];
    for (const [index, item] of request.batchItems.entries()) {
      const savepoint = workspace.savepoint();
      const performed = this.#perform(item, index, scope, run);
      const outcome = performed instanceof Promise ? await performed : performed;
      outcomes.push(outcome);
      if (outcome.item.resultStatus !== 'OperationFailed') continue;
      workspace.goBack(savepoint);
      if (continuation === 'Continue') continue;
      if (continuation === 'Undo') {
        workspace.goBack(begin);
        run.effects.undo();
        return outcomes.map((done) => (done === outcome ? done : undone(done)));
      }
      break;
    }
    return outcomes;
  }

  /** Performs one batch item: at once if it can be, as most that find what they need in memory. */
  #perform(item: RequestBatchItem, index: number, scope: RequestScope, run: Run): Promised<Outcome> {
    const before = scope.workspace.savepoint();
    const done = (payload: unknown): Outcome => succeeded(item, payload, scope, before);
    const refused = (error: unknown): Outcome => {
      if (error instanceof FaultInterrupt) throw error;
      run.grant?.giveBack(index);
      return { item: failed(item, this.#asKmipError(error), scope.rank), writes: false };
    };
    try {
      const operation = operationOf(item);
      if (!operation || !enumerationExistsIn('Operation', item.operation, scope.rank)) {
        throw new KmipError(
          'OperationNotSupported',
          `${item.operation} is not performed here in KMIP ${scope.version}.`,
        );
      }
      scope.operation = item.operation as OperationName;
      this.#attestation.demand(scope.operation, scope.attestation);
      const answered =
        run.grant || !run.faults.isEmpty
          ? this.#performObserved(operation, item, index, scope, run)
          : this.#performAtOnce(operation, item, index, scope, run);
      return answered instanceof Promise ? answered.then(done, refused) : done(answered);
    } catch (error) {
      return refused(error);
    }
  }

  /** Where faults may strike, or a ticket bounds what the client may do. */
  async #performObserved(
    operation: Operation,
    item: RequestBatchItem,
    index: number,
    scope: RequestScope,
    run: Run,
  ): Promise<unknown> {
    const action = await run.faults.strike(index, subjectOf(item, scope));
    if (item.requestPayload instanceof KmipError) throw item.requestPayload;
    if (run.grant) run.grant.begin(index, scope.operation, await targetOf(item, scope));
    const payload = await this.#performAtOnce(operation, item, index, scope, run);
    return action?.kind === 'corrupt' ? corrupted(payload) : payload;
  }

  #performAtOnce(
    operation: Operation,
    { requestPayload }: RequestBatchItem,
    index: number,
    scope: RequestScope,
    run: Run,
  ): unknown {
    if (requestPayload instanceof KmipError) throw requestPayload;
    run.progress?.begin(index);
    return operation.perform(requestPayload as never, scope);
  }

  /** Unexpected errors are told to the log only. */
  #asKmipError(error: unknown): KmipError {
    if (error instanceof KmipError) return error;
    this.#context.log.error({ err: error }, 'a request failed unexpectedly');
    const failure = readFailure(error);
    if (failure) return failure;
    return new KmipError('GeneralFailure', 'The server could not perform the operation; its log says why.');
  }

  /**
   * Encodes a response. The Server Correlation Value goes to those who gave a Client Correlation Value: clients of
   * KMIP 1.4 are about that know neither field, and read no further. It is journaled for all (KMIP 1.4 §6.19).
   */
  #encode(
    version: ProtocolVersionName,
    outcomes: readonly Outcome[],
    extra: HeaderExtra = {},
  ): EncodedAnswer {
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
      this.#config.limits.responseBytes,
    );
    return { bytes, serverCorrelationValue };
  }

  /** @throws KmipError if the answer is larger than its requester takes, or has what the version cannot express */
  #encodeFitting(
    header: RequestHeader,
    version: ProtocolVersionName,
    outcomes: readonly Outcome[],
    extra: HeaderExtra,
  ): EncodedAnswer {
    const answer = this.#encode(version, outcomes, extra);
    const tooLarge = sizeProblem(answer.bytes, header);
    if (!tooLarge) return answer;
    recycleMessage(answer.bytes);
    throw tooLarge;
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
    const outcomes = [{ item: failed(only, error, rankOf(version)), writes: false }];
    const { bytes, serverCorrelationValue } = this.#encode(version, outcomes, {
      clientCorrelationValue: request.header.clientCorrelationValue,
    });
    this.#record(request, client, version, outcomes, serverCorrelationValue);
    return { bytes, delivery: 'send' };
  }

  /** A response with one batch item without operation (KMIP 1.4 §11.1). */
  #failWhole(cause: unknown, version: ProtocolVersionName, client: Client): Answer {
    const error = this.#asKmipError(cause);
    const rank = rankOf(version);
    const item = failureOf(error, rank);
    const { bytes, serverCorrelationValue } = this.#encode(version, [{ item, writes: false }]);
    this.#metrics.count('none', String(item.resultReason));
    this.#context.journal.record({
      operation: 'none',
      client: client.name,
      outcome: String(item.resultReason),
      details: { protocolVersion: version, serverCorrelationValue, message: error.message },
    });
    return { bytes, delivery: 'send' };
  }

  #record(
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
      this.#context.journal.record({ operation, client: client.name, outcome, details }, SECRET_FIELDS);
    }
  }
}

/** A value by its name; numbers that clients made up would be counted one by one, without end. */
function nameOr(substitute: string, value: string | number): string {
  return typeof value === 'string' ? value : substitute;
}

const ROWS = new Map<unknown, Operation>(Object.entries(OPERATIONS));

function operationOf({ operation }: RequestBatchItem): Operation | undefined {
  return ROWS.get(operation);
}

/** What faults are matched by: the operation, who asks for it, and the object where the request names one. */
function subjectOf({ operation, requestPayload }: RequestBatchItem, scope: RequestScope) {
  const named =
    typeof requestPayload === 'object' && requestPayload !== null && 'uniqueIdentifier' in requestPayload
      ? requestPayload.uniqueIdentifier
      : undefined;
  const object = typeof named === 'string' ? named : scope.placeholder;
  return { operation: String(operation), client: scope.client.name, object };
}

/** The object that a request names, if there is one; whether the client may see it is another matter. */
async function targetOf(
  { requestPayload }: RequestBatchItem,
  scope: RequestScope,
): Promise<ManagedObject | undefined> {
  if (typeof requestPayload !== 'object' || requestPayload === null) return undefined;
  const { uniqueIdentifier } = requestPayload as { readonly uniqueIdentifier?: IdentifierReference };
  const identifier = scope.identifierOf(uniqueIdentifier);
  return identifier === undefined ? undefined : await scope.workspace.read(identifier);
}

/** What is wrong with the size of a response; undefined if its requester takes it. */
function sizeProblem(bytes: Buffer, { maximumResponseSize }: RequestHeader): KmipError | undefined {
  if (maximumResponseSize === undefined || bytes.length <= maximumResponseSize) return undefined;
  return new KmipError(
    'ResponseTooLarge',
    `The response has ${bytes.length} bytes; ${maximumResponseSize} are allowed.`,
  );
}

/** What a response item repeats of its request item. */
function identity(item: RequestBatchItem): Pick<ResponseBatchItem, 'operation' | 'uniqueBatchItemId'> {
  return { operation: item.operation, uniqueBatchItemId: item.uniqueBatchItemId };
}

function failureOf(error: KmipError, rank: number): ResponseBatchItem {
  return {
    resultStatus: 'OperationFailed',
    resultReason: reasonIn(error, rank, (reason) => enumerationExistsIn('ResultReason', reason, rank)),
    resultMessage: error.message,
    responsePayload: error instanceof RefusalWithPayload ? error.payload : undefined,
  };
}

function failed(item: RequestBatchItem, error: KmipError, rank: number): ResponseBatchItem {
  const known = enumerationExistsIn('Operation', item.operation, rank);
  return { ...identity(item), ...(known ? {} : { operation: undefined }), ...failureOf(error, rank) };
}

/** @param before the savepoint before the item */
function succeeded(item: RequestBatchItem, payload: unknown, scope: RequestScope, before: unknown): Outcome {
  if (payload instanceof PolledItem) {
    return { item: { ...payload.item, uniqueBatchItemId: item.uniqueBatchItemId }, writes: false };
  }
  return {
    item: {
      operation: item.operation,
      uniqueBatchItemId: item.uniqueBatchItemId,
      resultStatus: 'Success',
      responsePayload: item.ephemeral === true ? withoutData(scope.operation, payload) : payload,
    },
    writes: scope.workspace.changedSince(before),
  };
}

/** Operations whose results are worth something although the request was undone: they are not given out then. */
const WORTH_SOMETHING: ReadonlySet<unknown> = new Set<OperationName>([
  'Get',
  'Export',
  'Encrypt',
  'Decrypt',
  'Sign',
  'MAC',
  'Hash',
  'RNGRetrieve',
  'ObtainLease',
  'GetUsageAllocation',
  'Login',
  'DelegatedLogin',
]);

/** An undone item keeps its payload, as OASIS case BL-M-2 has it, where that is of no use any more. */
function undone({ item, writes }: Outcome): Outcome {
  const { responsePayload, ...rest } = item;
  const kept = WORTH_SOMETHING.has(item.operation) ? undefined : responsePayload;
  return { item: { ...rest, resultStatus: 'OperationUndone', responsePayload: kept }, writes };
}

function notCommitted({ item }: Outcome, error: KmipError): Outcome {
  const { operation, uniqueBatchItemId } = item;
  return {
    item: {
      operation,
      uniqueBatchItemId,
      resultStatus: 'OperationFailed',
      resultReason: error.reason,
      resultMessage: error.message,
    },
    writes: false,
  };
}
