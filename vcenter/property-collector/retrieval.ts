import type { AnyValue, ManagedObjectReference, VimObject } from '../../wire/vim25/index.js';
import { VimFault, isBoxed, isObjectType, objectType, toVimFault } from '../../wire/vim25/index.js';
import type { Caller } from '../managed-objects/caller.js';
import { followPath, splitPath } from './property-path.js';
import { selectObjects } from './selection.js';

/** What one object has to tell. */
export interface Content {
  readonly obj: ManagedObjectReference;
  readonly values: ReadonlyMap<string, AnyValue>;
  readonly missing: ReadonlyMap<string, VimFault>;
}

/** Properties that one PropertySpec may name. */
const PATH_LIMIT = 1000;

/** Reads one top-level property, checking that the caller may. @throws VimFault */
export type ReadProperty = (caller: Caller, self: ManagedObjectReference, name: string) => Promise<unknown>;

/** Retrieves what filter specs ask for. Properties that are unset are left out, as in vSphere. */
export class Retrieval {
  readonly #caller: Caller;
  readonly #read: ReadProperty;
  readonly #allNames: (type: string) => readonly string[];

  constructor(caller: Caller, read: ReadProperty, allNames: (type: string) => readonly string[]) {
    this.#caller = caller;
    this.#read = read;
    this.#allNames = allNames;
  }

  /** The contents that a filter spec selects. @throws VimFault `ManagedObjectNotFound`, `InvalidArgument` */
  async contents(spec: VimObject<'PropertyFilterSpec'>): Promise<readonly Content[]> {
    const objects = new Map<string, ManagedObjectReference>();
    for (const objectSpec of spec.objectSet) {
      if (!this.#caller.vcenter.exists(this.#caller, objectSpec.obj)) {
        if (spec.reportMissingObjectsInResults === true) continue;
        throw new VimFault('ManagedObjectNotFound', 'An object of the objectSet is not there.', {
          fields: { obj: objectSpec.obj },
        });
      }
      const found = await selectObjects(objectSpec, (object, path) => this.#references(object, path));
      for (const object of found) objects.set(`${object.type}:${object.value}`, object);
    }
    const contents = await Promise.all(
      [...objects.values()].map((object) => this.#content(object, spec.propSet)),
    );
    return contents.filter((content) => content !== undefined);
  }

  async #content(
    obj: ManagedObjectReference,
    propSet: readonly VimObject<'PropertySpec'>[],
  ): Promise<Content | undefined> {
    const specs = propSet.filter(({ type }) => isObjectType(obj.type, type));
    if (specs.length === 0) return undefined;
    const paths = new Set(
      specs.flatMap(({ all, pathSet }) => (all === true ? this.#allNames(obj.type) : (pathSet ?? []))),
    );
    if (paths.size > PATH_LIMIT) {
      throw new VimFault('InvalidArgument', `Ask for at most ${PATH_LIMIT} properties of an object.`);
    }
    const values = new Map<string, AnyValue>();
    const missing = new Map<string, VimFault>();
    for (const path of paths) {
      try {
        const value = await this.#value(obj, path);
        if (value) values.set(path, value);
      } catch (error) {
        missing.set(path, toVimFault(error));
      }
    }
    return { obj, values, missing };
  }

  /** @throws VimFault `InvalidProperty` if the type has no such property */
  async #value(obj: ManagedObjectReference, path: string): Promise<AnyValue | undefined> {
    const [name = '', ...steps] = splitPath(path);
    const type = objectType(obj.type)?.properties.get(name);
    const result = type && followPath(type, await this.#read(this.#caller, obj, name), steps);
    if (result?.found) return result.value;
    throw new VimFault('InvalidProperty', `${obj.type} has no property ${path.slice(0, 200)}.`, {
      fields: { name: path.slice(0, 200) },
    });
  }

  async #references(obj: ManagedObjectReference, path: string): Promise<readonly ManagedObjectReference[]> {
    const value = await this.#value(obj, path).catch((error: unknown) => {
      if (toVimFault(error).is('SecurityError')) return undefined; // what may not be seen is not walked through
      throw error;
    });
    if (!value) return [];
    const found: unknown = isBoxed(value) ? value._value : value;
    return (Array.isArray(found) ? found : [found]).filter(isReference);
  }
}

/** `ObjectContent` of vim25. */
export function objectContent({ obj, values, missing }: Content): VimObject<'ObjectContent'> {
  return {
    _typeName: 'ObjectContent',
    obj,
    propSet: [...values].map(([name, val]) => ({ _typeName: 'DynamicProperty', name, val })),
    ...(missing.size > 0 && { missingSet: missingProperties(missing) }),
  };
}

/** `MissingProperty` for each path that could not be read. */
export function missingProperties(
  missing: ReadonlyMap<string, VimFault>,
): readonly VimObject<'MissingProperty'>[] {
  return [...missing].map(([path, fault]) => ({
    _typeName: 'MissingProperty',
    path,
    fault: fault.toLocalizedMethodFault(),
  }));
}

function isReference(value: unknown): value is ManagedObjectReference {
  return (
    typeof value === 'object' &&
    value !== null &&
    '_typeName' in value &&
    value._typeName === 'ManagedObjectReference'
  );
}
