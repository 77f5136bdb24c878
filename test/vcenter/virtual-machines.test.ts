import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it, onTestFinished } from 'vitest';

import { rulesOf } from '../../vcenter/index.js';
import { Site, addHost, addVm, encryptWith, faultOf, ref } from './site.js';
import type { Side } from './migration/sides.js';
import { addNativeProvider, startSide } from './migration/sides.js';

const reconfigure = ({ vc }: Side, vm: string, spec: Record<string, unknown>): Promise<unknown> =>
  vc.client.run('VirtualMachine', vm, 'ReconfigVM_Task', {
    spec: { _typeName: 'VirtualMachineConfigSpec', ...spec },
  });

const modeOf = async ({ vc }: Side, vm: string): Promise<string | undefined> =>
  (await vc.client.property('VirtualMachine', vm, 'config'))?.migrateEncryption;

async function sideWithKms(): Promise<Side> {
  const site = await Site.create();
  return startSide(site, 'east', { kms: await site.startKms() });
}

it('requires encrypted vMotion while a VM is encrypted, and until it is changed after that', async () => {
  const side = await sideWithKms();
  const { pool, folder } = side;
  const vm = await addVm(side.vc, { name: 'web', folder, pool, migrateEncryption: 'disabled' });
  expect(await modeOf(side, vm)).toBe('disabled');
  await reconfigure(side, vm, { crypto: encryptWith('skp-1') });
  expect(await modeOf(side, vm)).toBe('required');
  const changed = await faultOf(reconfigure(side, vm, { migrateEncryption: 'disabled' }));
  expect(changed.fault).toBe('InvalidVmConfig');
  expect(rulesOf(changed)).toEqual(['MODE-5']);
  await reconfigure(side, vm, { crypto: { _typeName: 'CryptoSpecDecrypt' } });
  expect(await modeOf(side, vm)).toBe('required');
  await reconfigure(side, vm, { migrateEncryption: 'opportunistic' });
  expect(await modeOf(side, vm)).toBe('opportunistic');
});

it('recrypts shallow and deep under another key, and decrypts', async () => {
  const side = await sideWithKms();
  const { client } = side.vc;
  const vm = await addVm(side.vc, { name: 'web', folder: side.folder, pool: side.pool, provider: 'skp-1' });
  const keys: (string | undefined)[] = [];
  const noteKey = async (): Promise<void> => {
    keys.push((await client.property('VirtualMachine', vm, 'config'))?.keyId?.keyId);
  };
  await noteKey();
  for (const kind of ['CryptoSpecShallowRecrypt', 'CryptoSpecDeepRecrypt']) {
    const newKeyId = encryptWith('skp-1').cryptoKeyId;
    await reconfigure(side, vm, { crypto: { _typeName: kind, newKeyId } });
    await noteKey();
  }
  expect(new Set(keys).size).toBe(3);
  await client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  await client.run('VirtualMachine', vm, 'PowerOffVM_Task', {});
  await reconfigure(side, vm, { crypto: { _typeName: 'CryptoSpecDecrypt' } });
  expect((await client.property('VirtualMachine', vm, 'config'))?.keyId).toBeUndefined();
});

it('refuses what would be ignored, or makes no sense for the VM as it is', async () => {
  const side = await sideWithKms();
  const vm = await addVm(side.vc, { name: 'web', folder: side.folder, pool: side.pool });
  expect((await faultOf(reconfigure(side, vm, { numCPUs: 4 }))).message).toMatch(/numCPUs/);
  const decrypt = await faultOf(reconfigure(side, vm, { crypto: { _typeName: 'CryptoSpecDecrypt' } }));
  expect(decrypt.faultMessage[0]?.key).toBe('msg.hostd.configSpec.enc.notEncrypted');
  const unknown = await faultOf(reconfigure(side, vm, { crypto: encryptWith('nowhere') }));
  expect(unknown.fault).toBe('InvalidArgument');
  const duplicate = addVm(side.vc, { name: 'web', folder: side.folder, pool: side.pool });
  expect((await faultOf(duplicate)).fault).toBe('DuplicateName');
});

it('uses a native key provider only after its backup was downloaded, and only with a session at the front door', async () => {
  const site = await Site.create();
  const side = await startSide(site, 'east', { native: true });
  const { client } = side.vc;
  await client.rest('POST', '/api/vcenter/crypto-manager/kms/providers', { provider: 'nkp-1' });
  const wish = { name: 'web', folder: side.folder, pool: side.pool, provider: 'nkp-1' };
  expect(rulesOf(await faultOf(addVm(side.vc, wish)))).toEqual(['EXT-2']);
  await client.rest('DELETE', '/api/vcenter/crypto-manager/kms/providers/nkp-1');
  await addNativeProvider(side.vc, 'nkp-1');
  const vm = await addVm(side.vc, wish);
  await client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
  const anonymous = site.vcenterClient(side.vc.url);
  await expect(anonymous.rest('GET', '/api/vcenter/crypto-manager/kms/providers')).rejects.toMatchObject({
    status: 401,
  });
  expect(await client.rest('GET', '/api/vcenter/crypto-manager/kms/providers')).toMatchObject([
    { provider: 'nkp-1', health: 'OK' },
  ]);
});

