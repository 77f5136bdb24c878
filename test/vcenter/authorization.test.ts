import { expect, it } from 'vitest';

import { startSide } from './migration/sides.js';
import {
  ADMINISTRATOR,
  PASSWORD,
  Site,
  addCluster,
  addDatacenter,
  addHost,
  addVm,
  encryptWith,
  faultOf,
  ref,
} from './site.js';
import type { RunningVcenter } from './site.js';

const OPERATOR = 'operator@vsphere.local';
const USERS = [
  { name: ADMINISTRATOR, password: PASSWORD, role: 'Admin' as const },
  { name: OPERATOR, password: PASSWORD },
  { name: 'nocrypto@vsphere.local', password: PASSWORD, role: 'NoCryptoAdmin' as const },
];

async function permit(
  { client }: RunningVcenter,
  entity: { type: string; value: string },
  privIds: readonly string[],
  principal = OPERATOR,
): Promise<void> {
  const roleId = await client.invoke('AuthorizationManager', 'AuthorizationManager', 'AddAuthorizationRole', {
    name: `role-${entity.value}-${privIds.length}`,
    privIds,
  });
  await client.invoke('AuthorizationManager', 'AuthorizationManager', 'SetEntityPermissions', {
    entity: ref(entity.type, entity.value),
    permission: [{ _typeName: 'Permission', principal, group: false, roleId, propagate: true }],
  });
}

it('hides everything from a user without permissions, and shows what a permission reaches', async () => {
  const site = await Site.create();
  const vc = await site.startVcenter('vc-east', { users: USERS });
  const { vmFolder } = await addDatacenter(vc);
  const operator = site.vcenterClient(vc.url);
  await operator.login(OPERATOR, PASSWORD);
  expect(await operator.rest('GET', '/api/vcenter/datacenter')).toEqual([]);
  const denied = await faultOf(operator.property('Folder', vmFolder, 'childEntity'));
  expect(denied).toMatchObject({
    fault: 'NoPermission',
    fields: { object: { value: vmFolder }, privilegeId: 'System.Read' },
  });
  await permit(vc, { type: 'Folder', value: 'group-d1' }, []);
  expect(await operator.property('Folder', vmFolder, 'childEntity')).toEqual([]);
  expect(await operator.rest('GET', '/api/vcenter/datacenter')).toHaveLength(1);
});

it('lets the nearest permission decide, also when it gives less', async () => {
  const site = await Site.create();
  const vc = await site.startVcenter('vc-east', { users: USERS });
  const { vmFolder, hostFolder } = await addDatacenter(vc);
  await permit(vc, { type: 'Folder', value: 'group-d1' }, ['Folder.Create', 'Host.Inventory.CreateCluster']);
  await vc.client.invoke('AuthorizationManager', 'AuthorizationManager', 'SetEntityPermissions', {
    entity: ref('Folder', vmFolder),
    permission: [{ _typeName: 'Permission', principal: OPERATOR, group: false, roleId: -2, propagate: true }],
  });
  const operator = site.vcenterClient(vc.url);
  const { key } = await operator.login(OPERATOR, PASSWORD);
  await operator.invoke('Folder', hostFolder, 'CreateFolder', { name: 'rack-1' });
  const denied = await faultOf(operator.invoke('Folder', vmFolder, 'CreateFolder', { name: 'apps' }));
  expect(denied.fields).toMatchObject({ privilegeId: 'Folder.Create', object: { value: vmFolder } });
  const has = await operator.invoke(
    'AuthorizationManager',
    'AuthorizationManager',
    'HasPrivilegeOnEntities',
    {
      entity: [ref('Folder', vmFolder), ref('Folder', hostFolder)],
      sessionId: key,
      privId: ['Folder.Create'],
    },
  );
  expect(has?.map(({ privAvailability }) => privAvailability[0]?.isGranted)).toEqual([false, true]);
});

it('gives NoCryptoAdmin all but cryptography, and NoTrustedAdmin all but the Trust Authority', async () => {
  const site = await Site.create();
  const { client } = await site.startVcenter('vc-east', { users: USERS });
  const roles = await client.property('AuthorizationManager', 'AuthorizationManager', 'roleList');
  const of = (name: string) => roles?.find((role) => role.name === name);
  const all = of('Admin')?.privilege ?? [];
  const without = (group: string): readonly string[] => all.filter((id) => !id.startsWith(`${group}.`));
  expect(without('TrustedAdmin').length).toBeLessThan(all.length);
  expect(of('NoCryptoAdmin')).toMatchObject({ roleId: -6, privilege: without('Cryptographer') });
  expect(of('NoTrustedAdmin')).toMatchObject({
    roleId: -7,
    system: true,
    privilege: without('TrustedAdmin'),
  });
});

