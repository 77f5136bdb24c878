import type { AttributePattern, RequestPayload } from '../../wire/kmip/index.js';
import { KmipError, STORAGE_STATUS_MASK, attributeOf } from '../../wire/kmip/index.js';
import { randomKeyBytes } from '../../core/secret.js';
import type { Condition } from '../attributes/matching.js';
import { conditionsOf, searchTermsOf } from '../attributes/matching.js';
import { symmetricKey } from '../objects/made-objects.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { newObject } from '../objects/new-object.js';
import { keyLengthOf, setOddParity } from '../objects/symmetric-algorithms.js';
import type { RequestScope } from '../server/scope.js';
import { guarded } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

/** Objects that are looked at to count all matches; a search that takes longer ends with its page, without a count. */
const COUNTED_OBJECTS = 10_000;

/** Which part of the matches is returned. */
interface Page {
  readonly offset: number;
  readonly maximum: number;
}

/** What a search found. */
interface Located {
  readonly page: readonly string[];
  /** How many match; undefined if that was not determined. */
  readonly count: number | undefined;
}

/** Finds objects by their attributes, newest first. KMIP 1.4 §4.9, KMIP 2.1 §6.1.28. */
export const locate: OperationHandler<'Locate'> = async (payload, scope) => {
  const wanted = (scope.speaks2 ? payload.attributesStructure : payload.attributes) ?? [];
  const { limits } = scope.config;
  const page: Page = {
    maximum: Math.min(
      demandCount(payload.maximumItems, 'Maximum Items') ?? limits.locatedItems,
      limits.locatedItems,
    ),
    offset: demandCount(payload.offsetItems, 'Offset Items') ?? 0,
  };
  const conditions = [...conditionsOf(wanted, scope), storageCondition(payload, wanted, scope)];
  const located = await find(payload, wanted, conditions, page, scope);
  const [only] = located.page;
  if (only !== undefined && located.page.length === 1) scope.returns('Locate', only);
  else scope.placeholder = undefined;
  return { locatedItems: located.count, uniqueIdentifiers: located.page };
};

async function find(
  payload: RequestPayload<'Locate'>,
  wanted: readonly AttributePattern[],
  conditions: readonly Condition[],
  page: Page,
  scope: RequestScope,
): Promise<Located> {
  const { objectGroupMember } = payload;
  // A search costs something also if it finds nothing.
  await scope.searchBudget.take();
  if (objectGroupMember !== undefined) {
    return await groupMembers(objectGroupMember, wanted, conditions, page, scope);
  }
  const only = keyOfName(payload, wanted, scope);
  if (only !== undefined) {
    await scope.searchBudget.take();
    return pageOf([only], page.offset, page.maximum);
  }
  return await newestFirst(candidates(wanted, scope), conditions, page);
}

/**
 * The key that a search for nothing but its Name finds, if it is in memory: then no other object of the client's does,
 * and where no policy opens those of others, none at all.
 */
function keyOfName(
  { storageStatusMask }: RequestPayload<'Locate'>,
  wanted: readonly AttributePattern[],
  { client, workspace, server }: RequestScope,
): string | undefined {
  const [pattern, ...others] = wanted;
  if (pattern?.name !== 'Name' || others.length > 0 || searchTermsOf(wanted).length === 0) return undefined;
  if ((storageStatusMask ?? STORAGE_STATUS_MASK.OnLineStorage) !== STORAGE_STATUS_MASK.OnLineStorage) {
    return undefined;
  }
  if (server.policies.openedTo(client, 'Locate').length > 0) return undefined;
  const key = workspace.named(client.owner, pattern.value);
  return key && server.policies.allows(client, 'Locate', key) ? key.uniqueIdentifier : undefined;
}

/**
 * Objects that may match: the client's own, then those of others that operation policies open to it. Others are served
 * now and then, also where a batch has many short searches.
 *
 * @throws Refusal `searchTooLong`
 */
async function* candidates(
  wanted: readonly AttributePattern[],
  scope: RequestScope,
): AsyncGenerator<ManagedObject> {
  const { client, workspace, server, searchBudget } = scope;
  const named = wanted.find(({ name }) => name === 'UniqueIdentifier');
  if (named) {
    const object = await workspace.read(String(named.value));
    if (object && server.policies.allows(client, 'Locate', guarded(object))) yield object;
    return;
  }
  const terms = searchTermsOf(wanted);
  for await (const object of workspace.search(client.owner, terms)) {
    const turn = searchBudget.take();
    if (turn) await turn;
    if (server.policies.allows(client, 'Locate', guarded(object))) yield object;
  }
  const types = wanted.filter(({ name }) => name === 'ObjectType').map(({ value }) => value);
  const seen = new Set<string>();
  for (const { policyName, objectType } of server.policies.openedTo(client, 'Locate')) {
    if (objectType !== undefined && types.some((type) => type !== objectType)) continue;
    const opened = searchTermsOf([
      { name: 'OperationPolicyName', value: policyName },
      ...(objectType === undefined ? [] : [{ name: 'ObjectType', value: objectType }]),
    ]);
    for await (const object of workspace.search(undefined, [...terms, ...opened])) {
      const turn = searchBudget.take();
      if (turn) await turn;
      const { uniqueIdentifier, owner } = object;
      if (owner === client.owner || seen.has(uniqueIdentifier)) continue;
      if (!server.policies.allows(client, 'Locate', guarded(object))) continue;
      seen.add(uniqueIdentifier);
      yield object;
    }
  }
}

