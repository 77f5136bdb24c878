import type { ManagedObjectReference, MethodHandlers } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Entity, EntityType } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { Caller } from './caller.js';
import { demand, principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Privilege to rename an entity of a type. */
const RENAME_PRIVILEGES = {
  Folder: 'Folder.Rename',
  Datacenter: 'Datacenter.Rename',
  ClusterComputeResource: 'Host.Inventory.RenameCluster',
  ComputeResource: undefined,
  ResourcePool: undefined,
  HostSystem: undefined,
  Datastore: undefined,
  VirtualMachine: 'VirtualMachine.Config.Rename',
} as const satisfies Record<EntityType, string | undefined>;

/** Privilege to remove an entity of a type. */
const DESTROY_PRIVILEGES = {
  Folder: 'Folder.Delete',
  Datacenter: 'Datacenter.Delete',
  ClusterComputeResource: 'Host.Inventory.DeleteCluster',
  ComputeResource: 'Host.Inventory.RemoveHostFromCluster',
  ResourcePool: undefined,
  HostSystem: 'Host.Inventory.RemoveHostFromCluster',
  Datastore: undefined,
  VirtualMachine: 'VirtualMachine.Inventory.Delete',
} as const satisfies Record<EntityType, string | undefined>;

/** ManagedEntity: what all of the inventory can. */
export const MANAGED_ENTITY_METHODS: MethodHandlers<Caller, 'ManagedEntity'> = {
  async Reload({ vcenter }) {
    await vcenter.hosts.refreshAll(0);
    return undefined;
  },
  Rename_Task(caller, self, { newName }) {
    const entity = requireAllowed(caller, self, RENAME_PRIVILEGES, 'renamed');
    const { vcenter } = caller;
    vcenter.inventory.checkName(entity.parent ?? '', newName, entity.moid);
    return vcenter.tasks.start(
      { entity, descriptionId: 'ManagedEntity.rename', userName: principalOf(caller).name },
      () => {
        vcenter.inventory.put({ ...entity, name: newName });
        return Promise.resolve(undefined);
      },
    );
  },
  Destroy_Task(caller, self) {
    const entity = requireAllowed(caller, self, DESTROY_PRIVILEGES, 'removed');
    const { vcenter } = caller;
    const descriptionId =
      entity.type === 'VirtualMachine' ? 'VirtualMachine.destroy' : 'ManagedEntity.destroy';
    return vcenter.tasks.start({ entity, descriptionId, userName: principalOf(caller).name }, async () => {
      if (entity.type === 'VirtualMachine') await vcenter.vms.destroy(entity, principalOf(caller));
      else await vcenter.topology.remove(entity);
      return undefined;
    });
  },
};

/** Properties that all of the inventory has. */
export const MANAGED_ENTITY_PROPERTIES: PropertyReaders<'ManagedEntity'> = {
  name: (caller, self) => caller.vcenter.inventory.requireAny(self).name,
  parent(caller, self) {
    const { inventory } = caller.vcenter;
    const parent = inventory.get(inventory.requireAny(self).parent ?? '');
    return parent && referenceOf(parent);
  },
  overallStatus: () => 'green',
  configStatus: () => 'green',
  configIssue: () => [],
  disabledMethod: () => [],
  recentTask: ({ vcenter }, self) => vcenter.tasks.recent(self.value),
  alarmActionsEnabled: () => true,
  tag: () => [],
  customValue: () => [],
  permission: ({ vcenter }, self) =>
    vcenter.authorization.permissionsOf(self.value, false).map((row) => ({
      _typeName: 'Permission',
      entity: self,
      principal: row.principal,
      group: row.group,
      roleId: row.roleId,
      propagate: row.propagate,
    })),
  effectiveRole(caller, self) {
    const { authorization, roles } = caller.vcenter;
    const held = authorization.privilegesOn(principalOf(caller), self);
    const role = roles
      .list()
      .find(({ privileges }) => privileges.length === held.size && privileges.every((id) => held.has(id)));
    return role ? [role.id] : [];
  },
};

function requireAllowed(
  caller: Caller,
  self: ManagedObjectReference,
  table: Readonly<Record<EntityType, string | undefined>>,
  what: string,
): Entity {
  const entity = caller.vcenter.inventory.requireAny(self);
  const privilege = table[entity.type];
  if (privilege === undefined || entity.parent === undefined) {
    throw new VimFault(
      'NotSupported',
      `A ${entity.type} such as ${entity.name} cannot be ${what} by itself.`,
    );
  }
  demand(caller, self, privilege);
  return entity;
}
