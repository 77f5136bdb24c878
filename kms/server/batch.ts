import type { ServiceContext } from '../../core/context.js';
import {
  KmipError,
  PROTOCOL_VERSIONS,
  decodeRequest,
  encodeResponse,
  enumerationExistsIn,
  peekProtocolVersion,
  protocolVersionOf,
  rankOf,
  spokenVersion,
} from '../../wire/kmip/index.js';
import type {
  OperationName,
  ProtocolVersion,
  ProtocolVersionName,
  RequestBatchItem,
  RequestMessage,
  ResponseBatchItem,
} from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { ObjectRepository } from '../objects/repository.js';
import { Workspace } from '../objects/workspace.js';
import type { OperationHandler } from '../operations/handler.js';
import { OPERATIONS } from '../operations/registry.js';
import { RefusalWithPayload, reasonIn } from '../refusals.js';
import { StoreConflict } from '../store.js';
import type { AttestationClaim, AttestationOffer } from './attestation.js';
import { Attestation } from './attestation.js';
import type { Delivery } from './faults.js';
import { FaultInterrupt, RequestFaults, corrupted } from './faults.js';
import type { Authenticated, Client, IdentityPolicy } from './identity.js';
import { masked } from './masking.js';
import type { KmsMetrics } from './metrics.js';
import { RequestScope } from './scope.js';
import { commitFailure, readFailure } from './storage-errors.js';
import { ServerState } from './state.js';

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
    readonly metrics: KmsMetrics;
  }) {
    this.#config = parts.config;
    this.#context = parts.context;
    this.#repository = parts.repository;
    this.#identity = parts.identity;
    this.#metrics = parts.metrics;
    this.#attestation = new Attestation(parts.config.attestation, parts.context);
    this.#server = new ServerState(parts.config);
  }

  /** Answers one request message. Never rejects: whatever goes wrong becomes an answer. */
  async answer(bytes: Buffer, connected: Client): Promise<Answer> {
    let version: ProtocolVersionName = this.#newestVersion();
    const lease = this.#repository.beginRequest();
    try {
      version = this.#negotiate(peekProtocolVersion(bytes));
      const request = decodeRequest(bytes, { deferPayloadErrors: true });
      this.#demandSound(request);
      return await this.#answerRequest(request, version, connected);
    } catch (error) {
      if (error instanceof FaultInterrupt) return { bytes: Buffer.alloc(0), delivery: error.delivery };
      return this.#failWhole(error, version, connected);
    } finally {
      this.#repository.endRequest(lease);
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

  #demandSound({ header, batchItems }: RequestMessage): void {
    if (header.batchCount !== batchItems.length) {
      throw new KmipError(
        'InvalidMessage',
        `Batch Count is ${header.batchCount}, but there are ${batchItems.length} batch items.`,
      );
    }
    if (batchItems.length > this.#config.limits.batchItems) {
      throw new KmipError(
        'InvalidMessage',
        `More than ${this.#config.limits.batchItems} batch items; split the batch.`,
      );
    }
    if (batchItems.length > 1 && batchItems.some((item) => item.uniqueBatchItemId === undefined)) {
      throw new KmipError('InvalidMessage', 'In a batch of several items each needs a Unique Batch Item ID.');
    }
    if (header.asynchronousIndicator === 'Mandatory') {
      throw new KmipError('FeatureNotSupported', 'This server answers synchronously only.');
    }
    if (header.maximumResponseSize !== undefined && header.maximumResponseSize < 0) {
      throw new KmipError('InvalidField', 'Maximum Response Size must not be negative.');
    }
  }

  async #answerRequest(
    request: RequestMessage,
    version: ProtocolVersionName,
    connected: Client,
  ): Promise<Answer> {
    const faults = new RequestFaults(this.#context.faults, this.#config.name);
    const caller = this.#callerOf(request, connected);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#attempt(request, version, caller, faults);
      } catch (error) {
        if (!(error instanceof StoreConflict)) throw error;
        if (attempt === CONFLICT_LIMIT) {
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
    faults: RequestFaults,
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
    });
    let outcomes = await this.#run(request, scope, faults);

    const limit = request.header.maximumResponseSize;
    const offer = outcomes.some(({ item }) => item.resultReason === 'AttestationRequired')
      ? this.#attestation.offer()
      : undefined;
    const extra = { ...offer, serverHashedPassword };
    let bytes = this.#encode(request, scope, outcomes, extra);
    if (limit !== undefined && bytes.length > limit) {
      throw new KmipError(
        'ResponseTooLarge',
        `The response has ${bytes.length} bytes; ${limit} are allowed.`,
      );
    }
    try {
      await workspace.commit();
    } catch (error) {
      if (error instanceof StoreConflict) throw error;
      this.#context.log.error({ err: error }, 'a request could not be made durable');
      const failure = commitFailure(error);
      outcomes = outcomes.map((outcome) => (outcome.writes ? notCommitted(outcome, failure) : outcome));
      bytes = this.#encode(request, scope, outcomes, extra);
    }
    this.#record(request, client, version, outcomes);
    return { bytes, delivery: faults.delivery };
  }

  async #run(request: RequestMessage, scope: RequestScope, faults: RequestFaults): Promise<Outcome[]> {
    const { workspace } = scope;
    const continuation = request.header.batchErrorContinuationOption ?? 'Stop';
    const begin = workspace.savepoint();
    const critical = request.batchItems.some((item) =>
      item.messageExtensions?.some((it) => it.criticalityIndicator),
    );
    const outcomes: Outcome[] = [];
    for (const [index, item] of request.batchItems.entries()) {
      const savepoint = workspace.savepoint();
      const outcome = critical
        ? { item: failed(item, unknownExtension(), scope.rank), writes: false }
        : await this.#perform(item, index, scope, faults);
      outcomes.push(outcome);
      if (outcome.item.resultStatus === 'Success') continue;
      workspace.goBack(savepoint);
      if (continuation === 'Continue' || critical) continue;
      if (continuation === 'Undo') {
        workspace.goBack(begin);
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
    faults: RequestFaults,
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
      const payload: unknown = await operation.perform(item.requestPayload as never, scope);
      const responsePayload = action?.kind === 'corrupt' ? corrupted(payload) : payload;
      return {
        item: { ...identity(item), resultStatus: 'Success', responsePayload },
        writes: scope.workspace.changedSince(before),
      };
    } catch (error) {
      if (error instanceof FaultInterrupt) throw error;
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
    request: RequestMessage,
    scope: RequestScope,
    outcomes: readonly Outcome[],
    extra: Partial<AttestationOffer> & Pick<Caller, 'serverHashedPassword'>,
  ): Buffer {
    return encodeResponse({
      header: {
        ...extra,
        protocolVersion: protocolVersionOf(scope.version),
        timeStamp: scope.nowSeconds,
        clientCorrelationValue: request.header.clientCorrelationValue,
        batchCount: outcomes.length,
      },
      batchItems: outcomes.map(({ item }) => item),
    });
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
    this.#metrics.requests.inc({ operation: 'none', outcome: String(item.resultReason) });
    this.#context.journal.record({
      operation: 'none',
      client: client.name,
      outcome: String(item.resultReason),
      details: { protocolVersion: version, message: error.message },
    });
    const bytes = encodeResponse({
      header: {
        protocolVersion: protocolVersionOf(version),
        timeStamp: Math.floor(this.#context.clock.now() / 1000),
        batchCount: 1,
      },
      batchItems: [item],
    });
    return { bytes, delivery: 'send' };
  }

  #record(
    request: RequestMessage,
    client: Client,
    protocolVersion: ProtocolVersionName,
    outcomes: readonly Outcome[],
  ): void {
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
  const { operation, uniqueBatchItemId } = item;
  return { item: { operation, uniqueBatchItemId, resultStatus: 'OperationUndone' }, writes };
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

function unknownExtension(): KmipError {
  return new KmipError(
    'FeatureNotSupported',
    'The message holds a critical extension that this server does not know.',
  );
}