async function newestFirst(
  objects: AsyncGenerator<ManagedObject>,
  conditions: readonly Condition[],
  { offset, maximum }: Page,
): Promise<Located> {
  const page: string[] = [];
  let count = 0;
  let looked = 0;
  for await (const object of objects) {
    looked += 1;
    if (conditions.every((condition) => condition(object))) {
      count += 1;
      if (count > offset && page.length < maximum) page.push(object.uniqueIdentifier);
    }
    if (looked > COUNTED_OBJECTS && page.length === maximum) return { page, count: undefined };
  }
  return { page, count };
}

/**
 * Members of an object group, oldest first: the fresh ones, or the default one, which is each in turn. Where there is
 * no fresh one left, one is made if the group is configured so. KMIP 1.4 §4.9.
 */
async function groupMembers(
  member: NonNullable<RequestPayload<'Locate'>['objectGroupMember']>,
  wanted: readonly AttributePattern[],
  conditions: readonly Condition[],
  { offset, maximum }: Page,
  scope: RequestScope,
): Promise<Located> {
  const fresh = member === 'GroupMemberFresh';
  const all = fresh ? [...conditions, isFresh] : conditions;
  const members: string[] = [];
  for await (const object of candidates(wanted, scope)) {
    if (all.every((condition) => condition(object))) members.push(object.uniqueIdentifier);
  }
  members.reverse();
  const group = wanted.find(({ name }) => name === 'ObjectGroup')?.value;
  if (typeof group !== 'string') return pageOf(members, offset, maximum);
  if (!fresh) {
    return pageOf(scope.server.objectGroups.takeTurn(scope.client.owner, group, members), offset, maximum);
  }
  if (members.length === 0) {
    const made = await madeMember(group, scope);
    if (made && all.every((condition) => condition(made))) {
      scope.workspace.add(made);
      members.push(made.uniqueIdentifier);
    }
  }
  return pageOf(members, offset, maximum);
}

function pageOf(found: readonly string[], offset: number, maximum: number): Located {
  return { page: found.slice(offset, offset + maximum), count: found.length };
}

function isFresh(object: ManagedObject): boolean {
  return object.get('Fresh') === true;
}

/** A new key of a group, if the configuration says that there are to be some; not yet in the workspace. */
async function madeMember(group: string, scope: RequestScope): Promise<ManagedObject | undefined> {
  const recipe = Object.hasOwn(scope.config.generatedGroups, group)
    ? scope.config.generatedGroups[group]
    : undefined;
  if (!recipe) return undefined;
  const { lengthBits, keyByteCount, parity } = keyLengthOf(recipe.algorithm, recipe.lengthBits);
  const keyMaterial = randomKeyBytes(keyByteCount);
  if (parity) setOddParity(keyMaterial);
  const attributes = [
    attributeOf('CryptographicAlgorithm', recipe.algorithm),
    attributeOf('CryptographicLength', lengthBits),
    attributeOf('CryptographicUsageMask', recipe.usageMask),
    attributeOf('ObjectGroup', group),
  ];
  const value = symmetricKey(keyMaterial, recipe.algorithm, lengthBits);
  return await newObject('SymmetricKey', value, attributes, { madeHere: true }, scope);
}

/**
 * Where objects are searched: on-line if the request does not say. Requests of KMIP 1.x have no bit for what is
 * destroyed; they find it by asking for State or Destroy Date (own choice).
 */
function storageCondition(
  { storageStatusMask }: RequestPayload<'Locate'>,
  wanted: readonly AttributePattern[],
  { speaks2 }: RequestScope,
): Condition {
  const asksForState = wanted.some(({ name }) => name === 'State' || name === 'DestroyDate');
  const implied = !speaks2 && asksForState ? STORAGE_STATUS_MASK.DestroyedStorage : 0;
  const searched = (storageStatusMask ?? STORAGE_STATUS_MASK.OnLineStorage) | implied;
  return (object) => (storageOf(object) & searched) !== 0;
}

function storageOf(object: ManagedObject): number {
  if (object.get('DestroyDate') !== undefined) return STORAGE_STATUS_MASK.DestroyedStorage;
  if (object.get('ArchiveDate') !== undefined) return STORAGE_STATUS_MASK.ArchivalStorage;
  return STORAGE_STATUS_MASK.OnLineStorage;
}

function demandCount(value: number | undefined, name: string): number | undefined {
  if (value !== undefined && value < 0) throw new KmipError('InvalidField', `${name} must not be negative.`);
  return value;
}
