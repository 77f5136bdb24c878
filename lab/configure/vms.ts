import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import type { LabVcenter } from '../services/vcenter.js';
import type { VmSpec } from '../topology/index.js';

const MIB = 1024 * 1024;

/** Makes a VM of the topology, encrypts it and powers it on, all through its vCenter and as far as asked for. */
export async function configureVm(spec: VmSpec, vcenter: LabVcenter): Promise<void> {
  if (await vcenter.find(`${vcenter.datacenterName}/vm/${spec.name}`)) return;
  const client = await vcenter.client();
  const vm = await makeVm(spec, vcenter);
  if (spec.migrateEncryption !== undefined) {
    await client.run('VirtualMachine', vm, 'ReconfigVM_Task', {
      spec: { _typeName: 'VirtualMachineConfigSpec', migrateEncryption: spec.migrateEncryption },
    });
  }
  if (spec.provider !== undefined) await encryptVm(vcenter, vm, spec.provider);
  if (spec.powerOn) await client.run('VirtualMachine', vm, 'PowerOnVM_Task', {});
}

/** Encrypts a powered-off VM with a new key of a provider. */
export async function encryptVm(vcenter: LabVcenter, vm: string, provider: string): Promise<void> {
  const client = await vcenter.client();
  await client.run('VirtualMachine', vm, 'ReconfigVM_Task', {
    spec: {
      _typeName: 'VirtualMachineConfigSpec',
      crypto: {
        _typeName: 'CryptoSpecEncrypt',
        cryptoKeyId: {
          _typeName: 'CryptoKeyId',
          keyId: '',
          providerId: { _typeName: 'KeyProviderId', id: provider },
        },
      },
    },
  });
}

/** Where the disks of an imported VM come from: a directory with a .vmx, or a raw image. */
export type VmSource =
  | { readonly directory: string; readonly name: string }
  | { readonly image: string; readonly name: string; readonly memory_MiB: number };

/** Imports a VM from files of this machine to a host; returns its managed object id. */
export async function importVm(
  vcenter: LabVcenter,
  host: string,
  datastore: string,
  source: VmSource,
): Promise<string> {
  const client = await vcenter.client();
  const made = await client.rest('POST', '/api/kpsim/vcenter/vms?action=import', {
    host: (await vcenter.host(host)).value,
    datastore,
    source,
  });
  return (made as { readonly vm: string }).vm;
}

async function makeVm(spec: VmSpec, vcenter: LabVcenter): Promise<string> {
  const { name, host, datastore, directory, image, memoryMiB } = spec;
  if (directory !== undefined) return importVm(vcenter, host, datastore, { directory, name });
  if (image !== undefined) return importVm(vcenter, host, datastore, { image, name, memory_MiB: memoryMiB });
  return createVm(spec, vcenter);
}

/** Makes a VM with empty disks. */
async function createVm(spec: VmSpec, vcenter: LabVcenter): Promise<string> {
  const client = await vcenter.client();
  const host = await vcenter.host(spec.host);
  const compute = await client.property('HostSystem', host.value, 'parent');
  const pool = compute && (await client.property('ComputeResource', compute.value, 'resourcePool'));
  const folder = await vcenter.find(`${vcenter.datacenterName}/vm`);
  if (!pool || !folder) throw new Error(`${vcenter.name} has no place for the VM ${spec.name}`);
  const made = await client.run('Folder', folder.value, 'CreateVM_Task', {
    pool,
    host,
    config: {
      _typeName: 'VirtualMachineConfigSpec',
      name: spec.name,
      memoryMB: spec.memoryMiB,
      files: { _typeName: 'VirtualMachineFileInfo', vmPathName: `[${spec.datastore}]` },
      deviceChange: spec.disks.map(({ sizeMiB }, unitNumber) => ({
        _typeName: 'VirtualDeviceConfigSpec' as const,
        operation: 'add' as const,
        fileOperation: 'create' as const,
        device: {
          _typeName: 'VirtualDisk' as const,
          key: -1 - unitNumber,
          unitNumber,
          capacityInKB: sizeMiB * 1024,
          capacityInBytes: sizeMiB * MIB,
        },
      })),
    },
  });
  return (made as ManagedObjectReference).value;
}
