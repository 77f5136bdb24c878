import type {
  ManagedObjectReference,
  ObjectTypeName,
  PropertyName,
  PropertyValue,
} from '../../wire/vim25/index.js';
import { objectType } from '../../wire/vim25/index.js';
import type { Caller } from './caller.js';

/** Reads one property of a managed object. */
export type PropertyReader<M extends ObjectTypeName, P extends PropertyName<M>> = (
  caller: Caller,
  self: ManagedObjectReference,
) => PropertyValue<M, P> | Promise<PropertyValue<M, P>>;

/** Readers of a managed object type's own and inherited properties; those left out are unset. */
export type PropertyReaders<M extends ObjectTypeName> = {
  readonly [P in PropertyName<M>]?: PropertyReader<M, P>;
};

type AnyReader = (caller: Caller, self: ManagedObjectReference) => unknown;

/** The properties that the vCenter can tell, added per managed object type. */
export class PropertyTable {
  readonly #rows = new Map<string, Map<string, AnyReader>>();

  /** Adds readers for a managed object type and all types derived from it. */
  add<M extends ObjectTypeName>(moType: M, readers: PropertyReaders<M>): this {
    const rows = this.#rows.get(moType) ?? new Map<string, AnyReader>();
    for (const [name, reader] of Object.entries(readers)) rows.set(name, reader as AnyReader);
    this.#rows.set(moType, rows);
    return this;
  }

  /** The reader of the type's own, or of the nearest base that has one. */
  find(moType: string, name: string): AnyReader | undefined {
    for (const type of objectType(moType)?.lineage ?? []) {
      const reader = this.#rows.get(type)?.get(name);
      if (reader) return reader;
    }
    return undefined;
  }

  /** Names of the properties that can be told of a type. */
  names(moType: string): readonly string[] {
    const lineage = [...(objectType(moType)?.lineage ?? [])];
    return [...new Set(lineage.flatMap((type) => [...(this.#rows.get(type)?.keys() ?? [])]))];
  }
}
