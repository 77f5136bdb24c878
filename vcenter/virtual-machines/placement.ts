import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Hosts } from '../hosts/hosts.js';
import type { HostEntity } from '../inventory/entities.js';
import { referenceTo } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';

/** What a request says of the place of a VM; what it leaves out is chosen. */
export interface PlacementRequest {
  readonly host?: ManagedObjectReference | undefined;
  readonly pool?: ManagedObjectReference | undefined;
  readonly datastore?: ManagedObjectReference | undefined;
  /** Name of a datastore, where a path names it. */
  readonly datastoreName?: string | undefined;
}

/** A place: a host, and one of its datastores by name. */
export interface Placement {
  readonly host: HostEntity;
  readonly datastore: string;
}

/**
 * Chooses host and datastore: what is named must fit together; of several hosts the one with the fewest VMs is taken.
 *
 * @param current where the VM is now; it stays there unless something else is named
 * @throws VimFault `InvalidArgument`, `HostNotConnected`, `InvalidDatastore`, `ManagedObjectNotFound`
 */
export function choosePlacement(
  parts: { readonly inventory: Inventory; readonly hosts: Hosts },
  request: PlacementRequest,
  current?: Placement,
): Placement {
  const { inventory, hosts } = parts;
  const datastore = request.datastore && inventory.require('Datastore', request.datastore);
  const host = chooseHost(parts, request, datastore?.host, current);
  const { about } = hosts.requireConnected(host);
  if (datastore && datastore.host !== host.moid) {
    throw new VimFault('InvalidDatastore', `Host ${host.name} does not have datastore ${datastore.name}.`, {
      fields: { datastore: referenceTo('Datastore', datastore.moid), name: datastore.name },
    });
  }
  const names = about.datastores.map(({ name }) => name);
  const wanted = datastore?.name ?? request.datastoreName;
  if (wanted !== undefined && !names.includes(wanted)) {
    throw new VimFault('InvalidDatastore', `Host ${host.name} has no datastore ${wanted.slice(0, 80)}.`, {
      fields: { name: wanted.slice(0, 80) },
    });
  }
  const kept = names.find((name) => name === current?.datastore);
  const chosen = wanted ?? kept ?? names[0];
  if (chosen === undefined) throw new VimFault('InvalidDatastore', `Host ${host.name} has no datastore.`);
  return { host, datastore: chosen };
}

function chooseHost(
  { inventory, hosts }: { readonly inventory: Inventory; readonly hosts: Hosts },
  request: PlacementRequest,
  datastoreHost: string | undefined,
  current: Placement | undefined,
): HostEntity {
  const pool = request.pool && inventory.require('ResourcePool', request.pool);
  const compute = pool && inventory.computeOf(pool.moid);
  if (request.host) {
    const host = inventory.require('HostSystem', request.host);
    if (compute && inventory.computeOf(host.moid)?.moid !== compute.moid) {
      throw new VimFault('InvalidArgument', `Host ${host.name} does not belong to that resource pool.`, {
        fields: { invalidProperty: 'pool' },
      });
    }
    return host;
  }
  if (datastoreHost !== undefined && !compute) return inventory.require('HostSystem', datastoreHost);
  if (!compute) {
    if (current) return current.host;
    throw new VimFault('InvalidArgument', 'Name a host, a resource pool or a datastore.', {
      fields: { invalidProperty: 'pool' },
    });
  }
  const candidates = inventory
    .hostsOf(compute.moid)
    .filter(
      ({ moid }) => hosts.state(moid).connected && (datastoreHost === undefined || moid === datastoreHost),
    );
  const stays = candidates.find(({ moid }) => moid === current?.host.moid);
  const [least] = candidates.toSorted(
    (left, right) => inventory.vmsOn(left.moid).length - inventory.vmsOn(right.moid).length,
  );
  const chosen = stays ?? least;
  if (chosen) return chosen;
  throw new VimFault('HostNotConnected', `No host of ${compute.name} is connected.`);
}
