import type { TypeRow } from '../type-expression.js';

/** Roles, permissions and privileges. Source: vSphere Web Services API. */
export const AUTHORIZATION_TYPES = {
  Permission: {
    extends: 'DynamicData',
    fields: {
      entity: '&ManagedEntity?',
      principal: 'string',
      group: 'boolean',
      roleId: 'int',
      propagate: 'boolean',
    },
  },
  AuthorizationRole: {
    extends: 'DynamicData',
    fields: { roleId: 'int', system: 'boolean', name: 'string', info: 'Description', privilege: 'string[]?' },
  },
  AuthorizationPrivilege: {
    extends: 'DynamicData',
    fields: { privId: 'string', onParent: 'boolean', name: 'string', privGroupName: 'string' },
  },
  EntityPrivilege: {
    extends: 'DynamicData',
    fields: { entity: '&ManagedEntity', privAvailability: 'PrivilegeAvailability[]' },
  },
  PrivilegeAvailability: { extends: 'DynamicData', fields: { privId: 'string', isGranted: 'boolean' } },
  UserPrivilegeResult: {
    extends: 'DynamicData',
    fields: { entity: '&ManagedEntity', privileges: 'string[]?' },
  },
  AuthorizationDescription: {
    extends: 'DynamicData',
    fields: { privilege: 'ElementDescription[]', privilegeGroup: 'ElementDescription[]' },
  },
} as const satisfies Record<string, TypeRow>;
