import type { Attribute } from '../attributes/attribute.js';
import { attribute } from '../attributes/attribute.js';
import type { ValueOf } from '../schema/codec.js';
import { multiple, structure } from '../schema/structure.js';
import { name } from './base.js';

/** Names of templates and attributes, KMIP 1.x only. KMIP 1.4 §2.1.8. */
export const templateAttribute = structure('Template-Attribute', {
  names: multiple('Name', name),
  attributes: multiple('Attribute', attribute),
});
/** A {@link templateAttribute}. */
export type TemplateAttribute = ValueOf<typeof templateAttribute>;

/** The attributes of a payload in either form: Template-Attribute of 1.x, Attributes of 2.x. */
export function givenAttributes(payload: {
  readonly templateAttribute?: TemplateAttribute | undefined;
  readonly attributes?: readonly Attribute[] | undefined;
}): readonly Attribute[] {
  return payload.attributes ?? payload.templateAttribute?.attributes ?? [];
}
