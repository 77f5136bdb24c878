import { expect, it } from 'vitest';

import { rulesOf } from '../../../vcenter/index.js';
import { ADMINISTRATOR, Site, addStandaloneHost, addVm, faultOf, ref } from '../site.js';
import { addNativeProvider, locate, restore, startSide } from './sides.js';

it('moves a running encrypted VM to a host of another vCenter, with memory and disks as they were', async () => {
  const site = await Site.create();
  const kms = await site.startKms();
  const [east, west] = await Promise.all([
    startSide(site, 'east', { kms }),
    startSide(site, 'west', { kms }),
  ]);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  await east.vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  const [{ id } = { id: '' }] = await east.esx.client.listVms();
  const content = Buffer.alloc(512, 'ledger');
  await east.esx.client.guestWrite(id, 2000, 1024, content);
  const memory = await east.esx.client.guestMemoryDigest(id);

  await east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) });

  expect(await east.esx.client.listVms()).toEqual([]);
  expect(await west.esx.client.listVms()).toMatchObject([{ id, name: 'ledger', powerState: 'poweredOn' }]);
  expect(await west.esx.client.guestRead(id, 2000, 1024, 512)).toEqual(content);
  expect(await west.esx.client.guestMemoryDigest(id)).toBe(memory);
  const moved = await west.vc.client.invoke('SearchIndex', 'SearchIndex', 'FindByUuid', {
    uuid: id,
    vmSearch: true,
  });
  expect(moved?.type).toBe('VirtualMachine');
  const gone = await east.vc.client.invoke('SearchIndex', 'SearchIndex', 'FindByUuid', {
    uuid: id,
    vmSearch: true,
  });
  expect(gone).toBeUndefined();
  const events = await east.vc.client.invoke('EventManager', 'EventManager', 'QueryEvents', {
    filter: {
      _typeName: 'EventFilterSpec',
      eventTypeId: ['com.vmware.vc.vm.VmHotMigratingWithEncryptionEvent', 'vim.event.VmMigratedEvent'],
    },
  });
  expect(events?.map((event) => event._typeName)).toEqual(['EventEx', 'VmMigratedEvent']);
});

it('clones an encrypted VM to another vCenter under a name of its own, and keeps the original', async () => {
  const site = await Site.create();
  const kms = await site.startKms();
  const [east, west] = await Promise.all([
    startSide(site, 'east', { kms }),
    startSide(site, 'west', { kms }),
  ]);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  await east.vc.client.run('VirtualMachine', vm, 'CloneVM_Task', {
    folder: ref('Folder', west.folder),
    name: 'ledger-copy',
    spec: { _typeName: 'VirtualMachineCloneSpec', location: locate(west), template: false, powerOn: false },
  });
  expect(await east.esx.client.listVms()).toMatchObject([{ name: 'ledger' }]);
  const [clone] = await west.esx.client.listVms();
  expect(clone).toMatchObject({ name: 'ledger-copy', keyId: { providerId: { id: 'skp-1' } } });
});

it('refuses with the number of the rule where the destination lacks the key provider', async () => {
  const site = await Site.create();
  const kms = await site.startKms();
  const [east, west] = await Promise.all([startSide(site, 'east', { kms }), startSide(site, 'west')]);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  const fault = await faultOf(
    east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) }),
  );
  expect(fault.fault).toBe('GenericVmConfigFault');
  expect(rulesOf(fault)).toEqual(['XVC-2']);
  expect(await east.esx.client.listVms()).toHaveLength(1);
});

it('refuses a provider of the same name with other key servers', async () => {
  const site = await Site.create();
  const [eastKms, westKms] = await Promise.all([site.startKms(), site.startKms()]);
  const [east, west] = await Promise.all([
    startSide(site, 'east', { kms: eastKms }),
    startSide(site, 'west', { kms: westKms }),
  ]);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  const fault = await faultOf(
    east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) }),
  );
  expect(rulesOf(fault)).toEqual(['XVC-2s']);
});

it('refuses a wrong password of the other vCenter, and another vCenter than the one named', async () => {
  const site = await Site.create();
  const [east, west] = await Promise.all([startSide(site, 'east'), startSide(site, 'west')]);
  const vm = await addVm(east.vc, { name: 'web', folder: east.folder, pool: east.pool });
  const wrong = locate(west, ADMINISTRATOR, 'wrong');
  const refusal = `vCenter ${west.vc.url} refuses the credential of the ServiceLocator: Cannot complete login`;
  const fault = await faultOf(east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: wrong }));
  expect(fault.fault).toBe('InvalidLogin');
  expect(fault.message).toContain(refusal);
  // The caller's own session is none the worse for it.
  await expect(
    east.vc.client.rest('POST', '/api/kpsim/vcenter/vms?action=precheck', { vm, spec: wrong }),
  ).rejects.toMatchObject({
    status: 400,
    body: {
      error_type: 'INVALID_ARGUMENT',
      messages: [{ default_message: expect.stringContaining(refusal) as string }],
    },
  });
  const right = locate(west);
  const other = {
    ...right,
    service: { ...right.service, instanceUuid: '00000000-0000-4000-8000-000000000000' },
  };
  expect(
    (await faultOf(east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: other }))).fault,
  ).toBe('InvalidArgument');
});

