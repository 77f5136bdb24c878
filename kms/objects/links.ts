import type { EnumerationValue, Link } from '../../wire/kmip/index.js';
import type { ManagedObject } from './managed-object.js';

/** The object with one Link more (KMIP 1.4 §3.35); links that it has already stay as they are. */
export function withLink(
  object: ManagedObject,
  type: EnumerationValue<'LinkType'>,
  linkedObjectIdentifier: string,
): ManagedObject {
  const present = object.instances('Link');
  if (linksOf(object, type).includes(linkedObjectIdentifier)) return object;
  const index = (present.at(-1)?.index ?? -1) + 1;
  return object.withInstances('Link', [...present, { index, value: { type, linkedObjectIdentifier } }]);
}

/** Identifiers of the objects that an object's links of one type lead to, in their order. */
export function linksOf(object: ManagedObject, type: EnumerationValue<'LinkType'>): string[] {
  return object
    .instances('Link')
    .map(({ value }) => value as Link)
    .filter((link) => link.type === type)
    .map((link) => link.linkedObjectIdentifier)
    .filter((identifier) => typeof identifier === 'string');
}
