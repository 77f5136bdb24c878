import { enumerationText } from '../../wire/kmip/encodings/scalars.js';
import type { TagName, TtlvItem } from '../../wire/kmip/index.js';
import { enumerationRows, tagText, tagValue } from '../../wire/kmip/index.js';

type Structure = TtlvItem & { readonly type: 'Structure' };

/** What the answers of one suite leave to the server. */
export interface RecordingRules {
  /** Fields that are not compared and need not be there. */
  readonly notCompared: readonly TagName[];
  /** Fields that the live server may add, but not leave out. */
  readonly mayBeAdded?: readonly TagName[];
  /**
   * Whether a recorded value is the recorded server's choice; the live one is bound to it at first sight.
   *
   * @param sent whether a request held the value before
   */
  isChosen(recorded: TtlvItem, sent: boolean): boolean;
  /** Fields whose recorded value stands for another one when the request did not hold the field. */
  readonly newUnlessSent?: readonly TagName[];
  /** Whether a value of a request that nothing is bound to stands for the latest one of its field in an answer. */
  isLatest?(recorded: TtlvItem): boolean;
  /** Whether a recorded structure is passed over, whatever the live one holds. */
  isPassedOver?(recorded: TtlvItem): boolean;
}

/** Operations whose answers are lists of which the live server may have more. */
const LISTING = new Set(
  (['Query', 'GetAttributeList'] as const).map((name) => enumerationRows('Operation')[name].value),
);
const GET_ATTRIBUTES = enumerationRows('Operation').GetAttributes.value;
/** Lists without an order of their own. */
const UNORDERED: ReadonlySet<number> = new Set(
  (
    ['Attribute', 'Attributes', 'AttributeName', 'AttributeReference', 'Operation', 'ObjectType'] as const
  ).map(tagValue),
);

/**
 * Compares a live server's answers with recorded ones, binding what each server chooses for itself.
 *
 * Compared are the fields of every structure, their types and values, and their order, that of lists of attributes,
 * operations and object types excepted. The live server may have more than was recorded in answers to Query, Get
 * Attribute List and Get Attributes without names, and nowhere else; it may have less nowhere.
 */
export class RecordedAnswers {
  readonly #rules: RecordingRules;
  readonly #notCompared: ReadonlySet<number>;
  readonly #mayBeAdded: ReadonlySet<number>;
  readonly #sent: Set<string>;
  #live = new Map<string, TtlvItem>();
  /** Latest live value by tag. */
  readonly #latest = new Map<number, TtlvItem>();

  /** @param sent what requests held; shared by suites that go on where others stopped */
  constructor(rules: RecordingRules, sent = new Set<string>()) {
    this.#rules = rules;
    this.#sent = sent;
    this.#notCompared = new Set(rules.notCompared.map(tagValue));
    this.#mayBeAdded = new Set([...rules.notCompared, ...(rules.mayBeAdded ?? [])].map(tagValue));
  }

  /** A recorded request with the live server's choices in it. */
  translate(item: TtlvItem): TtlvItem {
    if (item.type === 'Structure')
      return { ...item, value: item.value.map((inner) => this.translate(inner)) };
    const latest = this.#rules.isLatest?.(item) === true ? this.#latest.get(item.tag) : undefined;
    const bound = this.#live.get(keyOf(item)) ?? latest;
    this.#sent.add(keyOf(item));
    return bound ? { ...bound, tag: item.tag } : item;
  }

