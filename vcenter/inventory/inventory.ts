import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { VcenterStore } from '../store.js';
import type {
  ClusterEntity,
  ComputeResourceEntity,
  DatacenterEntity,
  DatastoreEntity,
  Entity,
  EntityOf,
  EntityType,
  FolderEntity,
  HostEntity,
  VirtualMachineEntity,
} from './entities.js';
import { MOID_PREFIXES, referenceOf } from './entities.js';

/** Moid of the root folder, as on every vCenter. */
export const ROOT_FOLDER = 'group-d1';
const FIRST_VM_NUMBER = 1001;

/** Kinds of folders: prefix of their moids and what may be in them. */
const FOLDER_KINDS = {
  datacenter: { prefix: 'group-d', childType: ['Folder', 'Datacenter'] },
  vm: { prefix: 'group-v', childType: ['Folder', 'VirtualMachine', 'VirtualApp'] },
  host: { prefix: 'group-h', childType: ['Folder', 'ComputeResource'] },
  datastore: { prefix: 'group-s', childType: ['Folder', 'Datastore', 'StoragePod'] },
  network: { prefix: 'group-n', childType: ['Folder', 'Network'] },
} as const;

/** A kind of folder. */
export type FolderKind = keyof typeof FOLDER_KINDS;

/** The tree of managed entities, in memory and on disk. */
export class Inventory {
  readonly #store: VcenterStore;
  readonly #entities = new Map<string, Entity>();
  readonly #children = new Map<string, Set<string>>();
  readonly #vmsByUuid = new Map<string, string>();
  readonly #byType = new Map<EntityType, Map<string, Entity>>();
  /** Moids of the VMs and datastores of a host, by the host's. */
  readonly #onHost = new Map<string, Set<string>>();
  readonly #changed: () => void;

  /** @param changed called after each change, for whoever waits for updates */
  constructor(store: VcenterStore, changed: () => void) {
    this.#store = store;
    this.#changed = changed;
    for (const { body } of store.entities()) this.#index(JSON.parse(body) as Entity);
    if (!this.#entities.has(ROOT_FOLDER)) {
      store.setSetting('nextMoid', '2');
      this.put({
        type: 'Folder',
        moid: ROOT_FOLDER,
        name: 'Datacenters',
        childType: FOLDER_KINDS.datacenter.childType,
      });
    }
  }

  /** Runs changes that belong together in one durable transaction. */
  transaction<T>(work: () => T): T {
    return this.#store.transaction(work);
  }

  get(moid: string): Entity | undefined {
    return this.#entities.get(moid);
  }

  /** The entity of that moid and type. @throws VimFault `ManagedObjectNotFound` */
  require<T extends EntityType>(type: T, reference: ManagedObjectReference | string): EntityOf<T> {
    const moid = typeof reference === 'string' ? reference : reference.value;
    const entity = this.#entities.get(moid);
    if (entity?.type === type) return entity as EntityOf<T>;
    throw notFound(
      typeof reference === 'string' ? { _typeName: 'ManagedObjectReference', type, value: moid } : reference,
    );
  }

  /** The entity behind a reference, of whatever type. @throws VimFault `ManagedObjectNotFound` */
  requireAny(reference: ManagedObjectReference): Entity {
    const entity = this.#entities.get(reference.value);
    if (entity && isKindOf(entity, reference.type)) return entity;
    throw notFound(reference);
  }