it.each([
  ['that no key provider may have', 'kp\u00e9', 'INVALID_ARGUMENT'],
  ['that is empty', '', 'INVALID_ARGUMENT'],
  ['that a provider of another kind has', 'skp-1', 'ALREADY_EXISTS'],
])('refuses a new native key provider by a name %s', async (_what, provider, error_type) => {
  const site = await Site.create();
  const { vc } = await startSide(site, 'east', { native: true, kms: await site.startKms() });
  await expect(
    vc.client.rest('POST', '/api/vcenter/crypto-manager/kms/providers', { provider }),
  ).rejects.toMatchObject({ status: 400, body: { error_type } });
});

it('imports a raw image of the machine as a VM, and tells of it over REST', async () => {
  const site = await Site.create();
  const side = await startSide(site, 'east');
  const directory = await mkdtemp(join(tmpdir(), 'kpsim-image-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  await writeFile(join(directory, 'disk.raw'), Buffer.alloc(4096, 7));
  const { vm } = (await side.vc.client.rest('POST', '/api/kpsim/vcenter/vms?action=import', {
    host: side.host,
    source: { image: join(directory, 'disk.raw'), name: 'imported', memory_MiB: 4 },
  })) as { vm: string };
  expect(await side.vc.client.rest('GET', `/api/vcenter/vm?hosts=${side.host}`)).toEqual([
    { vm, name: 'imported', power_state: 'POWERED_OFF', cpu_count: 1, memory_size_MiB: 4 },
  ]);
  expect(await side.vc.client.rest('GET', `/api/vcenter/vm/${vm}`)).toMatchObject({
    disks: { 2000: { capacity: 4096 } },
  });
  await expect(side.vc.client.rest('GET', '/api/vcenter/vm/vm-9999')).rejects.toMatchObject({ status: 404 });
});

it('moves an unencrypted VM in the clear to a host too old, unless encrypted vMotion is required', async () => {
  const site = await Site.create();
  const side = await startSide(site, 'east');
  const old = await site.startHost('esx-old', { version: '6.0.0' });
  const target = ref('HostSystem', await addHost(side.vc, side.cluster, old));
  const { client } = side.vc;
  const make = (name: string, migrateEncryption: string): Promise<string> =>
    addVm(side.vc, { name, folder: side.folder, pool: side.pool, host: side.host, migrateEncryption });
  const [strict, easy] = [await make('strict', 'required'), await make('easy', 'opportunistic')];
  const migrate = (vm: string): Promise<unknown> =>
    client.run('VirtualMachine', vm, 'MigrateVM_Task', { host: target, priority: 'defaultPriority' });
  const refused = await faultOf(migrate(strict));
  expect(refused).toMatchObject({
    fault: 'MigrationFeatureNotSupported',
    fields: { atSourceHost: false, failedHostName: 'esx-old' },
  });
  expect(rulesOf(refused)).toEqual(['MODE-3']);
  await migrate(easy);
  expect(await old.client.listVms()).toMatchObject([{ name: 'easy' }]);
});

it('refuses a migration that would change the storage policy, and lets a clone change it', async () => {
  const side = await sideWithKms();
  const { client } = side.vc;
  const vm = await addVm(side.vc, { name: 'web', folder: side.folder, pool: side.pool });
  const profile = [{ _typeName: 'VirtualMachineDefinedProfileSpec', profileId: 'gold' }] as const;
  const location = { _typeName: 'VirtualMachineRelocateSpec', profile } as const;
  expect(
    rulesOf(await faultOf(client.run('VirtualMachine', vm, 'RelocateVM_Task', { spec: location }))),
  ).toEqual(['CHG-1']);
  const clone = (await client.run('VirtualMachine', vm, 'CloneVM_Task', {
    folder: ref('Folder', side.folder),
    name: 'copy',
    spec: { _typeName: 'VirtualMachineCloneSpec', location, template: false, powerOn: true },
  })) as unknown as { value: string };
  expect((await client.property('VirtualMachine', clone.value, 'runtime')).powerState).toBe('poweredOn');
  const same = { _typeName: 'VirtualMachineRelocateSpec', profile } as const;
  await client.run('VirtualMachine', clone.value, 'PowerOffVM_Task', {});
  await client.run('VirtualMachine', clone.value, 'RelocateVM_Task', { spec: same });
});

it('adds a host once, refuses one that is not there, and lets go of a host without its VMs', async () => {
  const site = await Site.create();
  const side = await startSide(site, 'east');
  const { client } = side.vc;
  expect((await faultOf(addHost(side.vc, side.cluster, side.esx))).fault).toBe('AlreadyConnected');
  const nowhere = client.run('ClusterComputeResource', side.cluster, 'AddHost_Task', {
    spec: { _typeName: 'HostConnectSpec', hostName: '127.0.0.1:9', force: false },
    asConnected: true,
  });
  expect((await faultOf(nowhere)).fault).toBe('NoHost');
  const vm = await addVm(side.vc, { name: 'web', folder: side.folder, pool: side.pool });
  await client.run('HostSystem', side.host, 'Destroy_Task', {});
  expect((await faultOf(client.property('VirtualMachine', vm, 'name'))).fault).toBe('ManagedObjectNotFound');
  expect(await side.esx.client.listVms()).toHaveLength(1);
  await addHost(side.vc, side.cluster, side.esx);
  expect(await client.rest('GET', '/api/vcenter/vm')).toMatchObject([{ name: 'web' }]);
});
