import * as z from 'zod';

import type { Entity, EntityOf, EntityType } from '../inventory/entities.js';
import { FOLDER_TYPES, POWER_STATES, connectionState, folderType } from '../vapi/inventory-words.js';
import type { Vcenter } from '../vcenter.js';

/** One query parameter of a list: an entity passes if one of its values is among those that were given. */
export interface InventoryFilter<E extends Entity> {
  /** The values that there are; without, ids or names. */
  readonly words?: readonly string[];
  /** May be given once only. */
  readonly single?: true;
  /** What an entity has under this name. */
  readonly of: (vcenter: Vcenter, entity: E) => readonly string[];
}

/** The query parameters of a list, by their names. */
export type InventoryFilters<E extends Entity> = Readonly<Record<string, InventoryFilter<E>>>;

/** Ids or names that one filter may hold. */
const VALUES_LIMIT = 1000;

const self: InventoryFilter<Entity> = { of: (_vcenter, { moid }) => [moid] };
const names: InventoryFilter<Entity> = { of: (_vcenter, { name }) => [name] };
const folders = above('Folder');
const datacenters = above('Datacenter');
const clusters = above('ClusterComputeResource');

/** A type of entity that can be listed. */
export type ListedType = Exclude<EntityType, 'ComputeResource' | 'ResourcePool'>;

/** The query parameters of each list: the `FilterSpec` of its service (vSphere Automation API 8.0). */
export const INVENTORY_FILTERS: { readonly [T in ListedType]: InventoryFilters<EntityOf<T>> } = {
  VirtualMachine: {
    vms: self,
    names,
    folders,
    datacenters,
    hosts: { of: (_vcenter, { host }) => [host] },
    clusters: { of: ({ inventory }, { host }) => [inventory.clusterOf(host)?.moid ?? ''] },
    resource_pools: {
      of: ({ inventory }, { host }) => [inventory.computeOf(host)?.resourcePool ?? ''],
    },
    power_states: {
      words: Object.values(POWER_STATES),
      of: (_vcenter, { info }) => [POWER_STATES[info.powerState]],
    },
  },
  HostSystem: {
    hosts: self,
    names,
    folders,
    datacenters,
    clusters,
    standalone: {
      words: ['true', 'false'],
      single: true,
      of: ({ inventory }, { moid }) => [String(inventory.clusterOf(moid) === undefined)],
    },
    connection_states: {
      words: ['CONNECTED', 'DISCONNECTED', 'NOT_RESPONDING'],
      of: (vcenter, host) => [connectionState(vcenter, host)],
    },
  },
  ClusterComputeResource: { clusters: self, names, folders, datacenters },
  Datastore: {
    datastores: self,
    names,
    folders,
    datacenters,
    types: { words: ['VMFS', 'NFS', 'NFS41', 'CIFS', 'VSAN', 'VFFS', 'VVOL'], of: () => ['VMFS'] },
  },
  Folder: {
    folders: self,
    names,
    datacenters,
    parent_folders: folders,
    type: {
      words: Object.values(FOLDER_TYPES),
      single: true,
      of: (_vcenter, folder) => [folderType(folder)],
    },
  },
  Datacenter: { datacenters: self, names, folders },
};

/** The query of a list; a value given once is no array there, and what the list does not have is refused. */
export function filterSchema<E extends Entity>(
  filters: InventoryFilters<E>,
): z.ZodType<Readonly<Record<string, readonly string[]>>> {
  return z.strictObject(
    Object.fromEntries(
      Object.entries(filters).map(([name, { words, single = false }]) => {
        const value = words ? z.enum(words) : z.string().min(1);
        const one = value.transform((given) => [given]);
        return [name, (single ? one : z.union([one, z.array(value).max(VALUES_LIMIT)])).optional()];
      }),
    ),
  ) as unknown as z.ZodType<Readonly<Record<string, readonly string[]>>>; // each member is one of these two
}

/** Whether an entity passes all filters that are given. */
export function passes<E extends Entity>(
  vcenter: Vcenter,
  entity: E,
  filters: InventoryFilters<E>,
  given: Readonly<Record<string, readonly string[]>>,
): boolean {
  return Object.entries(given).every(
    ([name, wanted]) => filters[name]?.of(vcenter, entity).some((value) => wanted.includes(value)) ?? true,
  );
}

/** Ids of what an entity is in, at any depth, of one type. */
function above(type: EntityType): InventoryFilter<Entity> {
  return {
    of: ({ inventory }, { parent }) =>
      inventory
        .lineage(parent ?? '')
        .filter((entity) => entity.type === type)
        .map(({ moid }) => moid),
  };
}
