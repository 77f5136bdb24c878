import type { Attribute, NameIn, ResponsePayload, TtlvValue } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Performer } from './performer.js';
import type { AttributeInput } from './version-form.js';
import { demandAttributes } from './version-form.js';

/** Operations on the attributes of an object. */
export abstract class AttributeOperations extends Performer {
  /**
   * Attributes by name (`State`, `x-Product`, …); all without names. What the object lacks is left out.
   * KMIP 1.4 §4.12, KMIP 2.1 §6.1.20.
   */
  async getAttributes(
    uniqueIdentifier: string,
    names: readonly string[] = [],
  ): Promise<readonly Attribute[]> {
    demandAttributes(names, this.protocolVersion);
    const asked = names.length === 0 ? undefined : names;
    const answer = await this.perform('GetAttributes', {
      uniqueIdentifier,
      attributeNames: asked,
      attributeReferences: asked,
    });
    return answeredAttributes(answer);
  }

  /** Names of an object's attributes. KMIP 1.4 §4.13, KMIP 2.1 §6.1.21. */
  async getAttributeList(uniqueIdentifier: string): Promise<readonly string[]> {
    const answer = await this.perform('GetAttributeList', { uniqueIdentifier });
    return answer.attributeReferences ?? answer.attributeNames ?? [];
  }

  /** Adds one attribute instance. KMIP 1.4 §4.14, KMIP 2.1 §6.1.2. */
  async addAttribute(uniqueIdentifier: string, attribute: AttributeInput): Promise<void> {
    await this.perform('AddAttribute', this.#one(uniqueIdentifier, attribute));
  }

  /** Adds several attributes in one batch, in their order. @throws KmipError of the first that failed */
  async addAttributes(uniqueIdentifier: string, attributes: readonly AttributeInput[]): Promise<void> {
    if (attributes.length === 0) return;
    const batch = attributes.map((attribute) =>
      this.item('AddAttribute', this.#one(uniqueIdentifier, attribute)),
    );
    const failed = (await this.request(batch)).find((result) => result.error);
    if (failed?.error) throw failed.error;
  }

  /**
   * Changes an attribute instance: in 1.x the one of the attribute's `index`, in 2.x the one that equals `current`, or
   * the only one. KMIP 1.4 §4.15, KMIP 2.1 §6.1.34.
   */
  async modifyAttribute(
    uniqueIdentifier: string,
    attribute: AttributeInput,
    current?: AttributeInput,
  ): Promise<void> {
    const [currentAttribute] = current ? this.attributesOf([current]) : [];
    await this.perform('ModifyAttribute', { ...this.#one(uniqueIdentifier, attribute), currentAttribute });
  }

  /**
   * Deletes an attribute: in 1.x the instance of an index (0 if absent), in 2.x, which has no index, all instances.
   * KMIP 1.4 §4.16, KMIP 2.1 §6.1.13.
   */
  async deleteAttribute(uniqueIdentifier: string, name: string, index?: number): Promise<void> {
    demandAttributes([name], this.protocolVersion);
    await this.perform('DeleteAttribute', {
      uniqueIdentifier,
      attributeName: name,
      attributeIndex: index,
      attributeReference: index === undefined ? name : undefined,
    });
  }

  /** Deletes the attribute instance that equals this one; KMIP 2.0 and later (2.1 §6.1.13). */
  async deleteAttributeInstance(uniqueIdentifier: string, attribute: AttributeInput): Promise<void> {
    const [currentAttribute] = this.attributesOf([attribute]);
    await this.perform('DeleteAttribute', { uniqueIdentifier, currentAttribute });
  }

  /** Sets an attribute that has one instance at most, whether it is there or not; KMIP 2.0 and later (2.1 §6.1.51). */
  async setAttribute(uniqueIdentifier: string, attribute: AttributeInput): Promise<void> {
    await this.perform('SetAttribute', this.#one(uniqueIdentifier, attribute));
  }

  /**
   * Increments, decrements or negates an attribute by a value of its own type (by 1 if absent); KMIP 2.0 and later
   * (2.1 §6.1.3).
   */
  async adjustAttribute(
    uniqueIdentifier: string,
    name: string,
    adjustmentType: NameIn<'AdjustmentType'>,
    adjustmentValue?: TtlvValue,
  ): Promise<void> {
    demandAttributes([name], this.protocolVersion);
    await this.perform('AdjustAttribute', {
      uniqueIdentifier,
      attributeReference: name,
      adjustmentType,
      adjustmentValue,
    });
  }

  #one(uniqueIdentifier: string, input: AttributeInput) {
    const [attribute] = this.attributesOf([input]);
    if (!attribute) throw new KmipError('InvalidField', 'An attribute must be given.');
    return { uniqueIdentifier, attribute, newAttribute: attribute };
  }
}

/** The answer of an operation that gives attributes, in either form. */
export function answeredAttributes({
  attributes,
  attributesStructure,
}: Pick<ResponsePayload<'GetAttributes'>, 'attributes' | 'attributesStructure'>): readonly Attribute[] {
  return attributesStructure ?? attributes ?? [];
}
