import type { CryptographicParameters, IdentifierReference, OperationName } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import type { UsableObject, UseName } from './key-use.js';
import { usableObject } from './key-use.js';
import { allocateUsage } from './usage-limits.js';
import { USES } from './uses.js';
import type { OpenStream, Stream } from './streams.js';
import { NOTHING } from './transform.js';

/** The fields by which requests of all multi-part operations say which part they are. KMIP 1.4 §2.1.15 to §2.1.17. */
export interface PartPayload {
  readonly uniqueIdentifier?: IdentifierReference | undefined;
  readonly cryptographicParameters?: CryptographicParameters | undefined;
  readonly data?: Buffer | undefined;
  readonly digestedData?: Buffer | undefined;
  readonly correlationValue?: Buffer | undefined;
  readonly initIndicator?: boolean | undefined;
  readonly finalIndicator?: boolean | undefined;
}

/** What is asked of a computation in one request. */
export interface Part {
  /** Bytes to take; empty if the request has none. */
  readonly data: Buffer;
  /** Whether they are the last, or all. */
  readonly final: boolean;
}

/** What an answer says about the stream. */
export interface PartAnswer {
  readonly correlationValue: Buffer | undefined;
}

/** How one operation computes. */
export interface Computing<P extends PartPayload, C, A> {
  readonly operation: OperationName;
  /** Takes one part. @throws KmipError, after which the computation is over */
  readonly take: (computation: C, part: Part, payload: P, scope: RequestScope) => A;
}

/** How an operation with a key computes. */
export interface KeyedComputing<P extends PartPayload, C, A> extends Computing<P, C, A> {
  readonly use: UseName;
  /** Begins a computation with a key that may be used for it. @throws KmipError */
  readonly begin: (payload: P, key: UsableObject, scope: RequestScope) => C;
}

/** How an operation without a key computes. */
export interface KeylessComputing<P extends PartPayload, C, A> extends Computing<P, C, A> {
  /** Begins a computation. @throws KmipError */
  readonly begin: (payload: P) => C;
}

/**
 * Performs an operation with a key, in one request or as a part of several. Every part demands that the key may be
 * used; those that apply protection take from its Usage Limits.
 *
 * @throws Refusal, KmipError as `usableObject`; `correlationUnknown`, `tooManyStreams`, `usageLimitSpent`
 */
export async function withKey<P extends PartPayload, C, A>(
  computing: KeyedComputing<P, C, A>,
  payload: P,
  scope: RequestScope,
): Promise<A & PartAnswer & { readonly uniqueIdentifier: string }> {
  const { use, operation } = computing;
  const stream = streamOf<C>(operation, payload, scope);
  if (stream && payload.uniqueIdentifier !== undefined) {
    if (scope.resolve(payload.uniqueIdentifier) !== stream.uniqueIdentifier) {
      throw new Refusal(
        'correlationUnknown',
        'This Correlation Value belongs to an operation with another key.',
      );
    }
  }
  const key = await usableObject(stream?.uniqueIdentifier ?? payload.uniqueIdentifier, use, scope);
  const { uniqueIdentifier } = key;
  if (USES[use].kind === 'protect') {
    const bytes = (payload.data ?? payload.digestedData)?.length ?? 0;
    await allocateUsage(uniqueIdentifier, { bytes, newObject: !stream }, scope);
  }
  const begin = (): Stream<C> => ({
    owner: scope.client.owner,
    operation,
    uniqueIdentifier,
    computation: computing.begin(payload, key, scope),
  });
  return { uniqueIdentifier, ...advance(computing, stream, begin, payload, scope) };
}

/** Performs an operation without a key, in one request or as a part of several. @throws as {@link withKey} */
export function withoutKey<P extends PartPayload, C, A>(
  computing: KeylessComputing<P, C, A>,
  payload: P,
  scope: RequestScope,
): A & PartAnswer {
  const { operation } = computing;
  const begin = (): Stream<C> => ({
    owner: scope.client.owner,
    operation,
    uniqueIdentifier: undefined,
    computation: computing.begin(payload),
  });
  return advance(computing, streamOf<C>(operation, payload, scope), begin, payload, scope);
}

function streamOf<C>(
  operation: OperationName,
  { correlationValue, initIndicator }: PartPayload,
  scope: RequestScope,
): OpenStream<C> | undefined {
  if (correlationValue === undefined) return undefined;
  if (initIndicator === true) {
    throw new KmipError(
      'InvalidField',
      'Init Indicator begins a new operation; leave the Correlation Value out.',
    );
  }
  const { effects, server, client } = scope;
  // When the request is done again, a stream that it ended is found again, with the result that it had. Its
  // computation was begun by the same operation: the table looks at that.
  return effects.once(
    correlationValue,
    () => server.streams.find(correlationValue, client.owner, operation) as OpenStream<C>,
  );
}

function advance<P extends PartPayload, C, A>(
  { take }: Computing<P, C, A>,
  open: OpenStream<C> | undefined,
  begin: () => Stream<C>,
  payload: P,
  scope: RequestScope,
): A & PartAnswer {
  const { effects, server } = scope;
  const final = (!open && payload.initIndicator !== true) || payload.finalIndicator === true;
  return effects.once(payload, () => {
    if (open) server.streams.use(open);
    try {
      const stream = open ?? begin();
      const answer = take(stream.computation, { data: payload.data ?? NOTHING, final }, payload, scope);
      if (final) {
        if (open) server.streams.close(open);
        return { ...answer, correlationValue: undefined };
      }
      const kept = open ?? server.streams.open(stream);
      // A part that was taken cannot be given back: if its answer does not go out, the operation is over.
      effects.whenUndone(() => server.streams.close(kept));
      return { ...answer, correlationValue: kept.correlationValue };
    } catch (error) {
      if (open) server.streams.close(open);
      throw error;
    }
  });
}

/** Whether a request is the only one of its operation. */
function isSingle({ correlationValue, initIndicator }: PartPayload): boolean {
  return correlationValue === undefined && initIndicator !== true;
}

/** @throws KmipError `InvalidMessage` if the only request of an operation has no data */
export function demandData(payload: PartPayload): void {
  if (payload.data !== undefined || !isSingle(payload)) return;
  throw new KmipError('InvalidMessage', 'Data must be given, unless the operation comes in several parts.');
}

/** @throws KmipError `InvalidField` if a field of the first request of an operation comes with a later one */
export function demandOnlyAtBegin(payload: PartPayload, field: unknown, name: string): void {
  if (field === undefined || payload.correlationValue === undefined) return;
  throw new KmipError(
    'InvalidField',
    `${name} belongs into the first request of an operation in several parts.`,
  );
}

/** Data for an answer: those of an only request even if they are empty, those of a part only if there are some. */
export function answeredData(bytes: Buffer, payload: PartPayload): Buffer | undefined {
  return bytes.length > 0 || isSingle(payload) ? bytes : undefined;
}
