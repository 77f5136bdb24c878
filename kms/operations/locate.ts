import type { Attribute } from '../../wire/kmip/index.js';
import { KmipError, STORAGE_STATUS_MASK, attributeRow } from '../../wire/kmip/index.js';
import { demandRule, sameValue } from '../attributes/changes.js';
import { COMPUTED_ATTRIBUTES, instancesAt } from '../objects/computed.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { isSearchTerm } from '../objects/record.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

/** One attribute's condition on a located object. */
type Condition = (object: ManagedObject) => boolean;

/** Finds objects by their attributes, newest first. KMIP 1.4 §4.9. */
export const locate: OperationHandler<'Locate'> = async (payload, scope) => {
  const wanted = (scope.speaks2 ? payload.attributesStructure : payload.attributes) ?? [];
  const { limits } = scope.config;
  const maximum = Math.min(
    demandCount(payload.maximumItems, 'Maximum Items') ?? limits.locatedItems,
    limits.locatedItems,
  );
  const offset = demandCount(payload.offsetItems, 'Offset Items') ?? 0;
  const searched = STORAGE_STATUS_MASK.OnLineStorage | STORAGE_STATUS_MASK.DestroyedStorage;
  const onLine = ((payload.storageStatusMask ?? searched) & searched) !== 0;
  const conditions = conditionsOf(wanted, scope);
  const { objectGroupMember } = payload;
  if (objectGroupMember === 'GroupMemberFresh') conditions.push((object) => object.get('Fresh') === true);
  if (!asksForDestroyed(payload.storageStatusMask, wanted)) conditions.push((object) => !isDestroyed(object));

  const located: string[] = [];
  for (const identifier of onLine ? await scope.workspace.find(scope.client.owner, indexed(wanted)) : []) {
    const object = await scope.workspace.read(identifier);
    if (object && conditions.every((condition) => condition(object))) located.push(identifier);
  }
  // Newest first (KMIP 2.1 §6.1.28), but the members of a group are handed out in the order they were made.
  if (objectGroupMember !== undefined) located.reverse();
  const page = located.slice(offset, offset + maximum);
  const [only] = page;
  if (only !== undefined && page.length === 1) scope.returns('Locate', only);
  else scope.placeholder = undefined;
  return { locatedItems: located.length, uniqueIdentifiers: page };
};

/** What is destroyed has no storage any more; it is found by those only who ask for it. Own choice. */
function asksForDestroyed(mask: number | undefined, wanted: readonly Attribute[]): boolean {
  return (
    ((mask ?? 0) & STORAGE_STATUS_MASK.DestroyedStorage) !== 0 ||
    wanted.some(({ name }) => name === 'State' || name === 'DestroyDate')
  );
}

function isDestroyed(object: ManagedObject): boolean {
  return object.get('DestroyDate') !== undefined;
}

/** Attributes by which the store itself narrows the search: stored ones that must be equal. */
function indexed(wanted: readonly Attribute[]): { name: string; value: unknown }[] {
  return wanted
    .filter(({ name }) => name === 'ObjectType' || (!(name in COMPUTED_ATTRIBUTES) && isSearchTerm(name)))
    .map(({ name, value }) => ({ name, value }));
}

function conditionsOf(wanted: readonly Attribute[], scope: RequestScope): Condition[] {
  const byName = new Map<string, unknown[]>();
  for (const { name, value } of wanted) {
    demandRule(name, scope);
    byName.set(name, [...(byName.get(name) ?? []), value]);
  }
  return [...byName].map(([name, values]) => {
    const instances = (object: ManagedObject) => instancesAt(object, name, scope.nowSeconds);
    if (isDate(name)) return dateCondition(name, values as number[], instances);
    if (isMask(name)) {
      return (object) =>
        values.every((mask) =>
          instances(object).some((it) => ((it.value as number) & (mask as number)) === mask),
        );
    }
    return (object) =>
      values.every((value) => instances(object).some((it) => sameValue(name, it.value, value)));
  });
}

/** One date must be met, two are the limits of a range (KMIP 1.4 §4.9). */
function dateCondition(
  name: string,
  values: readonly number[],
  instances: (object: ManagedObject) => readonly { readonly value: unknown }[],
): Condition {
  if (values.length > 2) {
    throw new KmipError(
      'InvalidField',
      `${name} is given ${values.length} times; give a date, or the two of a range.`,
    );
  }
  const from = Math.min(...values);
  const to = Math.max(...values);
  return (object) =>
    instances(object).some(({ value }) => (value as number) >= from && (value as number) <= to);
}

function isDate(name: string): boolean {
  return name.endsWith('Date') && attributeRow(name) !== undefined;
}

function isMask(name: string): boolean {
  return name === 'CryptographicUsageMask' || name === 'ProtectionStorageMask';
}

function demandCount(value: number | undefined, name: string): number | undefined {
  if (value !== undefined && value < 0) throw new KmipError('InvalidField', `${name} must not be negative.`);
  return value;
}
