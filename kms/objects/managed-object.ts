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
  /** The object itself; undefined once it is destroyed. */
  readonly value: ManagedObjectValue | undefined;
  /** Grows by one with each committed change; 0 before the first commit. */
  readonly revision: number;
}

/** A managed object as the key server holds it. Never changed: an edit makes a new one. */
export class ManagedObject implements ManagedObjectFields {
  readonly uniqueIdentifier: string;
  readonly owner: string;
  readonly objectType: ObjectTypeName;
  readonly attributes: AttributeMap;
  readonly value: ManagedObjectValue | undefined;
  readonly revision: number;
  readonly #fields: ManagedObjectFields;

  constructor(fields: ManagedObjectFields) {
    this.#fields = fields;
    this.uniqueIdentifier = fields.uniqueIdentifier;
    this.owner = fields.owner;
    this.objectType = fields.objectType;
    this.attributes = fields.attributes;
    this.value = fields.value;
    this.revision = fields.revision;
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
    return new ManagedObject({ ...this.#fields, attributes });
  }

  /** A copy with single-instance attributes set; undefined leaves one as it is. */
  with(values: { readonly [N in AttributeName]?: AttributeValueOf<N> | undefined }): ManagedObject {
    const attributes = new Map(this.attributes);
    for (const [name, value] of Object.entries(values)) {
      if (value !== undefined) attributes.set(name, [{ index: 0, value }]);
    }
    return new ManagedObject({ ...this.#fields, attributes });
  }

  /** A copy with another form of the object itself. */
  withValue(value: ManagedObjectValue): ManagedObject & { readonly value: ManagedObjectValue } {
    return new ManagedObject({ ...this.#fields, value }) as ManagedObject & {
      readonly value: ManagedObjectValue;
    };
  }

  /** A copy without the object itself, as after Destroy. */
  withoutValue(): ManagedObject {
    return new ManagedObject({ ...this.#fields, value: undefined });
  }

  /** A copy with another revision. */
  withRevision(revision: number): ManagedObject {
    return new ManagedObject({ ...this.#fields, revision });
  }
}

/** One instance as messages carry it; index 0 goes without saying (KMIP 1.4 §2.1.1). */
export function attributeOfInstance(name: string, { index, value }: AttributeInstance): Attribute {
  return (index === 0 ? { name, value } : { name, index, value }) as Attribute;
}
