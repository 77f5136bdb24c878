import type { TtlvItem } from '../../wire/kmip/index.js';
import { tagText, tagValue } from '../../wire/kmip/index.js';

/** Fields whose values differ from one server and one moment to the next. */
const NOT_COMPARED = new Set([
  tagValue('TimeStamp'),
  tagValue('ResultMessage'),
  tagValue('ServerInformation'),
]);
/** Attributes whose values are times or choices of the recorded server. */
const ATTRIBUTES_NOT_COMPARED = /Date$|^Lease Time$/;
/** Fields of which the live server may have more than the recorded one. */
const OPEN_LISTS = new Set(
  ['Attribute', 'AttributeName', 'Operation', 'ObjectType'].map((name) => tagValue(name as never)),
);

/** Compares a live server's answers with recorded ones, binding what each server chooses for itself. */
export class RecordedAnswers {
  readonly #live = new Map<string, TtlvItem>();

  /** A recorded request with the live server's identifiers in it. */
  translate(item: TtlvItem): TtlvItem {
    if (item.type === 'Structure')
      return { ...item, value: item.value.map((inner) => this.translate(inner)) };
    const bound = this.#live.get(keyOf(item));
    return bound ? { ...bound, tag: item.tag } : item;
  }

  /** What differs, as paths with the values; empty if the answers agree. */
  differences(recorded: TtlvItem, live: TtlvItem, path = tagText(recorded.tag)): string[] {
    if (NOT_COMPARED.has(recorded.tag)) return [];
    if (recorded.type === 'Structure' && live.type === 'Structure')
      return this.#inStructures(recorded, live, path);
    if (recorded.type !== live.type) return [`${path}: ${recorded.type} recorded, ${live.type} found`];
    if (isChosen(recorded, live)) {
      const key = keyOf(recorded);
      const bound = this.#live.get(key);
      if (!bound) this.#live.set(key, live);
      return !bound || keyOf(bound) === keyOf(live) ? [] : [`${path}: another value than before`];
    }
    return keyOf(recorded) === keyOf(live)
      ? []
      : [`${path}: ${text(recorded)} recorded, ${text(live)} found`];
  }

  #inStructures(
    recorded: TtlvItem & { readonly type: 'Structure' },
    live: TtlvItem & { readonly type: 'Structure' },
    path: string,
  ): string[] {
    if (isNamed(recorded, ATTRIBUTES_NOT_COMPARED)) return [];
    const left = [...live.value];
    const found: string[] = [];
    for (const expected of recorded.value) {
      const where = `${path}/${tagText(expected.tag)}${nameIn(expected)}`;
      const at = left.findIndex((item) => item.tag === expected.tag && nameIn(item) === nameIn(expected));
      const [candidate] = at < 0 ? [] : left.splice(at, 1);
      if (candidate) found.push(...this.differences(expected, candidate, where));
      else if (!NOT_COMPARED.has(expected.tag)) found.push(`${where}: missing`);
    }
    const unexpected = left.filter((item) => !OPEN_LISTS.has(item.tag) && !NOT_COMPARED.has(item.tag));
    return [...found, ...unexpected.map((item) => `${path}/${tagText(item.tag)}: not recorded`)];
  }
}

/** Identifiers and random bytes are the server's choice; equal ones need no binding. */
function isChosen(recorded: TtlvItem, live: TtlvItem): boolean {
  if (keyOf(recorded) === keyOf(live)) return false;
  const chosen = [
    'UniqueIdentifier',
    'LinkedObjectIdentifier',
    'KeyMaterial',
    'DigestValue',
    'AsynchronousCorrelationValue',
  ];
  return chosen.some((name) => recorded.tag === tagValue(name as never)) || isUuidValue(recorded);
}

/** The Unique Identifier as an attribute's value. */
function isUuidValue(item: TtlvItem): boolean {
  return (
    item.type === 'TextString' &&
    /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/.test(item.value)
  );
}

function keyOf(item: TtlvItem): string {
  return `${item.type} ${text(item)}`;
}

function text(item: TtlvItem): string {
  if (item.type === 'Structure') return item.value.map(text).join();
  return Buffer.isBuffer(item.value) ? item.value.toString('hex') : String(item.value);
}

/** What tells items of one tag apart: an attribute's name, an operation, a plain list value. */
function nameIn(item: TtlvItem): string {
  if (item.type === 'Structure') {
    if (item.tag !== tagValue('Attribute')) return '';
    const name = item.value.find((inner) => inner.tag === tagValue('AttributeName'));
    return name ? ` ${text(name)}` : '';
  }
  return OPEN_LISTS.has(item.tag) ? ` ${text(item)}` : '';
}

function isNamed(item: TtlvItem, pattern: RegExp): boolean {
  return item.tag === tagValue('Attribute') && pattern.test(nameIn(item).trim());
}