it('moves a VM of a native key provider once the destination has restored its backup', async () => {
  const site = await Site.create();
  const [east, west] = await Promise.all([
    startSide(site, 'east', { native: true }),
    startSide(site, 'west', { native: true }),
  ]);
  const backup = await addNativeProvider(east.vc, 'nkp-1');
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'nkp-1',
  });

  const missing = await faultOf(
    east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) }),
  );
  expect(rulesOf(missing)).toEqual(['XVC-2']);

  await restore(west.vc, backup);
  await west.vc.client.invoke('CryptoManagerKmip', 'CryptoManager', 'MarkDefault', {
    clusterId: { _typeName: 'KeyProviderId', id: 'nkp-1' },
  });
  await east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) });
  const [moved] = await west.esx.client.listVms();
  expect(moved).toMatchObject({ name: 'ledger', keyId: { providerId: { id: 'nkp-1' } } });
  await west.esx.client.powerOn(moved!.id);
});

it('refuses a native provider of the same name with another key, and a standalone host, telling all rules', async () => {
  const site = await Site.create();
  const [east, west, loose] = await Promise.all([
    startSide(site, 'east', { native: true }),
    startSide(site, 'west', { native: true }),
    site.startHost('esx-loose'),
  ]);
  await addNativeProvider(east.vc, 'nkp-1');
  await addNativeProvider(west.vc, 'nkp-1');
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'nkp-1',
  });
  const clash = await faultOf(
    east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west) }),
  );
  expect(rulesOf(clash)).toEqual(['XVC-2n']);
  expect(clash.message).toMatch(/another key derivation key/);

  const standalone = await addStandaloneHost(
    west.vc,
    { vmFolder: west.folder, hostFolder: west.hostFolder },
    loose,
  );
  const spec = locate({ ...west, ...standalone });
  const checked = (await east.vc.client.run(
    'VirtualMachineProvisioningChecker',
    'ProvChecker',
    'CheckRelocate_Task',
    {
      vm: ref('VirtualMachine', vm),
      spec,
    },
  )) as unknown as { _value: { error: { fault: { faultMessage: { key: string }[] } }[] }[] };
  const rules = checked._value[0]!.error.map(({ fault }) => fault.faultMessage[0]!.key);
  expect(rules).toEqual(['XVC-2n', 'XVC-3', 'NKP-1', 'EXT-4'].map((rule) => `kpsim.rule.${rule}`));

  const precheck = await east.vc.client.rest('POST', '/api/kpsim/vcenter/vms?action=precheck', {
    vm,
    spec,
    channel: 'other',
  });
  expect(precheck).toMatchObject({
    allowed: false,
    violations: [{ rule: 'XVC-1' }, { rule: 'XVC-2n' }, {}, {}, {}],
  });
  expect(precheck).not.toHaveProperty('plan');
});

it('asks at the destination for EncryptNew, and for RegisterHost while its host is not safe', async () => {
  const site = await Site.create();
  const kms = await site.startKms();
  const mover = 'mover@vsphere.local';
  const [east, west] = await Promise.all([
    startSide(site, 'east', { kms }),
    startSide(site, 'west', {
      kms,
      vcenter: {
        users: [
          { name: ADMINISTRATOR, password: 'kpsim-Test-1!', role: 'Admin' },
          { name: mover, password: 'x', role: 'NoCryptoAdmin' },
        ],
      },
    }),
  ]);
  const vm = await addVm(east.vc, {
    name: 'ledger',
    folder: east.folder,
    pool: east.pool,
    provider: 'skp-1',
  });
  const precheck = await east.vc.client.rest('POST', '/api/kpsim/vcenter/vms?action=precheck', {
    vm,
    spec: locate(west, mover, 'x'),
  });
  expect(precheck).toMatchObject({ violations: [{ rule: 'PRIV-3' }, { rule: 'PRIV-4' }] });
  const fault = await faultOf(
    east.vc.client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: locate(west, mover, 'x') }),
  );
  expect(fault).toMatchObject({
    fault: 'NoPermission',
    fields: { privilegeId: 'Cryptographer.EncryptNew', object: { value: west.folder } },
  });
});
