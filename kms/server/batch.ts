import type { ServiceContext } from '../../core/context.js';
import { zeroise } from '../../core/secret.js';
import {
  KmipError,
  PROTOCOL_VERSIONS,
  encodeResponse,
  enumerationExistsIn,
  peekProtocolVersion,
  protocolVersionOf,
  rankOf,
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
import { masked } from './masking.js';
import type { KmsMetrics } from './metrics.js';
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
}

type AnyOperation = { readonly perform: OperationHandler<never>; readonly open?: true } | undefined;

/** Turns request messages into response messages; knows nothing of sockets. */
export class BatchProcessor {
  readonly #config: KmsConfig;
  readonly #context: ServiceContext;
  readonly #repository: ObjectRepository;
  readonly #identity: IdentityPolicy;
  readonly #metrics: KmsMetrics;
  readonly #attestation: Attestation;
  readonly #server: ServerState;

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
  }

  /** Answers one request message. Never rejects: whatever goes wrong becomes an answer. */
  async answer(bytes: Buffer, connected: Client): Promise<Answer> {
    let version: ProtocolVersionName = this.#newestVersion();
    try {
      version = this.#negotiate(peekProtocolVersion(bytes));
      const request = readRequest(bytes);
      demandSound(request, this.#config, this.#context.clock.now() / 1000);
      const caller = this.#callerOf(request, connected);
      if (this.#server.asynchronous.takes(request, caller.client))
        return this.#submit(bytes, version, caller);
      return await this.#answerRequest(request, version, caller);
    } catch (error) {
      return this.#failWhole(error, version, connected);
    }
  }

  /** The answer to bytes that are no message at all. */
  answerGarbage(error: KmipError, connected: Client): Answer {
    return this.#failWhole(error, this.#newestVersion(), connected);
  }

  #newestVersion(): ProtocolVersionName {
    return PROTOCOL_VERSIONS.findLast((name) => this.#config.protocolVersions.includes(name)) ?? '1.0';
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
      const answer = await this.#answerRequest(request, version, caller, progress);
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
    const answer = this.#encode(version, outcomes, { serverHashedPassword: caller.serverHashedPassword });
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
    progress?: AsynchronousProgress,
  ): Promise<Answer> {
    const faults = new RequestFaults(this.#context.faults, this.#config.name);
    const grant = this.#server.tickets.grantOf(caller.client)?.forRequest();
    const effects = new RequestEffects();
    const lease = this.#repository.beginRequest();
    try {
      return await this.#redoing(() =>
        this.#attempt(request, version, caller, { faults, grant, progress, effects }),
      );
    } catch (error) {
      effects.undo();
      if (error instanceof FaultInterrupt) return { bytes: Buffer.alloc(0), delivery: error.delivery };
      return this.#failWhole(error, version, caller.client);
    } finally {
      effects.done();
      this.#repository.endRequest(lease);
    }
  }

  /** Does a request again as long as it loses races. @throws KmipError */
  async #redoing(attempt: () => Promise<Answer>): Promise<Answer> {
    for (let count = 1; ; count += 1) {
      try {
        return await attempt();
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error;
        if (count === CONFLICT_LIMIT) {
          throw new KmipError('GeneralFailure', 'Other requests kept changing the same objects. Try again.');
        }
      }
    }
  }

  /** Whom the request speaks for; told once, as what proves it may count only once. @throws KmipError */
  #callerOf(request: RequestMessage, connected: Client): Caller {
    const needsCredential = request.batchItems.some((item) => operationOf(item)?.open !== true);
    const credentials = request.header.authentication?.credentials ?? [];
    return {
      ...this.#identity.authenticate(connected, credentials, needsCredential),
      attestation: this.#attestation.claimOf(request.header),
    };
  }

  /** Runs the batch once. @throws StoreConflict if it must be run again */
  async #attempt(
    request: RequestMessage,
    version: ProtocolVersionName,
    { client, attestation, serverHashedPassword }: Caller,
    run: Run,
  ): Promise<Answer> {
    const rank = rankOf(version);
    const workspace = new Workspace(this.#repository);
    const scope = new RequestScope({
      ...this.#context,
      config: this.#config,
      client,
      attestation,
      version,
      rank,
      workspace,
      server: this.#server,
      grant: run.grant,
      effects: run.effects,
    });
    let outcomes = await this.#run(request, scope, run);

    const offer = outcomes.some(({ item }) => item.resultReason === 'AttestationRequired')
      ? this.#attestation.offer()
      : undefined;
    const extra = { ...offer, serverHashedPassword };
    let answer = this.#encode(version, outcomes, extra);
    const tooLarge = sizeProblem(answer.bytes, request.header);
    if (tooLarge) return this.#refuseForSize(tooLarge, request, version, client);
    try {
      const forgone = await workspace.commit();
      if (forgone !== undefined) this.#context.log.warn({ err: forgone }, 'a note could not be made durable');
    } catch (error) {
      if (error instanceof StoreConflict) throw error;
      this.#context.log.error({ err: error }, 'a request could not be made durable');
      run.effects.undo();
      const failure = commitFailure(error);
      outcomes = outcomes.map((outcome) => (outcome.writes ? notCommitted(outcome, failure) : outcome));
      answer = this.#encode(version, outcomes, extra);
    }
    this.#record(request, client, version, outcomes, answer.serverCorrelationValue);
    return { bytes: answer.bytes, delivery: run.faults.delivery };
  }

  async #run(request: RequestMessage, scope: RequestScope, run: Run): Promise<Outcome[]> {
    const { workspace } = scope;
    const continuation = request.header.batchErrorContinuationOption ?? 'Stop';
    const begin = workspace.savepoint();
    const outcomes: Outcome[] = [];
    for (const [index, item] of request.batchItems.entries()) {
      const savepoint = workspace.savepoint();
      const outcome = await this.#perform(item, index, scope, run);
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

  async #perform(
    item: RequestBatchItem,
    index: number,
    scope: RequestScope,
    { faults, grant, progress }: Run,
  ): Promise<Outcome> {
    const before = scope.workspace.savepoint();
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
      const action = await faults.strike(index, {
        operation: String(item.operation),
        client: scope.client.name,
        object: objectOf(item, scope),
      });
      if (item.requestPayload instanceof KmipError) throw item.requestPayload;
      if (grant) grant.begin(index, scope.operation, await targetOf(item, scope));
      progress?.begin(index);
      const payload: unknown = await operation.perform(item.requestPayload as never, scope);
      if (payload instanceof PolledItem) {
        return { item: { ...payload.item, uniqueBatchItemId: item.uniqueBatchItemId }, writes: false };
      }
      const answered = item.ephemeral === true ? withoutData(scope.operation, payload) : payload;
      const responsePayload = action?.kind === 'corrupt' ? corrupted(answered) : answered;
      return {
        item: { ...identity(item), resultStatus: 'Success', responsePayload },
        writes: scope.workspace.changedSince(before),
      };
    } catch (error) {
      if (error instanceof FaultInterrupt) throw error;
      grant?.giveBack(index);
      return { item: failed(item, this.#asKmipError(error), scope.rank), writes: false };
    }
  }

  /** Unexpected errors are told to the log only. */
  #asKmipError(error: unknown): KmipError {
    if (error instanceof KmipError) return error;
    this.#context.log.error({ err: error }, 'a request failed unexpectedly');
    const failure = readFailure(error);
    if (failure) return failure;
    return new KmipError('GeneralFailure', 'The server could not perform the operation; its log says why.');
  }

  #encode(
    version: ProtocolVersionName,
    outcomes: readonly Outcome[],
    extra: Partial<AttestationOffer> & Partial<Pick<Caller, 'serverHashedPassword'>> = {},
  ): { readonly bytes: Buffer; readonly serverCorrelationValue: string } {
    const serverCorrelationValue = this.#server.nextCorrelationValue();
    const bytes = encodeResponse({
      header: {
        ...extra,
        protocolVersion: protocolVersionOf(version),
        timeStamp: Math.floor(this.#context.clock.now() / 1000),
        serverCorrelationValue,
        batchCount: outcomes.length,
      },
      batchItems: outcomes.map(({ item }) => item),
    });
    return { bytes, serverCorrelationValue };
  }

  /** An only item fails by itself; for several there might be no room even for their failures. */
  #refuseForSize(
    error: KmipError,
    request: RequestMessage,
    version: ProtocolVersionName,
    client: Client,
  ): Answer {
    const [only, ...others] = request.batchItems;
    if (!only || others.length > 0) throw error;
    const outcomes = [{ item: failed(only, error, rankOf(version)), writes: false }];
    const { bytes, serverCorrelationValue } = this.#encode(version, outcomes);
    this.#record(request, client, version, outcomes, serverCorrelationValue);
    return { bytes, delivery: 'send' };
  }

  /** A response with one batch item without operation (KMIP 1.4 §11.1). */
  #failWhole(cause: unknown, version: ProtocolVersionName, client: Client): Answer {
    const error = this.#asKmipError(cause);
    const rank = rankOf(version);
    const item = failureOf(error, rank);
    const { bytes, serverCorrelationValue } = this.#encode(version, [{ item, writes: false }]);
    this.#metrics.requests.inc({ operation: 'none', outcome: String(item.resultReason) });
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
      const operation = String(item.operation ?? 'none');
      const outcome =
        item.resultStatus === 'Success' ? 'success' : String(item.resultReason ?? item.resultStatus);
      this.#metrics.requests.inc({ operation, outcome });
      this.#context.journal.record({
        operation,
        client: client.name,
        outcome,
        details: {
          protocolVersion,
          clientCorrelationValue,
          serverCorrelationValue,
          request: masked(request.batchItems[index]?.requestPayload),
          response: masked(item.responsePayload),
          message: item.resultMessage,
        },
      });
    }
  }
}

function operationOf(item: RequestBatchItem): AnyOperation {
  const { operation } = item;
  if (typeof operation !== 'string' || !Object.hasOwn(OPERATIONS, operation)) return undefined;
  return (OPERATIONS as Partial<Record<OperationName, AnyOperation>>)[operation];
}

/** The object that a request is about, where it names one. */
function objectOf(item: RequestBatchItem, scope: RequestScope): string | undefined {
  const payload = item.requestPayload;
  if (typeof payload !== 'object' || payload === null || !('uniqueIdentifier' in payload))
    return scope.placeholder;
  return typeof payload.uniqueIdentifier === 'string' ? payload.uniqueIdentifier : scope.placeholder;
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

function undone({ item, writes }: Outcome): Outcome {
  return { item: { ...item, resultStatus: 'OperationUndone' }, writes };
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