  /** What differs between two response messages, as paths with the values; empty if they agree. */
  differences(request: TtlvItem, recorded: TtlvItem, live: TtlvItem): string[] {
    for (const leaf of leavesOf(live)) this.#latest.set(leaf.tag, leaf);
    this.#forgetUnsent(request, recorded);
    const asked = batchItemsOf(request);
    const answered = batchItemsOf(live);
    const expected = batchItemsOf(recorded);
    const found = this.#compare(withoutBatchItems(recorded), withoutBatchItems(live), false, '');
    for (const [index, item] of expected.entries()) {
      const counterpart = answered[index];
      const path = expected.length > 1 ? `[${index}]` : '';
      if (!counterpart) found.push(`${path}: missing`);
      else if (failureOf(counterpart) !== '' && failureOf(item) === '')
        found.push(`${path === '' ? '' : `${path} `}failed: ${failureOf(counterpart)}`);
      else found.push(...this.#compare(item, counterpart, isListing(asked[index]), path));
    }
    if (answered.length > expected.length)
      found.push(`${answered.length} batch items, ${expected.length} recorded`);
    return found;
  }

  #forgetUnsent(request: TtlvItem, recorded: TtlvItem): void {
    const sent = new Set(leavesOf(request).map(({ tag }) => tag));
    const renewed = (this.#rules.newUnlessSent ?? []).map(tagValue).filter((tag) => !sent.has(tag));
    for (const leaf of leavesOf(recorded)) if (renewed.includes(leaf.tag)) this.#live.delete(keyOf(leaf));
  }

  #compare(recorded: TtlvItem, live: TtlvItem, open: boolean, path: string): string[] {
    if (this.#notCompared.has(recorded.tag) || this.#rules.isPassedOver?.(recorded) === true) return [];
    if (recorded.type === 'Structure' && live.type === 'Structure')
      return this.#inStructures(recorded, live, open, path);
    const key = keyOf(recorded);
    if (this.#rules.isChosen(recorded, this.#sent.has(key)) && key !== keyOf(live)) {
      const bound = this.#live.get(key);
      if (!bound) this.#live.set(key, live);
      return !bound || keyOf(bound) === keyOf(live) ? [] : [`${path}: another value than before`];
    }
    if (recorded.type !== live.type) return [`${path}: ${recorded.type} recorded, ${live.type} found`];
    return keyOf(recorded) === keyOf(live)
      ? []
      : [`${path}: ${text(recorded)} recorded, ${text(live)} found`];
  }

  #inStructures(recorded: Structure, live: Structure, open: boolean, path: string): string[] {
    const left = [...live.value];
    const found: string[] = [];
    let last = -1;
    for (const expected of recorded.value) {
      const where = `${path}/${tagText(expected.tag)}${nameIn(expected)}`;
      const candidate = this.#counterpart(expected, left, open);
      if (!candidate) {
        if (!this.#notCompared.has(expected.tag)) found.push(`${where}: missing`);
        continue;
      }
      left.splice(left.indexOf(candidate), 1);
      found.push(...this.#compare(expected, candidate, open, where));
      const position = live.value.indexOf(candidate);
      if (position < last && !isUnordered(recorded, expected)) found.push(`${where}: out of order`);
      last = Math.max(last, position);
    }
    // The batch item around a list is as recorded.
    if (open && recorded.tag !== tagValue('BatchItem')) return found;
    const unexpected = left.filter((item) => !this.#mayBeAdded.has(item.tag));
    return [
      ...found,
      ...unexpected.map((item) => `${path}/${tagText(item.tag)}${nameIn(item)}: not recorded`),
    ];
  }

  /** The live item that equals a recorded one, or else the first that has its tag and name. */
  #counterpart(expected: TtlvItem, left: readonly TtlvItem[], open: boolean): TtlvItem | undefined {
    const candidates = left.filter((item) => item.tag === expected.tag && nameIn(item) === nameIn(expected));
    if (candidates.length < 2) return candidates[0];
    const bindings = this.#live;
    const equal = candidates.find((candidate) => {
      this.#live = new Map(bindings);
      return this.#compare(expected, candidate, open, '').length === 0;
    });
    this.#live = bindings;
    return equal ?? candidates[0];
  }
}

function batchItemsOf(message: TtlvItem): readonly TtlvItem[] {
  return childrenOf(message).filter((item) => item.tag === tagValue('BatchItem'));
}

function withoutBatchItems(message: TtlvItem): TtlvItem {
  const header = childrenOf(message).filter((item) => item.tag !== tagValue('BatchItem'));
  return { tag: message.tag, type: 'Structure', value: header };
}

function childrenOf(item: TtlvItem | undefined): readonly TtlvItem[] {
  return item?.type === 'Structure' ? item.value : [];
}

function leavesOf(item: TtlvItem): readonly TtlvItem[] {
  return item.type === 'Structure' ? item.value.flatMap(leavesOf) : [item];
}

/** Whether an answer lists what the server or the object has, however much that is. */
function isListing(request: TtlvItem | undefined): boolean {
  const fields = childrenOf(request);
  const operation = fields.find((item) => item.tag === tagValue('Operation'))?.value;
  if (typeof operation !== 'number') return false;
  if (LISTING.has(operation)) return true;
  const payload = childrenOf(fields.find((item) => item.tag === tagValue('RequestPayload')));
  const named = payload.some((item) => item.tag !== tagValue('UniqueIdentifier'));
  return operation === GET_ATTRIBUTES && !named;
}

/** Reason and message of a batch item that failed; empty if it did not. */
function failureOf(item: TtlvItem): string {
  const fields = childrenOf(item);
  const shown = (['ResultReason', 'ResultMessage'] as const)
    .flatMap((name) => fields.filter((field) => field.tag === tagValue(name)))
    .map(text);
  return shown.join(': ');
}

function isUnordered(structure: TtlvItem, item: TtlvItem): boolean {
  return UNORDERED.has(item.tag) || UNORDERED.has(structure.tag);
}

function keyOf(item: TtlvItem): string {
  return `${item.type} ${text(item)}`;
}

function text(item: TtlvItem): string {
  if (item.type === 'Structure') return item.value.map(text).join();
  if (item.type === 'Enumeration') return enumerationText(item.value, item.tag);
  return Buffer.isBuffer(item.value) ? item.value.toString('hex') : String(item.value);
}

/** What tells items of one tag apart: an attribute's name, a plain value of a list. */
export function nameIn(item: TtlvItem): string {
  if (item.type === 'Structure') {
    if (item.tag !== tagValue('Attribute')) return '';
    const name = item.value.find((inner) => inner.tag === tagValue('AttributeName'));
    return name ? ` ${text(name)}` : '';
  }
  return UNORDERED.has(item.tag) ? ` ${text(item)}` : '';
}
