import type {
  Attribute,
  AttributeName,
  AttributeValueOf,
  ManagedObjectValue,
  NameIn,
} from '../../wire/kmip/index.js';
import { KmipError, attributeTextOf } from '../../wire/kmip/index.js';
import { demandRule, demandUniqueName, sameValue } from '../attributes/changes.js';
import type { StateName } from '../attributes/rules.js';
import { appliesTo, isMultiple } from '../attributes/rules.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { COMPUTED_ATTRIBUTES } from './computed.js';
import { isCompromise } from './lifecycle.js';
import type { AttributeInstance } from './managed-object.js';
import { ManagedObject } from './managed-object.js';
import { digestOf } from './new-object.js';

/** Dates without which an object is not in a state; a State that is imported must come with them. */
const DATES_OF_STATE: Partial<
  Record<StateName, readonly ('ActivationDate' | 'DeactivationDate' | 'CompromiseDate')[]>
> = {
  Active: ['ActivationDate'],
  Deactivated: ['DeactivationDate'],
  Compromised: ['CompromiseDate'],
};

/** What is imported, and where. */
export interface Imported {
  readonly uniqueIdentifier: string;
  /** The identifier that the request gave; another one if the server assigned one. */
  readonly given: string;
  readonly value: ManagedObjectValue;
  readonly attributes: readonly Attribute[];
  /** The object that is replaced, if there is one. */
  readonly existing: ManagedObject | undefined;
}

/**
 * An object with the attributes that it is given, read-only ones included: who may set them is not asked on Import
 * (KMIP 1.4 §4.41). What every object has and is not given is set as for a registered one; what follows from others,
 * as the State from the dates, must not contradict them.
 *
 * @throws Refusal if an attribute is unknown, not for this type, or repeated, a name is taken, or the object that is
 *   replaced is known to be compromised and what is imported does not say so
 */
export async function importedObject(imported: Imported, scope: RequestScope): Promise<ManagedObject> {
  const { uniqueIdentifier, value, existing } = imported;
  const { objectType } = value;
  const map = new Map<string, AttributeInstance[]>();
  for (const attribute of imported.attributes) {
    if (Object.hasOwn(COMPUTED_ATTRIBUTES, attribute.name)) continue;
    await addImported(map, objectType, attribute, existing, scope);
  }
  const given = new ManagedObject({
    uniqueIdentifier,
    owner: scope.client.owner,
    objectType,
    attributes: map,
    value,
    revision: existing?.revision ?? 0,
  });
  const object = withDefaults(given, scope);
  for (const attribute of imported.attributes) demandConsistent(attribute, object, imported.given);
  if (existing) demandCompromiseKept(existing, object);
  return object;
}

async function addImported(
  map: Map<string, AttributeInstance[]>,
  objectType: ManagedObject['objectType'],
  attribute: Attribute,
  existing: ManagedObject | undefined,
  scope: RequestScope,
): Promise<void> {
  const { name, value } = attribute;
  const text = attributeTextOf(name);
  const rule = demandRule(name, scope);
  if (!appliesTo(rule, objectType, scope.speaks2)) {
    throw new Refusal('attributeNotForObject', `${text} does not apply to a ${objectType}. Leave it out.`);
  }
  const instances = map.get(name) ?? [];
  if (instances.length > 0 && !isMultiple(rule, objectType)) {
    throw new Refusal('attributeSingleValued', `${text} is given twice, but has one value only.`);
  }
  if (instances.length >= scope.config.limits.attributeInstances) {
    throw new Refusal('tooManyInstances', `${text} is given more often than this server keeps.`);
  }
  const index = attribute.index ?? (instances.at(-1)?.index ?? -1) + 1;
  if (index < 0 || instances.some((instance) => instance.index === index)) {
    throw new Refusal('attributeValueInvalid', `${text} is given twice with the Attribute Index ${index}.`);
  }
  if (instances.some((instance) => sameValue(name, instance.value, value))) {
    throw new Refusal('attributeValueRepeated', `${text} is given twice with the same value.`);
  }
  if (!keeps(existing, attribute)) {
    await demandUniqueName(attribute, scope.client.owner, scope, 'nameTaken');
  }
  map.set(
    name,
    [...instances, { index, value }].sort((left, right) => left.index - right.index),
  );
}

/** Whether the object that is replaced has the attribute; what it was called is free again once it is destroyed. */
function keeps(existing: ManagedObject | undefined, { name, value }: Attribute): boolean {
  if (!existing || existing.get('DestroyDate') !== undefined) return false;
  return existing.instances(name).some((instance) => sameValue(name, instance.value, value));
}

