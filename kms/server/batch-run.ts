import type { ServiceContext } from '../../core/context.js';
import type { Promised } from '../../core/promised.js';
import { KmipError, enumerationExistsIn } from '../../wire/kmip/index.js';
import type {
  IdentifierReference,
  OperationName,
  RequestBatchItem,
  RequestMessage,
} from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { OperationHandler } from '../operations/handler.js';
import { OPERATIONS } from '../operations/registry.js';
import type { AsynchronousProgress } from './asynchronous.js';
import type { Attestation } from './attestation.js';
import type { RequestEffects } from './effects.js';
import type { RequestFaults } from './faults.js';
import { FaultInterrupt, corrupted } from './faults.js';
import type { Outcome } from './outcome.js';
import { failed, succeeded, undone } from './outcome.js';
import type { RequestGrant } from './rights.js';
import type { RequestScope } from './scope.js';
import type { SearchBudget } from './search-budget.js';
import { kmipErrorOf } from './failures.js';

/** What accompanies a request each time that it is done. */
export interface Run {
  readonly faults: RequestFaults;
  readonly grant: RequestGrant | undefined;
  readonly progress: AsynchronousProgress | undefined;
  readonly effects: RequestEffects;
  readonly searchBudget: SearchBudget;
  /** The request's bytes; undefined if it is not answered at once. */
  readonly received: Buffer | undefined;
}

interface Operation {
  readonly perform: OperationHandler<never>;
  readonly open?: true;
}

const ROWS = new Map<unknown, Operation>(Object.entries(OPERATIONS));

/** The row of an operation; undefined for one that is not performed here. */
export function operationOf({ operation }: RequestBatchItem): Operation | undefined {
  return ROWS.get(operation);
}

/** Performs the items of a batch, one after another. */
export class BatchRunner {
  readonly #attestation: Attestation;
  readonly #log: ServiceContext['log'];

  constructor(attestation: Attestation, log: ServiceContext['log']) {
    this.#attestation = attestation;
    this.#log = log;
  }

  /**
   * Performs a batch up to its end, or to the first failure, as the Batch Error Continuation Option says.
   *
   * @throws FaultInterrupt where an injected fault ends the request
   */
  async run(request: RequestMessage, scope: RequestScope, run: Run): Promise<Outcome[]> {
    const { workspace } = scope;
    const continuation = request.header.batchErrorContinuationOption ?? 'Stop';
    const begin = workspace.savepoint();
    const outcomes: Outcome[] = [];
    for (const item of request.batchItems) {
      const savepoint = workspace.savepoint();
      const performed = this.#perform(item, outcomes.length, scope, run);
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
      return failed(item, kmipErrorOf(error, this.#log), scope.rank);
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
          ? performObserved(operation, item, index, scope, run)
          : performAtOnce(operation, item, index, scope, run);
      return answered instanceof Promise ? answered.then(done, refused) : done(answered);
    } catch (error) {
      return refused(error);
    }
  }
}

/** Where faults may strike, or a ticket bounds what the client may do. */
async function performObserved(
  operation: Operation,
  item: RequestBatchItem,
  index: number,
  scope: RequestScope,
  run: Run,
): Promise<unknown> {
  const action = await run.faults.strike(index, subjectOf(item, scope));
  if (item.requestPayload instanceof KmipError) throw item.requestPayload;
  if (run.grant) run.grant.begin(index, scope.operation, await targetOf(item, scope));
  const payload = await performAtOnce(operation, item, index, scope, run);
  return action?.kind === 'corrupt' ? corrupted(payload) : payload;
}

function performAtOnce(
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
