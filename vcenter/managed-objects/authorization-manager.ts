import type { ManagedObjectReference, MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import { PRIVILEGES, PRIVILEGE_IDS, isPrivilegeId, privilegeGroup } from '../access/privileges.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import { ROOT_FOLDER } from '../inventory/inventory.js';
import type { PermissionRow } from '../store.js';
import type { Vcenter } from '../vcenter.js';
import type { Caller } from './caller.js';
import { demand, principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** Privileges that one question may name, and entities. */
const QUESTION_LIMIT = 1000;

/** AuthorizationManager: roles, permissions, and who may do what. */
export const AUTHORIZATION_MANAGER_METHODS: MethodHandlers<Caller, 'AuthorizationManager'> = {
  AddAuthorizationRole: ({ vcenter }, _self, { name, privIds }) => vcenter.roles.add(name, privIds ?? []),
  UpdateAuthorizationRole({ vcenter }, _self, { roleId, newName, privIds }) {
    vcenter.roles.update(roleId, newName, privIds ?? []);
    return undefined;
  },
  RemoveAuthorizationRole({ vcenter }, _self, { roleId, failIfUsed }) {
    vcenter.roles.require(roleId);
    const used = vcenter.authorization.ofRole(roleId);
    if (failIfUsed && used.length > 0) {
      throw new VimFault('ResourceInUse', 'Permissions use this role; remove them first.', {
        fields: { type: 'AuthorizationRole', name: String(roleId) },
      });
    }
    vcenter.roles.remove(roleId);
    for (const { entity, principal, group } of used) vcenter.authorization.remove(entity, principal, group);
    return undefined;
  },
  RetrieveRolePermissions({ vcenter }, _self, { roleId }) {
    vcenter.roles.require(roleId);
    return vcenter.authorization.ofRole(roleId).map((row) => permission(vcenter, row));
  },
  RetrieveAllPermissions: ({ vcenter }) => vcenter.authorization.all().map((row) => permission(vcenter, row)),
  RetrieveEntityPermissions(caller, _self, { entity, inherited }) {
    const { moid } = caller.vcenter.inventory.requireAny(entity);
    demand(caller, entity, 'System.Read');
    return caller.vcenter.authorization
      .permissionsOf(moid, inherited)
      .map((row) => permission(caller.vcenter, row));
  },
  SetEntityPermissions(caller, _self, args) {
    setPermissions(caller, args.entity, args.permission ?? []);
    return undefined;
  },
  ResetEntityPermissions(caller, _self, args) {
    const { vcenter } = caller;
    const { moid } = vcenter.inventory.requireAny(args.entity);
    demand(caller, args.entity, 'Authorization.ModifyPermissions');
    const given = args.permission ?? [];
    for (const row of vcenter.authorization.permissionsOf(moid, false)) {
      if (!given.some(({ principal, group }) => principal === row.principal && group === row.group)) {
        vcenter.authorization.remove(moid, row.principal, row.group);
      }
    }
    setPermissions(caller, args.entity, given);
    return undefined;
  },
  RemoveEntityPermission(caller, _self, { entity, user, isGroup }) {
    const { moid } = caller.vcenter.inventory.requireAny(entity);
    demand(caller, entity, 'Authorization.ModifyPermissions');
    caller.vcenter.authorization.remove(moid, user, isGroup);
    return undefined;
  },
  HasPrivilegeOnEntity(caller, _self, { entity, sessionId, privId }) {
    const held = privilegesOfSession(caller, sessionId, entity);
    return bounded(privId).map((id) => held.has(id));
  },
  HasPrivilegeOnEntities(caller, _self, { entity, sessionId, privId }) {
    return bounded(entity).map((each) => {
      const held = privilegesOfSession(caller, sessionId, each);
      return entityPrivilege(each, bounded(privId), held);
    });
  },
  HasUserPrivilegeOnEntities(caller, _self, { entities, userName, privId }) {
    return bounded(entities).map((each) => {
      const held = privilegesOfUser(caller, userName, each);
      return entityPrivilege(each, bounded(privId), held);
    });
  },
  FetchUserPrivilegeOnEntities(caller, _self, { entities, userName }) {
    return bounded(entities).map((each) => ({
      _typeName: 'UserPrivilegeResult',
      entity: each,
      privileges: [...privilegesOfUser(caller, userName, each)],
    }));
  },
};

/** Properties of AuthorizationManager. */
export const AUTHORIZATION_MANAGER_PROPERTIES: PropertyReaders<'AuthorizationManager'> = {
  roleList: ({ vcenter }) =>
    vcenter.roles.list().map(({ id, name, privileges }) => ({
      _typeName: 'AuthorizationRole',
      roleId: id,
      system: id < 0,
      name,
      info: { _typeName: 'Description', label: name, summary: name },
      privilege: privileges,
    })),
  privilegeList: () =>
    PRIVILEGE_IDS.map((privId) => ({
      _typeName: 'AuthorizationPrivilege',
      privId,
      onParent: PRIVILEGES[privId].onParent,
      name: PRIVILEGES[privId].name,
      privGroupName: privilegeGroup(privId),
    })),
  description: () => ({
    _typeName: 'AuthorizationDescription',
    privilege: PRIVILEGE_IDS.map((key) => elementDescription(key, PRIVILEGES[key].name)),
    privilegeGroup: [...new Set(PRIVILEGE_IDS.map(privilegeGroup))].map((key) =>
      elementDescription(key, key),
    ),
  }),
};

function setPermissions(
  caller: Caller,
  reference: ManagedObjectReference,
  given: readonly VimObject<'Permission'>[],
): void {
  const { inventory, authorization, users } = caller.vcenter;
  const { moid } = inventory.requireAny(reference);
  demand(caller, reference, 'Authorization.ModifyPermissions');
  const rows = given.map(({ principal, group, roleId, propagate }): PermissionRow => {
    if (!group && !users.find(principal)) {
      throw new VimFault('UserNotFound', `There is no user ${principal.slice(0, 80)}.`, {
        fields: { principal, unresolved: true },
      });
    }
    return { entity: moid, principal, group, roleId, propagate };
  });
  const kept = authorization
    .permissionsOf(ROOT_FOLDER, false)
    .filter((row) => moid !== ROOT_FOLDER || !rows.some((given) => given.principal === row.principal));
  const hasAdministrator = [...kept, ...rows].some((row) => row.roleId === -1 && row.propagate);
  if (moid === ROOT_FOLDER && !hasAdministrator) {
    throw new VimFault(
      'AuthMinimumAdminPermission',
      'This would leave the root folder without an administrator.',
    );
  }
  authorization.set(rows);
}

function privilegesOfSession(
  caller: Caller,
  key: string,
  entity: ManagedObjectReference,
): ReadonlySet<string> {
  caller.vcenter.inventory.requireAny(entity);
  const session = caller.session?.key === key ? caller.session : caller.vcenter.sessions.byKey(key);
  if (!session) throw new VimFault('NotFound', 'There is no such session.');
  if (session !== caller.session)
    demand(caller, referenceTo('Folder', ROOT_FOLDER), 'Sessions.ValidateSession');
  return caller.vcenter.authorization.privilegesOn(session.principal, entity);
}

function privilegesOfUser(
  caller: Caller,
  userName: string,
  entity: ManagedObjectReference,
): ReadonlySet<string> {
  const { inventory, users, authorization } = caller.vcenter;
  if (inventory.get(entity.value)) inventory.requireAny(entity);
  if (principalOf(caller).name.toLowerCase() !== userName.toLowerCase()) {
    demand(caller, entity, 'Authorization.ModifyPermissions');
  }
  const user = users.find(userName);
  return user ? authorization.privilegesOn(user, entity) : new Set();
}

function entityPrivilege(
  entity: ManagedObjectReference,
  ids: readonly string[],
  held: ReadonlySet<string>,
): VimObject<'EntityPrivilege'> {
  return {
    _typeName: 'EntityPrivilege',
    entity,
    privAvailability: ids.map((privId) => ({
      _typeName: 'PrivilegeAvailability',
      privId,
      isGranted: isPrivilegeId(privId) && held.has(privId),
    })),
  };
}

function permission(vcenter: Vcenter, row: PermissionRow): VimObject<'Permission'> {
  const entity = vcenter.inventory.get(row.entity);
  return {
    _typeName: 'Permission',
    ...(entity && { entity: referenceOf(entity) }),
    principal: row.principal,
    group: row.group,
    roleId: row.roleId,
    propagate: row.propagate,
  };
}

function elementDescription(key: string, label: string): VimObject<'ElementDescription'> {
  return { _typeName: 'ElementDescription', key, label, summary: label };
}

function bounded<T>(list: readonly T[] | undefined): readonly T[] {
  if (list && list.length > QUESTION_LIMIT) {
    throw new VimFault('InvalidArgument', `Ask for at most ${QUESTION_LIMIT} at once.`);
  }
  return list ?? [];
}
