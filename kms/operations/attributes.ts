import { attributeExistsIn, attributeTextOf, KmipError } from '../../wire/kmip/index.js';
import type { Attribute } from '../../wire/kmip/index.js';
import {
  addAttribute,
  deleteAttribute,
  demandRule,
  demandSettable,
  modifyAttribute,
} from '../attributes/changes.js';
import { attributeNamesAt, attributesAt } from '../objects/computed.js';
import { attributeOfInstance } from '../objects/managed-object.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import type { OperationHandler } from './handler.js';

/** KMIP 1.4 §4.12. Attributes that the object lacks are left out without a word. */
export const getAttributes: OperationHandler<'GetAttributes'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier, { archived: true });
  const named = (scope.speaks2 ? payload.attributeReferences : payload.attributeNames) ?? [];
  const twice = named.find((name, index) => named.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new Refusal(
      'attributeNamedTwice',
      `${attributeTextOf(twice)} is asked for twice. Name each attribute once.`,
    );
  }
  const names = named.length > 0 ? named : attributeNamesAt(object, scope.nowSeconds);
  const attributes = tellableAttributes(object, names, scope);
  return { uniqueIdentifier: object.uniqueIdentifier, attributes, attributesStructure: attributes };
};

/** Attributes as the requester's version has them: values that are newer are left out, as attributes are. */
export function tellableAttributes(
  object: ManagedObject,
  names: readonly string[],
  { nowSeconds, rank }: RequestScope,
): readonly Attribute[] {
  return attributesAt(object, names, nowSeconds).filter((attribute) => attributeExistsIn(attribute, rank));
}

/** KMIP 1.4 §4.13. */
export const getAttributeList: OperationHandler<'GetAttributeList'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier, { archived: true });
  const told = tellableAttributes(object, attributeNamesAt(object, scope.nowSeconds), scope);
  const names = [...new Set(told.map(({ name }) => name))];
  return { uniqueIdentifier: object.uniqueIdentifier, attributeNames: names, attributeReferences: names };
};

/** KMIP 1.4 §4.14. */
export const addAttributeOperation: OperationHandler<'AddAttribute'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const attribute = demandAttribute(payload.newAttribute ?? payload.attribute);
  if (attribute.index !== undefined) {
    throw new KmipError(
      'InvalidField',
      'Add Attribute must not give an Attribute Index; the server assigns it.',
    );
  }
  const changed = await addAttribute(object, attribute, scope);
  scope.workspace.replace(object, changed);
  return { uniqueIdentifier: object.uniqueIdentifier, attribute: lastInstance(changed, attribute.name) };
};

/** Adds an attribute, or modifies the only instance there is. KMIP 2.1 §6.1.51. */
export const setAttribute: OperationHandler<'SetAttribute'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const attribute = demandAttribute(payload.newAttribute);
  demandSettable(demandRule(attribute.name, scope), attribute.name);
  const present = object.instances(attribute.name).length > 0;
  const changed = present
    ? await modifyAttribute(object, attribute, undefined, scope)
    : await addAttribute(object, attribute, scope);
  scope.workspace.replace(object, changed);
  return { uniqueIdentifier: object.uniqueIdentifier };
};

/** KMIP 1.4 §4.15. */
export const modifyAttributeOperation: OperationHandler<'ModifyAttribute'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const attribute = demandAttribute(payload.newAttribute ?? payload.attribute);
  const current = payload.currentAttribute;
  if (current && current.name !== attribute.name) {
    throw new KmipError('InvalidField', 'Current Attribute and New Attribute must be of the same attribute.');
  }
  const changed = await modifyAttribute(object, attribute, whichInstance(attribute, current, scope), scope);
  scope.workspace.replace(object, changed);
  return {
    uniqueIdentifier: object.uniqueIdentifier,
    attribute: changed
      .instances(attribute.name)
      .filter(({ index }) => index === (attribute.index ?? 0))
      .map((instance) => attributeOfInstance(attribute.name, instance))[0],
  };
};

/** KMIP 1.4 §4.16. */
export const deleteAttributeOperation: OperationHandler<'DeleteAttribute'> = async (payload, scope) => {
  const object = await scope.object(payload.uniqueIdentifier);
  const current = payload.currentAttribute;
  const name = current?.name ?? payload.attributeReference ?? payload.attributeName;
  if (name === undefined) {
    throw new KmipError(
      'InvalidMessage',
      'Delete Attribute needs a Current Attribute or an Attribute Reference.',
    );
  }
  const which = scope.speaks2
    ? current
      ? { value: current.value as unknown }
      : ('all' as const)
    : { index: payload.attributeIndex ?? 0 };
  const { object: changed, deleted } = deleteAttribute(object, name, which, scope);
  scope.workspace.replace(object, changed);
  return { uniqueIdentifier: object.uniqueIdentifier, attribute: attributeOfInstance(name, deleted) };
};

function whichInstance(
  attribute: Attribute,
  current: Attribute | undefined,
  scope: RequestScope,
): { readonly index: number } | { readonly value: unknown } | undefined {
  if (!scope.speaks2) return { index: attribute.index ?? 0 };
  return current && { value: current.value };
}

/** The schema requires the attribute in every version; the type cannot say so. */
function demandAttribute(attribute: Attribute | undefined): Attribute {
  if (attribute) return attribute;
  throw new KmipError('InvalidMessage', 'The attribute is missing.');
}

function lastInstance(object: ManagedObject, name: string): Attribute | undefined {
  const last = object.instances(name).at(-1);
  return last && attributeOfInstance(name, last);
}