function withDefaults(given: ManagedObject, scope: RequestScope): ManagedObject {
  const sensitive = given.get('Sensitive') ?? false;
  const extractable = given.get('Extractable') ?? true;
  const isTemplate = given.objectType === 'Template';
  return given.with({
    InitialDate: given.get('InitialDate') ?? scope.nowSeconds,
    LastChangeDate: given.get('LastChangeDate') ?? scope.nowSeconds,
    OperationPolicyName: given.get('OperationPolicyName') ?? 'default',
    Sensitive: sensitive,
    AlwaysSensitive: given.get('AlwaysSensitive') ?? sensitive,
    Extractable: extractable,
    NeverExtractable: given.get('NeverExtractable') ?? !extractable,
    Fresh: isTemplate ? undefined : (given.get('Fresh') ?? true),
    LeaseTime: isTemplate ? undefined : (given.get('LeaseTime') ?? scope.config.leaseSeconds),
    Digest: given.get('Digest') ?? (given.value && digestOf(given.value)),
  });
}

type Consistency = (value: unknown, object: ManagedObject, given: string) => string | undefined;

const DESTROYED = 'is that of an object of which nothing is left to import';
const UNEXPLAINED = 'says that the object is compromised, but it has no Compromise Date';

/** What is wrong with attributes that do not agree with the object, with each other or with the request. */
const CONSISTENCY: Partial<Record<AttributeName, Consistency>> = {
  UniqueIdentifier: (value, _object, given) =>
    value === given ? undefined : 'is given otherwise as an attribute than in the request',
  ObjectType: (value, object) =>
    value === object.objectType ? undefined : 'is not that of the object itself',
  State(value, object) {
    const state = value as NameIn<'State'>;
    const missing = DATES_OF_STATE[state]?.find((date) => object.get(date) === undefined);
    if (missing) return `is given as ${state}, which an object without ${attributeTextOf(missing)} is not in`;
    return String(value).startsWith('Destroyed') ? DESTROYED : undefined;
  },
  DestroyDate: () => DESTROYED,
  CompromiseOccurrenceDate: (_value, object) =>
    object.get('CompromiseDate') === undefined ? UNEXPLAINED : undefined,
  RevocationReason: (value, object) =>
    isCompromise((value as AttributeValueOf<'RevocationReason'>).code) &&
    object.get('CompromiseDate') === undefined
      ? UNEXPLAINED
      : undefined,
};

/** What an object's attributes and value say of themselves must be what is imported. */
function demandConsistent({ name, value }: Attribute, object: ManagedObject, given: string): void {
  const check = Object.hasOwn(CONSISTENCY, name) ? CONSISTENCY[name as AttributeName] : undefined;
  const problem = check?.(value, object, given);
  if (problem !== undefined)
    throw new Refusal('attributeValueInvalid', `${attributeTextOf(name)} ${problem}.`);
}

/**
 * What is known to be compromised stays so, and not from later on, whatever takes its place: of the transitions
 * permitted (KMIP 1.4 §3.22) none leads away from a compromise, and none from Destroyed Compromised. Own choice, as
 * Import is to replace "any existing object" (§4.41).
 */
function demandCompromiseKept(existing: ManagedObject, object: ManagedObject): void {
  for (const name of ['CompromiseDate', 'CompromiseOccurrenceDate'] as const) {
    const before = existing.get(name);
    if (before === undefined) continue;
    if (existing.get('DestroyDate') !== undefined) {
      throw new KmipError(
        'PermissionDenied',
        'The existing object is Destroyed Compromised, which is for good. Import under another identifier.',
      );
    }
    const after = object.get(name);
    if (after !== undefined && after <= before) continue;
    throw new Refusal(
      'attributeValueInvalid',
      `The existing object is compromised: give ${attributeTextOf(name)}, not later than its own, or import under another identifier.`,
    );
  }
}

/** Identifiers that clients may choose: short, and printable. @throws KmipError `InvalidField` */
export function demandIdentifier(uniqueIdentifier: string): void {
  if (uniqueIdentifier.length > 0 && uniqueIdentifier.length <= 256 && !/\p{Cc}/u.test(uniqueIdentifier))
    return;
  throw new KmipError(
    'InvalidField',
    'A Unique Identifier has 1 to 256 characters, none of them a control character.',
  );
}
