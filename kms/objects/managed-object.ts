import { KpsimError } from '../../core/errors.js';
import { zeroise } from '../../core/secret.js';
import type {
  Attribute,
  AttributeName,
  AttributeValueOf,
  ManagedObjectValue,
} from '../../wire/kmip/index.js';
import type { ObjectTypeName } from '../attributes/rules.js';

/** One instance of an attribute; its index never changes (KMIP 1.4 §2.1.1). */
export interface AttributeInstance {
  readonly index: number;
  readonly value: unknown;
}

/** Attribute instances by attribute name, each list in the order of the indices. */
export type AttributeMap = ReadonlyMap<string, readonly AttributeInstance[]>;

/** What a managed object is made of. */
export interface ManagedObjectFields {
  readonly uniqueIdentifier: string;
  /** Group of clients that see it. */
  readonly owner: string;
  readonly objectType: ObjectTypeName;
  readonly attributes: AttributeMap;
  /** The object itself, perhaps still sealed; undefined once it is destroyed. */
  readonly value: ManagedObjectValue | HeldValue | undefined;
  /** Grows by one with each committed change; 0 before the first commit. */
  readonly revision: number;
}

/** An object itself, which stays sealed until somebody asks for it; copies of a {@link ManagedObject} share it. */
export class HeldValue {
  readonly #open: (() => ManagedObjectValue) | undefined;
  #value: ManagedObjectValue | undefined;

  /** @param source the value, or what opens it, each time anew */
  constructor(source: ManagedObjectValue | (() => ManagedObjectValue)) {
    if (typeof source === 'function') this.#open = source;
    else this.#value = source;
  }

  /** The value. @throws KpsimError `store_corrupt` if it cannot be opened, `value_cleared` if it cannot be opened again */
  get(): ManagedObjectValue {
    // What was cleared is opened again, or is gone: its zeros must never be taken for a key.
    this.#value ??= this.#open?.();
    if (this.#value === undefined)
      throw new KpsimError('value_cleared', 'A key was used after it was cleared.');
    return this.#value;
  }

  /**
   * Clears the key bytes that are in memory. What can be cleared are byte strings; big integers of transparent keys are
   * values that JavaScript owns.
   */
  clear(): void {
    const value = this.#value;
    this.#value = undefined;
    if (value === undefined) return;
    if ('opaqueDataValue' in value) zeroise(value.opaqueDataValue);
    if (!('keyBlock' in value)) return;
    const keyValue = value.keyBlock.keyValue;
    if (keyValue === undefined) return;
    const material = Buffer.isBuffer(keyValue) ? keyValue : keyValue.keyMaterial;
    if (Buffer.isBuffer(material)) zeroise(material);
    else if (Buffer.isBuffer(material.key)) zeroise(material.key);
  }
}

/** A managed object as the key server holds it. Never changed: an edit makes a new one. */
export class ManagedObject {
  readonly uniqueIdentifier: string;
  readonly owner: string;
  readonly objectType: ObjectTypeName;
  readonly attributes: AttributeMap;
  /** What {@link value} is in; copies of the object share it. */
  readonly held: HeldValue | undefined;
  readonly revision: number;

  constructor(fields: ManagedObjectFields) {
    this.uniqueIdentifier = fields.uniqueIdentifier;
    this.owner = fields.owner;
    this.objectType = fields.objectType;
    this.attributes = fields.attributes;
    const { value } = fields;
    this.held = value === undefined || value instanceof HeldValue ? value : new HeldValue(value);
    this.revision = fields.revision;
  }

  /** The object itself, opened if it is sealed; undefined once it is destroyed. @throws KpsimError `store_corrupt` */
  get value(): ManagedObjectValue | undefined {
    return this.held?.get();
  }

  /** Value of a standard attribute's first instance. */
  get<N extends AttributeName>(name: N): AttributeValueOf<N> | undefined {
    return this.attributes.get(name)?.[0]?.value as AttributeValueOf<N> | undefined;
  }

  /** All instances of an attribute. */
  instances(name: string): readonly AttributeInstance[] {
    return this.attributes.get(name) ?? [];
  }

  /** A copy with other instances of one attribute; none removes it. */
  withInstances(name: string, instances: readonly AttributeInstance[]): ManagedObject {
    const attributes = new Map(this.attributes);
    if (instances.length === 0) attributes.delete(name);
    else attributes.set(name, instances);
    return this.#copy({ attributes });
  }

  /** A copy with single-instance attributes set; undefined leaves one as it is. */
  with(values: { readonly [N in AttributeName]?: AttributeValueOf<N> | undefined }): ManagedObject {
    const attributes = new Map(this.attributes);
    for (const name of Object.keys(values) as AttributeName[]) {
      const value = values[name];
      if (value !== undefined) attributes.set(name, [{ index: 0, value }]);
    }
    return this.#copy({ attributes });
  }

  /** A copy with another form of the object itself. */
  withValue(value: ManagedObjectValue): ManagedObject & { readonly value: ManagedObjectValue } {
    return this.#copy({ value }) as ManagedObject & {
      readonly value: ManagedObjectValue;
    };
  }

  /** A copy without the object itself, as after Destroy. */
  withoutValue(): ManagedObject {
    return this.#copy({ value: undefined });
  }

  #copy(changes: Partial<ManagedObjectFields>): ManagedObject {
    const { uniqueIdentifier, owner, objectType, attributes, held, revision } = this;
    return new ManagedObject({
      uniqueIdentifier,
      owner,
      objectType,
      attributes,
      value: held,
      revision,
      ...changes,
    });
  }
}

/** One instance as messages carry it; index 0 goes without saying (KMIP 1.4 §2.1.1). */
export function attributeOfInstance(name: string, { index, value }: AttributeInstance): Attribute {
  return (index === 0 ? { name, value } : { name, index, value }) as Attribute;
}