  /** All entities of a type, in the order in which they were made. */
  ofType<T extends EntityType>(type: T): readonly EntityOf<T>[] {
    return [...(this.#byType.get(type)?.values() ?? [])] as EntityOf<T>[];
  }

  children(moid: string): readonly Entity[] {
    return [...(this.#children.get(moid) ?? [])].flatMap((child) => this.#entities.get(child) ?? []);
  }

  /** The entity and everything above it, up to the root folder. */
  lineage(moid: string): readonly Entity[] {
    const found: Entity[] = [];
    for (let next: string | undefined = moid; next !== undefined;) {
      const entity: Entity | undefined = this.#entities.get(next);
      if (!entity) break;
      found.push(entity);
      next = entity.parent;
    }
    return found;
  }

  datacenterOf(moid: string): DatacenterEntity | undefined {
    return this.lineage(moid).find((entity) => entity.type === 'Datacenter');
  }

  /** The cluster or compute resource that a host or resource pool belongs to. */
  computeOf(moid: string): ClusterEntity | ComputeResourceEntity | undefined {
    return this.lineage(moid).find(
      (entity) => entity.type === 'ClusterComputeResource' || entity.type === 'ComputeResource',
    );
  }

  clusterOf(host: string): ClusterEntity | undefined {
    const compute = this.computeOf(host);
    return compute?.type === 'ClusterComputeResource' ? compute : undefined;
  }

  hostsOf(compute: string): readonly HostEntity[] {
    return this.children(compute).filter((entity) => entity.type === 'HostSystem');
  }

  vmsOn(host: string): readonly VirtualMachineEntity[] {
    return this.#of(host).filter((entity) => entity.type === 'VirtualMachine');
  }

  datastoresOf(host: string): readonly DatastoreEntity[] {
    return this.#of(host).filter((entity) => entity.type === 'Datastore');
  }

  vmByUuid(uuid: string): VirtualMachineEntity | undefined {
    const moid = this.#vmsByUuid.get(uuid.toLowerCase());
    return moid === undefined ? undefined : (this.#entities.get(moid) as VirtualMachineEntity | undefined);
  }

  childNamed(parent: string, name: string): Entity | undefined {
    return this.children(parent).find((child) => child.name === name);
  }

  /** @throws VimFault `DuplicateName` if the parent has a child of that name, `InvalidName` if it is empty or too long */
  checkName(parent: string, name: string, own?: string): void {
    if (name.trim() === '' || name.length > 80) {
      throw new VimFault('InvalidName', 'Names have 1 to 80 characters.', { fields: { name } });
    }
    const existing = this.childNamed(parent, name);
    if (existing && existing.moid !== own) {
      throw new VimFault('DuplicateName', `There is a ${existing.type} named ${name} here already.`, {
        fields: { name, object: referenceOf(existing) },
      });
    }
  }

  /** The next moid of a type; never given twice. */
  nextMoid(type: keyof typeof MOID_PREFIXES): string {
    const counter = type === 'VirtualMachine' ? 'nextVm' : 'nextMoid';
    return `${MOID_PREFIXES[type]}${this.#count(counter)}`;
  }

  /** Makes a folder of a kind below `parent`. */
  addFolder(kind: FolderKind, name: string, parent: string): FolderEntity {
    const { prefix, childType } = FOLDER_KINDS[kind];
    const moid = `${prefix}${this.#count('nextMoid')}`;
    return this.put({ type: 'Folder', moid, name, parent, childType });
  }

  /** Adds an entity, or replaces the one of its moid. */
  put<E extends Entity>(entity: E): E {
    this.#store.putEntity(entity.moid, entity.type, entity.parent, JSON.stringify(entity));
    this.#index(entity);
    this.#changed();
    return entity;
  }

  /** Removes an entity and everything below it. */
  remove(moid: string): void {
    this.transaction(() => {
      for (const child of this.children(moid)) this.remove(child.moid);
      this.#store.deleteEntity(moid);
    });
    const entity = this.#entities.get(moid);
    if (!entity) return;
    this.#entities.delete(moid);
    this.#byType.get(entity.type)?.delete(moid);
    if ('host' in entity) this.#onHost.get(entity.host)?.delete(moid);
    if (entity.parent !== undefined) this.#children.get(entity.parent)?.delete(moid);
    if (entity.type === 'VirtualMachine' && this.#vmsByUuid.get(entity.uuid) === moid) {
      this.#vmsByUuid.delete(entity.uuid);
    }
    this.#changed();
  }

  #index(entity: Entity): void {
    const before = this.#entities.get(entity.moid);
    if (before?.parent !== undefined && before.parent !== entity.parent) {
      this.#children.get(before.parent)?.delete(entity.moid);
    }
    this.#entities.set(entity.moid, entity);
    mapIn(this.#byType, entity.type).set(entity.moid, entity);
    if (before && 'host' in before) this.#onHost.get(before.host)?.delete(entity.moid);
    if ('host' in entity) setIn(this.#onHost, entity.host).add(entity.moid);
    if (entity.type === 'VirtualMachine') this.#vmsByUuid.set(entity.uuid, entity.moid);
    if (entity.parent !== undefined) setIn(this.#children, entity.parent).add(entity.moid);
  }

  #of(host: string): readonly Entity[] {
    return [...(this.#onHost.get(host) ?? [])].flatMap((moid) => this.#entities.get(moid) ?? []);
  }

  #count(counter: 'nextMoid' | 'nextVm'): number {
    const first = counter === 'nextVm' ? FIRST_VM_NUMBER : 2;
    const number = Number(this.#store.setting(counter) ?? first);
    this.#store.setSetting(counter, String(number + 1));
    return number;
  }
}

function setIn<K>(sets: Map<K, Set<string>>, key: K): Set<string> {
  const known = sets.get(key);
  if (known) return known;
  const made = new Set<string>();
  sets.set(key, made);
  return made;
}

function mapIn<K>(maps: Map<K, Map<string, Entity>>, key: K): Map<string, Entity> {
  const known = maps.get(key);
  if (known) return known;
  const made = new Map<string, Entity>();
  maps.set(key, made);
  return made;
}

/** Whether an entity may be called by a reference of that type: its own, or a base of it. */
function isKindOf(entity: Entity, type: string): boolean {
  return (
    entity.type === type ||
    type === 'ManagedEntity' ||
    type === 'ManagedObject' ||
    (entity.type === 'ClusterComputeResource' && type === 'ComputeResource')
  );
}

function notFound(reference: ManagedObjectReference): VimFault<'ManagedObjectNotFound'> {
  return new VimFault(
    'ManagedObjectNotFound',
    `The object ${reference.type}:${reference.value} has been removed, was never there, or is of another type.`,
    { fields: { obj: reference } },
  );
}
