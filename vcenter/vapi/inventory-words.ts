import type { EntityOf, HostEntity, VirtualMachineEntity } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';

/** `HostSystem` connection states in the Automation API's words. */
export function connectionState({ hosts }: Vcenter, { moid, disconnected = false }: HostEntity): string {
  if (disconnected) return 'DISCONNECTED';
  return hosts.state(moid).connected ? 'CONNECTED' : 'NOT_RESPONDING';
}

/** Power states of VMs, `com.vmware.vcenter.vm.power.state`, by vim25's words. */
export const POWER_STATES = {
  poweredOn: 'POWERED_ON',
  poweredOff: 'POWERED_OFF',
  suspended: 'SUSPENDED',
} as const satisfies Record<VirtualMachineEntity['info']['powerState'], string>;

/** Kinds of folders by what may be in them besides folders. */
export const FOLDER_TYPES: Readonly<Record<string, string>> = {
  Datacenter: 'DATACENTER',
  VirtualMachine: 'VIRTUAL_MACHINE',
  ComputeResource: 'HOST',
  Datastore: 'DATASTORE',
  Network: 'NETWORK',
};

/** A folder's kind, `com.vmware.vcenter.folder.type`. */
export function folderType({ childType }: EntityOf<'Folder'>): string {
  return FOLDER_TYPES[childType.find((type) => type !== 'Folder') ?? ''] ?? 'DATACENTER';
}
