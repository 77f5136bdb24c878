import { KpsimError } from './errors.js';
import type { ConnectionFaultAction, FaultAction, FaultCondition, FaultSpec } from './fault-spec.js';
import { FAULT_KINDS, isRequestAction } from './fault-spec.js';

/** Kinds of actions that are about whole connections or services; only some services can do them. */
export type WholeFaultKind = (ConnectionFaultAction | FaultCondition)['kind'];

/** The words of one service, by which faults for it are checked. */
export interface FaultVocabulary {
  /** Names for `operation`, as the service itself writes them; any if absent, where they are not a closed list. */
  readonly operations?: readonly string[];
  /** Names for `reason`; spaces, hyphens, underscores and case do not count; any if absent. */
  readonly reasons?: readonly string[];
  /** Which actions about whole connections or services it does; none if absent. */
  readonly wholes?: readonly WholeFaultKind[];
}

/**
 * Refuses a fault that could never strike: its words are those of the service that it names, or of any service if it
 * names none. Where nothing is known yet, as before services start, everything passes.
 *
 * @throws KpsimError `fault_unknown_word`, with the words allowed
 */
export function demandKnownWords(
  { service, operation, action }: Pick<FaultSpec, 'service' | 'operation'> & { readonly action: FaultAction },
  vocabularies: ReadonlyMap<string, FaultVocabulary>,
): void {
  if (vocabularies.size === 0) return;
  const named = service === undefined ? undefined : vocabularies.get(service);
  if (service !== undefined && !named) throw unknownWord(service, 'service here', [...vocabularies.keys()]);
  const candidates = named ? [named] : [...vocabularies.values()];
  const whose = named ? 'of this service' : 'of a service here';
  const operations = union(candidates.map((one) => one.operations));
  if (operation !== undefined && operations && !operations.includes(operation)) {
    throw unknownWord(operation, `operation ${whose}`, operations);
  }
  if (!isRequestAction(action)) {
    const wholes = union(candidates.map((one) => one.wholes ?? [])) ?? [];
    if (!wholes.some((kind) => kind === action.kind)) throw noSuchWhole(action.kind, wholes, vocabularies);
  }
  if (action.kind !== 'error') return;
  const reasons = union(candidates.map((one) => one.reasons));
  if (reasons && !reasons.some((known) => plainWord(known) === plainWord(action.reason))) {
    throw unknownWord(action.reason, `reason ${whose}`, reasons);
  }
}

/** A word of a protocol without what is written differently here and there: `General Failure`, `GENERAL_FAILURE`. */
export function plainWord(word: string): string {
  return word.replaceAll(/[\s_-]/g, '').toLowerCase();
}

/** All words of all lists; undefined if one of them is open. */
function union<W extends string>(lists: readonly (readonly W[] | undefined)[]): readonly W[] | undefined {
  const words = new Set<W>();
  for (const list of lists) {
    if (!list) return undefined;
    for (const word of list) words.add(word);
  }
  return [...words];
}

function unknownWord(word: string, what: string, known: readonly string[]): KpsimError {
  return new KpsimError(
    'fault_unknown_word',
    `${JSON.stringify(word.slice(0, 200))} is no ${what}. Allowed: ${known.join(', ')}.`,
  );
}

function noSuchWhole(
  kind: string,
  known: readonly string[],
  vocabularies: ReadonlyMap<string, FaultVocabulary>,
): KpsimError {
  const able = [...vocabularies].filter(([, { wholes = [] }]) => wholes.some((one) => one === kind));
  const here =
    able.length === 0 ? 'no service here does' : `only ${able.map(([name]) => name).join(', ')} can`;
  const instead = [...FAULT_KINDS.request, ...known].join(', ');
  return new KpsimError(
    'fault_unknown_word',
    `${JSON.stringify(kind)} is no action of this service; ${here}. Allowed: ${instead}.`,
  );
}
