import type { Attribute, AttributeName, AttributeValueOf } from '../../wire/kmip/index.js';

/** The first value of an attribute among those that a request gives. */
export function givenValue<N extends AttributeName>(
  attributes: readonly Attribute[],
  name: N,
): AttributeValueOf<N> | undefined {
  return attributes.find((attribute) => attribute.name === name)?.value as AttributeValueOf<N> | undefined;
}

/** Attributes with those added that they do not name yet. */
export function withDefaults(attributes: readonly Attribute[], defaults: readonly Attribute[]): Attribute[] {
  const named = new Set(attributes.map(({ name }) => name));
  return [...attributes, ...defaults.filter(({ name }) => !named.has(name))];
}
