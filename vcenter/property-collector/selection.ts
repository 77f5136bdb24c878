import type { ManagedObjectReference, Vim, VimObject } from '../../wire/vim25/index.js';
import { VimFault, isObjectType } from '../../wire/vim25/index.js';

/** Reads a property that leads to further objects; undefined where it is unset or may not be read. */
export type ReadReferences = (
  object: ManagedObjectReference,
  path: string,
) => Promise<readonly ManagedObjectReference[]>;

/** Objects that one selection may walk over. */
const WALK_LIMIT = 100_000;

type Selection = Vim<'SelectionSpec'>;
type Traversal = VimObject<'TraversalSpec'>;

/**
 * The objects that an ObjectSpec selects: the starting object and whatever its traversals lead to, each once, in the
 * order in which they were reached. Traversals may name one another and themselves.
 *
 * @throws VimFault `InvalidArgument` if a name is used that no traversal has, or the walk is too long
 */
export async function selectObjects(
  spec: VimObject<'ObjectSpec'>,
  read: ReadReferences,
): Promise<readonly ManagedObjectReference[]> {
  const named = namedTraversals(spec.selectSet ?? []);
  const selected = new Map<string, ManagedObjectReference>();
  const walked = new Set<string>();
  const traversalIds = new Map<Traversal, number>();
  const queue: { object: ManagedObjectReference; selectSet: readonly Selection[] }[] = [];

  const reach = (object: ManagedObjectReference, skip: boolean, selectSet: readonly Selection[]): void => {
    if (!skip) selected.set(keyOf(object), object);
    queue.push({ object, selectSet });
  };
  reach(spec.obj, spec.skip ?? false, spec.selectSet ?? []);

  for (let next = queue.shift(); next; next = queue.shift()) {
    for (const traversal of next.selectSet.map((each) => resolve(each, named))) {
      const id = traversalIds.get(traversal) ?? traversalIds.size;
      traversalIds.set(traversal, id);
      const step = `${keyOf(next.object)} ${id}`;
      if (walked.has(step) || !isObjectType(next.object.type, traversal.type)) continue;
      if (walked.size >= WALK_LIMIT) throw invalid('The selection walks over too many objects.');
      walked.add(step);
      for (const object of await read(next.object, traversal.path)) {
        reach(object, traversal.skip ?? false, traversal.selectSet ?? []);
      }
    }
  }
  return [...selected.values()];
}

function namedTraversals(selectSet: readonly Selection[]): ReadonlyMap<string, Traversal> {
  const named = new Map<string, Traversal>();
  const collect = (set: readonly Selection[]): void => {
    for (const each of set) {
      if (each._typeName !== 'TraversalSpec') continue;
      if (each.name !== undefined) named.set(each.name, each);
      collect(each.selectSet ?? []);
    }
  };
  collect(selectSet);
  return named;
}

function resolve(selection: Selection, named: ReadonlyMap<string, Traversal>): Traversal {
  if (selection._typeName === 'TraversalSpec') return selection;
  const found = named.get(selection.name ?? '');
  if (found) return found;
  throw invalid(`No TraversalSpec of this selection is named ${JSON.stringify(selection.name ?? '')}.`);
}

function keyOf({ type, value }: ManagedObjectReference): string {
  return `${type}:${value}`;
}

function invalid(message: string): VimFault<'InvalidArgument'> {
  return new VimFault('InvalidArgument', message, { fields: { invalidProperty: 'specSet' } });
}
