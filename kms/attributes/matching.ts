import { isDeepStrictEqual } from 'node:util';

import type { AttributePattern, AttributeValueOf } from '../../wire/kmip/index.js';
import { KmipError, LARGEST_DATE_TIME, attributeFields, attributeRow } from '../../wire/kmip/index.js';
import { COMPUTED_ATTRIBUTES, instancesAt } from '../objects/computed.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { isSearchTerm, searchTerm } from '../objects/record.js';
import type { RequestScope } from '../server/scope.js';
import { demandRule, sameValue } from './changes.js';

/** A condition on an object. */
export type Condition = (object: ManagedObject) => boolean;

/** Attributes that are bit masks: an object may have more bits than asked for. */
const MASKS: readonly string[] = ['CryptographicUsageMask', 'ProtectionStorageMask'];

/**
 * The conditions that attributes of a Locate request are (KMIP 1.4 §4.9).
 *
 * @throws Refusal `attributeUnknown`; KmipError `InvalidField` for three values of a date
 */
export function conditionsOf(wanted: readonly AttributePattern[], scope: RequestScope): Condition[] {
  const byName = new Map<string, unknown[]>();
  for (const { name, value } of wanted) {
    demandRule(name, scope);
    byName.set(name, [...(byName.get(name) ?? []), value]);
  }
  return [...byName].map(([name, patterns]) => {
    const suits = isDate(name) ? dateRange(name, patterns as number[]) : everyPattern(name, patterns);
    return (object) => suits(instancesAt(object, name, scope.nowSeconds).map(({ value }) => value));
  });
}

/** Attributes that the store is asked for at once; what it finds is looked at for the others. Own choice. */
const SEARCH_TERMS = 16;

/** Those of the attributes by which the store itself finds objects: stored values that must be equal, the telling ones. */
export function searchTermsOf(wanted: readonly AttributePattern[]): AttributePattern[] {
  const terms = wanted.filter(
    ({ name, value }) =>
      name === 'ObjectType' ||
      (!Object.hasOwn(COMPUTED_ATTRIBUTES, name) && isSearchTerm(name, value) && isWhole(name, value)),
  );
  if (terms.length <= SEARCH_TERMS) return terms;
  const different = [
    ...new Map(terms.map((term) => [searchTerm(term.name, term.value).toString('latin1'), term])).values(),
  ];
  return different
    .sort((left, right) => commonness(left.name) - commonness(right.name))
    .slice(0, SEARCH_TERMS);
}

/** A name is one object's; objects of a type, of an algorithm are many. */
function commonness(name: string): number {
  if (name === 'Name') return 0;
  return name === 'ObjectType' || name === 'CryptographicAlgorithm' ? 2 : 1;
}

/** Whether a pattern leaves nothing open, so that it matches equal values only. */
function isWhole(name: string, pattern: unknown): boolean {
  const given = pattern as Readonly<Record<string, unknown>>;
  return attributeFields(name)?.every((field) => given[field] !== undefined) ?? true;
}

/** Every value asked for is that of some instance. */
function everyPattern(name: string, patterns: readonly unknown[]): (values: readonly unknown[]) => boolean {
  return (values) => patterns.every((pattern) => values.some((value) => matches(name, pattern, value)));
}

/** Whether a value is as asked for: equal, or of a structure in all the fields that are given. */
export function matches(name: string, pattern: unknown, value: unknown): boolean {
  if (MASKS.includes(name)) return ((value as number) & (pattern as number)) === pattern;
  if (name === 'UsageLimits') {
    return suffices(
      pattern as Partial<AttributeValueOf<'UsageLimits'>>,
      value as AttributeValueOf<'UsageLimits'>,
    );
  }
  if (attributeFields(name) === undefined) return sameValue(name, value, pattern);
  const found = value as Readonly<Record<string, unknown>>;
  return Object.entries(pattern as object).every(([field, asked]) => agrees(asked, found[field]));
}

/** Fields that may be repeated agree if all that is asked for is there. */
function agrees(asked: unknown, found: unknown): boolean {
  if (!Array.isArray(asked) || !Array.isArray(found)) return isDeepStrictEqual(asked, found);
  return asked.every((one) => found.some((it) => isDeepStrictEqual(one, it)));
}

/** Total and Count must be as large as asked for, or larger. */
function suffices(
  asked: Partial<AttributeValueOf<'UsageLimits'>>,
  { total, count, unit }: AttributeValueOf<'UsageLimits'>,
): boolean {
  return (
    total >= (asked.total ?? total) &&
    (count ?? total) >= (asked.count ?? count ?? total) &&
    unit === (asked.unit ?? unit)
  );
}

/** One date must be met, two are the limits of a range. An object without the date has the largest one (KMIP 1.4 §4.9). */
function dateRange(name: string, dates: readonly number[]): (values: readonly unknown[]) => boolean {
  if (dates.length > 2) {
    throw new KmipError(
      'InvalidField',
      `${name} is given ${dates.length} times; give a date, or the two of a range.`,
    );
  }
  const from = Math.min(...dates);
  const to = Math.max(...dates);
  return (values) => {
    const date = (values[0] as number | undefined) ?? LARGEST_DATE_TIME;
    return date >= from && date <= to;
  };
}

function isDate(name: string): boolean {
  return name.endsWith('Date') && attributeRow(name) !== undefined;
}
