import type { ManagedObjectReference, MethodHandlers } from '../../wire/vim25/index.js';
import type { Entity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import type { Caller } from './caller.js';
import { principalOf } from './caller.js';

/** Longest inventory path, in parts. */
const PATH_LIMIT = 64;

/** SearchIndex: entities by path, UUID or name. What the user may not see is not found. */
export const SEARCH_INDEX_METHODS: MethodHandlers<Caller, 'SearchIndex'> = {
  FindByInventoryPath(caller, _self, { inventoryPath }) {
    const parts = inventoryPath.split('/').filter((part) => part !== '');
    if (parts.length > PATH_LIMIT) return undefined;
    return visible(caller, byPath(caller.vcenter.inventory, parts));
  },
  FindByUuid(caller, _self, { uuid, vmSearch }) {
    return visible(caller, byUuid(caller.vcenter.inventory, uuid, vmSearch));
  },
  FindAllByUuid(caller, _self, { uuid, vmSearch }) {
    const found = visible(caller, byUuid(caller.vcenter.inventory, uuid, vmSearch));
    return found ? [found] : [];
  },
  FindByDnsName(caller, _self, { dnsName, vmSearch }) {
    if (vmSearch) return undefined; // no guest of kpsim tells its name
    const hosts = caller.vcenter.inventory.ofType('HostSystem');
    return visible(
      caller,
      hosts.find(({ name }) => name === dnsName),
    );
  },
  FindChild(caller, _self, { entity, name }) {
    const { inventory } = caller.vcenter;
    const parent = inventory.requireAny(entity);
    return visible(caller, inventory.childNamed(parent.moid, decodeName(name)));
  },
};

function visible(caller: Caller, entity: Entity | undefined): ManagedObjectReference | undefined {
  if (!entity) return undefined;
  const reference = referenceOf(entity);
  const { authorization } = caller.vcenter;
  return authorization.has(principalOf(caller), reference, 'System.View') ? reference : undefined;
}

function byUuid(inventory: Inventory, uuid: string, vmSearch: boolean): Entity | undefined {
  const wanted = uuid.toLowerCase();
  return vmSearch
    ? inventory.vmByUuid(wanted)
    : inventory.ofType('HostSystem').find((host) => host.uuid === wanted);
}

/** Paths begin below the root folder: `dc/vm/folder/name`. */
function byPath(inventory: Inventory, parts: readonly string[]): Entity | undefined {
  let entity = inventory.get(ROOT_FOLDER);
  for (const part of parts) {
    entity = entity && inventory.childNamed(entity.moid, decodeName(part));
  }
  return entity;
}

/** vSphere writes `/`, `\` and `%` in names as `%2f`, `%5c` and `%25`. */
function decodeName(name: string): string {
  return name.replace(/%(2f|5c|25)/gi, (code) => String.fromCharCode(Number.parseInt(code.slice(1), 16)));
}
