import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { isObjectType } from '../../wire/vim25/index.js';
import type { Entity, HostEntity } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';

/** Objects from which a client may walk to anything. */
const ANYTHING = ['View', 'Folder', 'Datacenter'];

/**
 * The hosts that have to be asked before something is told of these objects: the host of a VM or datastore, the hosts
 * of a cluster, and all of them where a client may walk on to any.
 */
export function hostsBehind(
  inventory: Inventory,
  objects: readonly ManagedObjectReference[],
): readonly HostEntity[] {
  if (objects.some(({ type }) => ANYTHING.some((base) => isObjectType(type, base)))) {
    return inventory.ofType('HostSystem');
  }
  const found = objects.flatMap(({ value }) => {
    const entity = inventory.get(value);
    return entity ? hostsOf(inventory, entity) : [];
  });
  return [...new Map(found.map((host) => [host.moid, host])).values()];
}

function hostsOf(inventory: Inventory, entity: Entity): readonly HostEntity[] {
  switch (entity.type) {
    case 'HostSystem':
      return [entity];
    case 'VirtualMachine':
    case 'Datastore': {
      const host = inventory.get(entity.host);
      return host?.type === 'HostSystem' ? [host] : [];
    }
    default: {
      const compute = inventory.computeOf(entity.moid);
      return compute ? inventory.hostsOf(compute.moid) : [];
    }
  }
}
