import type { ManagedObjectReference, MethodHandlers } from '../../wire/vim25/index.js';
import { VimFault, isObjectType, objectType } from '../../wire/vim25/index.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import type { Caller } from './caller.js';
import { principalOf, sessionOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** A view of one session: everything of some types below a container, or a list. */
export type View =
  | {
      readonly kind: 'ContainerView';
      readonly session: string;
      readonly container: ManagedObjectReference;
      readonly type: readonly string[];
      readonly recursive: boolean;
    }
  | {
      readonly kind: 'ListView';
      readonly session: string;
      readonly objects: readonly ManagedObjectReference[];
    };

const VIEWS_LIMIT = 1000;
const LIST_LIMIT = 100_000;

/** Views that clients made; they end with their session. */
export class Views {
  readonly #views = new Map<string, View>();
  #next = 1;

  /** @throws VimFault `ResourceInUse` */
  add(view: View): ManagedObjectReference {
    if (this.#views.size >= VIEWS_LIMIT) {
      throw new VimFault('ResourceInUse', 'There are too many views; destroy some.');
    }
    const moid = `session-view-${this.#next++}`;
    this.#views.set(moid, view);
    return referenceTo(view.kind, moid);
  }

  get(session: string, moid: string): View | undefined {
    const view = this.#views.get(moid);
    return view?.session === session ? view : undefined;
  }

  replace(moid: string, view: View): void {
    this.#views.set(moid, view);
  }

  remove(moid: string): void {
    this.#views.delete(moid);
  }

  endSession(session: string): void {
    for (const [moid, view] of this.#views) if (view.session === session) this.#views.delete(moid);
  }
}

/** ViewManager: makes views. */
export const VIEW_MANAGER_METHODS: MethodHandlers<Caller, 'ViewManager'> = {
  CreateContainerView(caller, _self, { container, type, recursive }) {
    caller.vcenter.inventory.requireAny(container);
    const session = sessionOf(caller).key;
    const types = type ?? [];
    const unknown = types.find((name) => !objectType(name));
    if (unknown !== undefined) {
      throw new VimFault('InvalidArgument', `${unknown.slice(0, 80)} is no managed object type here.`, {
        fields: { invalidProperty: 'type' },
      });
    }
    const view: View = { kind: 'ContainerView', session, container, type: types, recursive };
    return caller.vcenter.views.add(view);
  },
  CreateListView(caller, _self, { obj }) {
    return caller.vcenter.views.add({
      kind: 'ListView',
      session: sessionOf(caller).key,
      objects: bounded(obj),
    });
  },
};

/** View: can be destroyed. */
export const VIEW_METHODS: MethodHandlers<Caller, 'View'> = {
  DestroyView(caller, self) {
    viewOf(caller, self);
    caller.vcenter.views.remove(self.value);
    return undefined;
  },
};

/** ListView: its objects can be changed. */
export const LIST_VIEW_METHODS: MethodHandlers<Caller, 'ListView'> = {
  ModifyListView(caller, self, { add, remove }) {
    const view = viewOf(caller, self);
    if (view.kind !== 'ListView') return [];
    const gone = new Set((remove ?? []).map(({ value }) => value));
    const kept = view.objects.filter(({ value }) => !gone.has(value));
    caller.vcenter.views.replace(self.value, { ...view, objects: bounded([...kept, ...(add ?? [])]) });
    return [];
  },
  ResetListView(caller, self, { obj }) {
    const view = viewOf(caller, self);
    if (view.kind === 'ListView')
      caller.vcenter.views.replace(self.value, { ...view, objects: bounded(obj) });
    return [];
  },
};

/** Properties of views. */
export const MANAGED_OBJECT_VIEW_PROPERTIES: PropertyReaders<'ManagedObjectView'> = {
  view(caller, self) {
    const view = viewOf(caller, self);
    const { authorization, inventory } = caller.vcenter;
    const all = view.kind === 'ListView' ? view.objects : contained(inventory, view);
    return all.filter((object) => authorization.has(principalOf(caller), object, 'System.View'));
  },
};

/** Properties of ContainerView. */
export const CONTAINER_VIEW_PROPERTIES: PropertyReaders<'ContainerView'> = {
  container: (caller, self) => containerViewOf(caller, self).container,
  type: (caller, self) => containerViewOf(caller, self).type,
  recursive: (caller, self) => containerViewOf(caller, self).recursive,
};

function contained(
  inventory: Inventory,
  { container, type, recursive }: View & { readonly kind: 'ContainerView' },
): ManagedObjectReference[] {
  const found: ManagedObjectReference[] = [];
  const walk = (moid: string): void => {
    for (const child of inventory.children(moid)) {
      if (type.length === 0 || type.some((name) => isObjectType(child.type, name))) {
        found.push(referenceOf(child));
      }
      if (recursive) walk(child.moid);
    }
  };
  walk(container.value);
  return found;
}

function viewOf(caller: Caller, self: ManagedObjectReference): View {
  const view = caller.vcenter.views.get(sessionOf(caller).key, self.value);
  if (view) return view;
  throw new VimFault('ManagedObjectNotFound', 'This session has no such view.', { fields: { obj: self } });
}

function containerViewOf(
  caller: Caller,
  self: ManagedObjectReference,
): View & { readonly kind: 'ContainerView' } {
  const view = viewOf(caller, self);
  if (view.kind === 'ContainerView') return view;
  throw new VimFault('ManagedObjectNotFound', 'That view is a list.', { fields: { obj: self } });
}

function bounded(list: readonly ManagedObjectReference[] | undefined): readonly ManagedObjectReference[] {
  if (list && list.length > LIST_LIMIT) {
    throw new VimFault('InvalidArgument', `A list view holds at most ${LIST_LIMIT} objects.`);
  }
  return list ?? [];
}
