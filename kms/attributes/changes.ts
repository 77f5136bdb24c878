import type { Attribute, AttributeName } from '../../wire/kmip/index.js';
import { attributeRow, attributeTextOf, existsIn } from '../../wire/kmip/index.js';
import { stateAt } from '../objects/lifecycle.js';
import { instancesAt } from '../objects/computed.js';
import type { AttributeInstance, ManagedObject } from '../objects/managed-object.js';
import { comparableBytes } from '../objects/record.js';
import { Refusal } from '../refusals.js';
import { quoted } from '../server/scope.js';
import type { RequestScope } from '../server/scope.js';
import { demandQuantumSafe } from './quantum-safe.js';
import type { AttributeRule } from './rules.js';
import { appliesTo, attributeRule, isMultiple } from './rules.js';
import { acceptedValue, demandDateOrder, demandUnused } from './values.js';

/** The rule for an attribute that a client names. @throws Refusal `attributeUnknown` */
export function demandRule(name: string, scope: RequestScope): AttributeRule {
  const rule = attributeRule(name);
  const row = attributeRow(name);
  if (!rule || (row && !existsIn(row, scope.rank))) {
    throw new Refusal(
      'attributeUnknown',
      `${quoted(attributeTextOf(name))} is no attribute of KMIP ${scope.version}; names of custom ones start with x-.`,
    );
  }
  return rule;
}

/** @throws Refusal `attributeNotSettable` if clients may not give the attribute a value (KMIP 2.1 §6.1.3, §6.1.51) */
export function demandSettable(rule: AttributeRule, name: string): void {
  if (!rule.addable) throw readOnly(name, 'attributeNotSettable');
}

/** An object with one attribute instance more. @throws Refusal */
export async function addAttribute(
  object: ManagedObject,
  attribute: Attribute,
  scope: RequestScope,
): Promise<ManagedObject> {
  const { name } = attribute;
  const rule = demandRule(name, scope);
  demandSettable(rule, name);
  demandApplies(rule, name, object, scope);
  const present = object.instances(name);
  if (present.length > 0 && !isMultiple(rule, object.objectType)) {
    throw new Refusal(
      'attributeSingleValued',
      `The object already has ${attributeTextOf(name)}, which has one value only. Use Modify Attribute.`,
    );
  }
  demandState(rule, name, object, scope);
  const value = acceptedValue(attribute, { occasion: 'addition', previous: undefined }, scope);
  demandNewValue(present, name, value);
  if (present.length >= scope.config.limits.attributeInstances) {
    throw new Refusal(
      'tooManyInstances',
      `${attributeTextOf(name)} has as many instances as this server keeps.`,
    );
  }
  await demandUniqueName(attribute, object.owner, scope, 'nameTakenByAnother');
  const index = (present.at(-1)?.index ?? -1) + 1;
  return changed(object.withInstances(name, [...present, { index, value }]), name, scope);
}

/**
 * An object with one attribute instance changed.
 *
 * @param which its index (KMIP 1.x), or the value it has now (2.x); the only instance if undefined
 * @throws Refusal
 */
export async function modifyAttribute(
  object: ManagedObject,
  attribute: Attribute,
  which: { readonly index: number } | { readonly value: unknown } | undefined,
  scope: RequestScope,
): Promise<ManagedObject> {
  const { name } = attribute;
  const rule = demandRule(name, scope);
  const present = object.instances(name);
  if (rule.modifiable === 'never') throw readOnly(name);
  if (present.length === 0) {
    throw new Refusal(
      'attributeToModifyNotFound',
      `The object has no ${attributeTextOf(name)}. Use Add Attribute first.`,
    );
  }
  const target = pick(present, name, which);
  demandState(rule, name, object, scope);
  const value = acceptedValue(attribute, { occasion: 'modification', previous: target.value }, scope);
  demandNewValue(
    present.filter((instance) => instance !== target),
    name,
    value,
  );
  if (!sameValue(name, target.value, value)) {
    await demandUniqueName(attribute, object.owner, scope, 'nameTakenByAnother');
  }
  const instances = present.map((instance) =>
    instance === target ? { index: instance.index, value } : instance,
  );
  return changed(object.withInstances(name, instances), name, scope);
}

/**
 * An object without an attribute instance, and the instance.
 *
 * @param which as for {@link modifyAttribute}; `'all'` deletes all instances (KMIP 2.1 §6.1.13)
 * @throws Refusal
 */
export function deleteAttribute(
  object: ManagedObject,
  name: string,
  which: { readonly index: number } | { readonly value: unknown } | 'all',
  scope: RequestScope,
): { readonly object: ManagedObject; readonly deleted: AttributeInstance } {
  const rule = demandRule(name, scope);
  const present = object.instances(name);
  if (!rule.deletable) throw readOnly(name);
  const [first] = present;
  if (!first) throw new Refusal('attributeNotFound', `The object has no ${attributeTextOf(name)}.`);
  const limits = name === 'UsageLimits' ? object.get(name) : undefined;
  if (limits) demandUnused(limits);
  const deleted = which === 'all' ? first : pick(present, name, which);
  const left = which === 'all' ? [] : present.filter((instance) => instance !== deleted);
  return { object: changed(object.withInstances(name, left), name, scope), deleted };
}

