import { objectType } from './registry.js';
import type { Method } from './registry.js';
import type {
  ManagedObjectReference,
  MethodArguments,
  MethodName,
  MethodResult,
  ObjectTypeName,
} from './vim.js';

/** What a method does: `context` says who calls, `self` is the object called. Errors are thrown as `VimFault`. */
export type MethodHandler<C, M extends ObjectTypeName, N extends MethodName<M>> = (
  context: C,
  self: ManagedObjectReference,
  args: MethodArguments<M, N>,
) => MethodResult<M, N> | Promise<MethodResult<M, N>>;

/** Handlers of a managed object type's own and inherited methods, by name; those left out are not answered. */
export type MethodHandlers<C, M extends ObjectTypeName> = {
  readonly [N in MethodName<M>]?: MethodHandler<C, M, N>;
};

/** A method with its handler, found for one managed object type. */
export interface BoundMethod<C> {
  readonly method: Method;
  readonly invoke: (
    context: C,
    self: ManagedObjectReference,
    args: Readonly<Record<string, unknown>>,
  ) => unknown;
}

/** Where handlers are looked up. */
export interface MethodFinder<C> {
  /** The handler of the type's own, or of the nearest base that has one; undefined if there is none. */
  find(moType: string, name: string): BoundMethod<C> | undefined;
}

/**
 * The methods that a service answers, one row each, added per managed object type:
 *
 * `const tasks: MethodHandlers<Caller, 'Task'> = { CancelTask(caller, self) { … } }; table.add('Task', tasks)`
 *
 * It knows nothing of VI/JSON or SOAP: signatures and
 * privileges come from the managed object tables, handlers get and give decoded values.
 */
export class MethodTable<C> implements MethodFinder<C> {
  readonly #rows = new Map<string, BoundMethod<C>>();

  /**
   * Adds handlers for methods of a managed object type and of all types derived from it.
   *
   * @throws Error if one is there already or the type has no such method, which is a defect
   */
  add<M extends ObjectTypeName>(moType: M, handlers: MethodHandlers<C, M>): this {
    for (const [name, handler] of Object.entries(handlers)) {
      const method = objectType(moType)?.methods.get(name);
      const key = keyOf(moType, name);
      if (!method || this.#rows.has(key)) throw new Error(`${key} cannot be added`);
      this.#rows.set(key, { method, invoke: handler as BoundMethod<C>['invoke'] });
    }
    return this;
  }

  find(moType: string, name: string): BoundMethod<C> | undefined {
    for (const type of objectType(moType)?.lineage ?? []) {
      const row = this.#rows.get(keyOf(type, name));
      if (row) return row;
    }
    return undefined;
  }

  /** All methods answered, as `Type.Method`, sorted. */
  list(): readonly string[] {
    return [...this.#rows.keys()].sort();
  }
}

function keyOf(moType: string, name: string): string {
  return `${moType}.${name}`;
}