it('keeps cryptography from NoCryptoAdmin, naming the privilege and the object', async () => {
  const site = await Site.create();
  const [vc, esx, kms] = await Promise.all([
    site.startVcenter('vc-east', { users: USERS }),
    site.startHost('esx-1'),
    site.startKms(),
  ]);
  await site.addStandardProvider(vc, 'skp-1', kms);
  const datacenter = await addDatacenter(vc);
  const { cluster, pool } = await addCluster(vc, datacenter, 'east');
  await addHost(vc, cluster, esx);
  const vm = await addVm(vc, { name: 'web', folder: datacenter.vmFolder, pool });
  const user = site.vcenterClient(vc.url);
  await user.login('nocrypto@vsphere.local', PASSWORD);
  const spec = { _typeName: 'VirtualMachineConfigSpec', crypto: encryptWith('skp-1') } as const;
  expect(await faultOf(user.invoke('VirtualMachine', vm, 'ReconfigVM_Task', { spec }))).toMatchObject({
    fault: 'NoPermission',
    fields: { privilegeId: 'Cryptographer.Encrypt', object: { type: 'VirtualMachine', value: vm } },
  });
  const listing = await faultOf(user.invoke('CryptoManagerKmip', 'CryptoManager', 'ListKmipServers', {}));
  expect(listing.fields).toMatchObject({
    privilegeId: 'Cryptographer.ManageKeyServers',
    object: { type: 'Folder', value: 'group-d1' },
  });
  await user.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
});

it('never leaves the root folder without an administrator, and refuses what is not there', async () => {
  const site = await Site.create();
  const { client } = await site.startVcenter('vc-east', { users: USERS });
  const set = (permission: { principal: string; roleId: number }) =>
    client.invoke('AuthorizationManager', 'AuthorizationManager', 'SetEntityPermissions', {
      entity: ref('Folder', 'group-d1'),
      permission: [{ _typeName: 'Permission', group: false, propagate: true, ...permission }],
    });
  expect((await faultOf(set({ principal: ADMINISTRATOR, roleId: -5 }))).fault).toBe(
    'AuthMinimumAdminPermission',
  );
  expect((await faultOf(set({ principal: 'ghost@vsphere.local', roleId: -2 }))).fault).toBe('UserNotFound');
  expect((await faultOf(set({ principal: OPERATOR, roleId: 4711 }))).fault).toBe('NotFound');
  const role = { name: 'x', privIds: ['Cryptographer.Fly'] };
  const unknown = client.invoke('AuthorizationManager', 'AuthorizationManager', 'AddAuthorizationRole', role);
  expect((await faultOf(unknown)).fault).toBe('InvalidArgument');
});

it('remembers roles, permissions and inventory over a restart', async () => {
  const site = await Site.create();
  const vc = await site.startVcenter('vc-east', { users: USERS });
  const { vmFolder } = await addDatacenter(vc, 'berlin');
  await permit(vc, { type: 'Folder', value: vmFolder }, ['Folder.Create']);
  const again = await vc.restart();
  expect(again.instanceUuid).toBe(vc.instanceUuid);
  const operator = site.vcenterClient(again.url);
  await operator.login(OPERATOR, PASSWORD);
  await operator.invoke('Folder', vmFolder, 'CreateFolder', { name: 'apps' });
  expect(await again.client.rest('GET', '/api/vcenter/datacenter')).toMatchObject([{ name: 'berlin' }]);
});

it('tells whoever checks a migration nothing of a host that the user may not see', async () => {
  const site = await Site.create();
  const { vc, cluster, pool, folder } = await startSide(site, 'east', { vcenter: { users: USERS } });
  const hidden = await addHost(vc, cluster, await site.startHost('esx-east-2'));
  const vm = await addVm(vc, { name: 'web', folder, pool });
  await permit(vc, { type: 'VirtualMachine', value: vm }, []);
  const operator = site.vcenterClient(vc.url);
  await operator.login(OPERATOR, PASSWORD);
  const spec = { _typeName: 'VirtualMachineRelocateSpec', host: ref('HostSystem', hidden) } as const;
  const denied = {
    fault: 'NoPermission',
    fields: { object: { value: hidden }, privilegeId: 'System.Read' },
  };
  const checker = { vm: ref('VirtualMachine', vm), spec };
  const run = operator.run('VirtualMachineProvisioningChecker', 'ProvChecker', 'CheckRelocate_Task', checker);
  expect(await faultOf(run)).toMatchObject(denied);
  const precheck = '/api/kpsim/vcenter/vms?action=precheck';
  await expect(operator.rest('POST', precheck, { vm, spec })).rejects.toThrow(/System\.Read/);
  expect(await vc.client.rest('POST', precheck, { vm, spec })).toMatchObject({ allowed: true });
});
