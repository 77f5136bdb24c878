import { expect, it } from 'vitest';

import { Site, addCluster, addDatacenter, addHost, addVm, encryptWith, faultOf } from './site.js';

it('encrypts a VM under a key of the key server, made safe, powered on, and again after a reboot of its host', async () => {
  const site = await Site.create();
  const [kms, esx, vc] = await Promise.all([
    site.startKms(),
    site.startHost('esx-1'),
    site.startVcenter('vc-east'),
  ]);
  await site.addStandardProvider(vc, 'skp-1', kms);
  const datacenter = await addDatacenter(vc);
  const { cluster, pool } = await addCluster(vc, datacenter, 'east');
  const host = await addHost(vc, cluster, esx);
  const vm = await addVm(vc, { name: 'ledger', folder: datacenter.vmFolder, pool });

  await vc.client.run('VirtualMachine', vm, 'ReconfigVM_Task', {
    spec: { _typeName: 'VirtualMachineConfigSpec', crypto: encryptWith('skp-1') },
  });
  const config = await vc.client.property('VirtualMachine', vm, 'config');
  expect(config).toMatchObject({ migrateEncryption: 'required', keyId: { providerId: { id: 'skp-1' } } });
  const runtime = await vc.client.property('HostSystem', host, 'runtime');
  expect(runtime.cryptoState).toBe('safe');

  await vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  await esx.client.reboot();
  expect(await esx.client.listKeys()).toEqual([]);
  await vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  expect((await vc.client.property('VirtualMachine', vm, 'runtime')).powerState).toBe('poweredOn');

  const fault = await faultOf(vc.client.run('VirtualMachine', vm, 'PowerOnVM_Task', {}));
  expect(fault.fault).toBe('InvalidPowerState');
});

it('makes a host safe once, with one key, for VMs that are encrypted on it at the same time', async () => {
  const site = await Site.create();
  const [kms, esx, vc] = await Promise.all([
    site.startKms(),
    site.startHost('esx-1'),
    site.startVcenter('vc-east'),
  ]);
  await site.addStandardProvider(vc, 'skp-1', kms);
  const { vmFolder: folder, ...datacenter } = await addDatacenter(vc);
  const { cluster, pool } = await addCluster(vc, { vmFolder: folder, ...datacenter }, 'east');
  await addHost(vc, cluster, esx);
  const names = ['a', 'b', 'c', 'd'];
  const vms = await Promise.all(names.map((name) => addVm(vc, { name, folder, pool })));

  const spec = { _typeName: 'VirtualMachineConfigSpec', crypto: encryptWith('skp-1') } as const;
  await Promise.all(vms.map((vm) => vc.client.run('VirtualMachine', vm, 'ReconfigVM_Task', { spec })));

  const made = kms.context.journal.entries().filter(({ operation }) => operation === 'Create');
  expect(made).toHaveLength(names.length + 1);
});
