import type { ResponseMessage, TtlvItem } from '../../wire/kmip/index.js';
import { decodeResponse, decodeTree, encodeTree, tagValue } from '../../wire/kmip/index.js';
import type { DamagedMessage } from './mutations.js';
import { isFramed } from './target.js';

/** What became of a message. */
export interface Verdict {
  /** What is wrong with the answer, in words that are the same for the same defect; undefined if nothing is. */
  readonly defect: string | undefined;
  /** Status or reason of each item of the answers. */
  readonly outcomes: readonly string[];
  /** Identifiers of objects that the answers tell of. */
  readonly identifiers: readonly string[];
}

/**
 * Judges the answers to a message: each must be a well-formed response, and none a General Failure, which says that
 * something happened that the server did not think of.
 */
export function verdictOn(message: DamagedMessage, answers: readonly Buffer[]): Verdict {
  const whole = message.encoding !== 'ttlv' || isFramed(message.bytes);
  if (whole && answers.length !== 1) return defective('no answer to a whole message');
  const outcomes: string[] = [];
  const identifiers: string[] = [];
  for (const answer of answers) {
    let response: ResponseMessage;
    let tree: TtlvItem;
    try {
      tree = decodeTree(answer);
      response = decodeResponse(answer);
    } catch (error) {
      return defective(`an answer that is not well formed: ${String(error)}`);
    }
    if (!encodeTree(tree).equals(answer)) return defective('an answer that is not canonical');
    for (const { resultStatus, resultReason, resultMessage } of response.batchItems) {
      if (resultReason === 'GeneralFailure' && !isDeliberate(resultMessage))
        return defective(`General Failure: ${resultMessage ?? ''}`);
      if (resultStatus === 'OperationFailed' && resultReason === undefined)
        return defective('a failure without reason');
      outcomes.push(String(resultStatus === 'OperationFailed' ? resultReason : resultStatus));
    }
    identifiers.push(...identifiersIn(tree));
  }
  return { defect: undefined, outcomes, identifiers };
}

/**
 * General Failures that mean what they say: OASIS's own (QS-M-2, CS-BC-M-GCM-1), and what KMIP 1.x has no better reason
 * for.
 */
const DELIBERATE = [
  /is not quantum safe/,
  /^An Authenticated Encryption Tag of/,
  /^\d+ (?:tickets are out|asynchronous requests of this client)/,
  /^As many multi-part operations are under way/,
  /an earlier item of the same batch failed/,
] as const;

function isDeliberate(resultMessage = ''): boolean {
  return DELIBERATE.some((pattern) => pattern.test(resultMessage));
}

function defective(defect: string): Verdict {
  return { defect, outcomes: [], identifiers: [] };
}

const UNIQUE_IDENTIFIER = tagValue('UniqueIdentifier');

function* identifiersIn(item: TtlvItem): Generator<string> {
  if (item.type === 'Structure') for (const inner of item.value) yield* identifiersIn(inner);
  else if (item.type === 'TextString' && item.tag === UNIQUE_IDENTIFIER) yield item.value;
}
