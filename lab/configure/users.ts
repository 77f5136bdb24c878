import type { LabVcenter } from '../services/vcenter.js';
import type { VcenterSpec } from '../topology/index.js';

/** Makes the roles of a vCenter that are not the system's, and gives them to their users on the root folder. */
export async function configureUsers(vcenter: LabVcenter, { roles, users }: VcenterSpec): Promise<void> {
  if (roles.length === 0) return;
  const client = await vcenter.client();
  const manager = ['AuthorizationManager', 'AuthorizationManager'] as const;
  const { rootFolder } = await client.serviceContent();
  const known = (await client.property(...manager, 'roleList')) ?? [];
  for (const { name, privileges } of roles) {
    const roleId =
      known.find((role) => role.name === name)?.roleId ??
      (await client.invoke(...manager, 'AddAuthorizationRole', { name, privIds: privileges }));
    const permission = users
      .filter(({ role }) => role === name)
      .map((user) => ({
        _typeName: 'Permission' as const,
        principal: user.name,
        group: false,
        roleId,
        propagate: true,
      }));
    if (permission.length === 0) continue;
    await client.invoke(...manager, 'SetEntityPermissions', { entity: rootFolder, permission });
  }
}