/** Whether two values of an attribute are the same. */
export function sameValue(name: string, left: unknown, right: unknown): boolean {
  return comparableBytes(name, left).equals(comparableBytes(name, right));
}

/**
 * A name is one object's only, within what an owner sees (KMIP 1.4 §3.2).
 *
 * @param owner of the object that is to have it: whoever may change it, its name must be unique among its owner's
 * @throws Refusal the one given
 */
export async function demandUniqueName(
  { name, value }: Attribute,
  owner: string,
  scope: RequestScope,
  refusal: 'nameTaken' | 'nameTakenByAnother',
): Promise<void> {
  if (name !== 'Name') return;
  for (const identifier of await scope.workspace.find(owner, [{ name, value }])) {
    const other = await scope.workspace.read(identifier);
    if (other && bearsName(other, value)) {
      const bearer = scope.mayKnowOf(other) ? `object ${identifier}` : 'another object';
      throw new Refusal(refusal, `The name ${quoted(value.value)} belongs to ${bearer}. Choose another.`);
    }
  }
}

/** A destroyed object's name is free again. */
function bearsName(object: ManagedObject, value: unknown): boolean {
  return (
    object.get('DestroyDate') === undefined &&
    object.instances('Name').some((instance) => sameValue('Name', instance.value, value))
  );
}

function pick(
  present: readonly AttributeInstance[],
  name: string,
  which: { readonly index: number } | { readonly value: unknown } | undefined,
): AttributeInstance {
  const text = attributeTextOf(name);
  if (which === undefined) {
    const [only] = present;
    if (only && present.length === 1) return only;
    throw new Refusal(
      'multiValuedAttribute',
      `${text} has several instances. Say in Current Attribute which one.`,
    );
  }
  const found = present.find((instance) =>
    'index' in which ? instance.index === which.index : sameValue(name, instance.value, which.value),
  );
  if (found) return found;
  throw new Refusal('attributeInstanceNotFound', `The object has no such instance of ${text}.`);
}

function demandApplies(rule: AttributeRule, name: string, object: ManagedObject, scope: RequestScope): void {
  if (appliesTo(rule, object.objectType, scope.speaks2)) return;
  throw new Refusal(
    'attributeNotForObject',
    `${attributeTextOf(name)} does not apply to a ${object.objectType}.`,
  );
}

function demandNewValue(present: readonly AttributeInstance[], name: string, value: unknown): void {
  if (!present.some((instance) => sameValue(name, instance.value, value))) return;
  throw new Refusal(
    name === 'Name' ? 'nameTakenByAnother' : 'attributeValueRepeated',
    `The object already has ${attributeTextOf(name)} with this value.`,
  );
}

/** Dates may be set only in the states that the table names, and only as long as the old one has not come. */
function demandState(rule: AttributeRule, name: string, object: ManagedObject, scope: RequestScope): void {
  if (typeof rule.modifiable === 'string') return;
  const state = stateAt(object, scope.nowSeconds);
  const [old] = instancesAt(object, name, scope.nowSeconds);
  const reached = typeof old?.value === 'number' && old.value <= scope.nowSeconds;
  if (rule.modifiable.includes(state) && !reached) return;
  throw new Refusal(
    'wrongState',
    `${attributeTextOf(name)} can be set only while the object is ${rule.modifiable.join(' or ')} and the date has not come; it is ${state}.`,
  );
}

function readOnly(
  name: string,
  refusal: 'attributeReadOnly' | 'attributeNotSettable' = 'attributeReadOnly',
): Refusal {
  return new Refusal(refusal, `${attributeTextOf(name)} is set by the server and cannot be changed.`);
}

/** What follows from a change of attributes. */
function changed(object: ManagedObject, name: string, scope: RequestScope): ManagedObject {
  const touched = object.with({ LastChangeDate: scope.nowSeconds });
  if (name.endsWith('Date')) demandDateOrder(touched);
  if (name === 'QuantumSafe') demandQuantumSafe(touched);
  const follow = CONSEQUENCES[name as AttributeName];
  return follow ? follow(touched) : touched;
}

/** Always Sensitive and Never Extractable remember (KMIP 1.4 §3.49, §3.51). */
const CONSEQUENCES: Partial<Record<AttributeName, (object: ManagedObject) => ManagedObject>> = {
  Sensitive: (object) =>
    object.get('Sensitive') === true ? object : object.with({ AlwaysSensitive: false }),
  Extractable: (object) =>
    object.get('Extractable') === false ? object : object.with({ NeverExtractable: false }),
};
