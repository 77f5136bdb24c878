import type { CryptoKeyId, VmInfo } from '../../host-agent/client.js';
import type { Vim, VimObject } from '../../wire/vim25/index.js';
import { VIM_TYPES } from '../../wire/vim25/index.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';

const CONTROLLER_KEY = 1000;
const HARDWARE_VERSION = 'vmx-21';
/** Guests are bytes only, so one name stands for all of them. */
const GUEST = { id: 'otherGuest64', fullName: 'Other (64-bit)' } as const;

/** `VirtualMachineConfigInfo` of a VM. */
export function configInfo(
  vcenter: Vcenter,
  vm: VirtualMachineEntity,
): VimObject<'VirtualMachineConfigInfo'> {
  const { info } = vm;
  return {
    _typeName: 'VirtualMachineConfigInfo',
    changeVersion: '1',
    modified: new Date(0),
    name: vm.name,
    guestFullName: GUEST.fullName,
    version: HARDWARE_VERSION,
    uuid: vm.uuid,
    instanceUuid: vm.uuid,
    template: false,
    guestId: GUEST.id,
    alternateGuestName: '',
    files: { _typeName: 'VirtualMachineFileInfo', vmPathName: info.vmxPath },
    flags: { _typeName: 'VirtualMachineFlagInfo' },
    defaultPowerOps: { _typeName: 'VirtualMachineDefaultPowerOpInfo' },
    hardware: {
      _typeName: 'VirtualHardware',
      numCPU: 1,
      memoryMB: info.memoryMiB,
      device: devices(vcenter, vm),
    },
    ...(info.keyId && { keyId: keyId(info.keyId) }),
    migrateEncryption: info.migrateEncryption,
  };
}

/** `VirtualMachineRuntimeInfo` of a VM. */
export function runtimeInfo(
  vcenter: Vcenter,
  vm: VirtualMachineEntity,
): VimObject<'VirtualMachineRuntimeInfo'> {
  const { connected, about } = vcenter.hosts.state(vm.host);
  const { powerState, cryptoState } = vm.info;
  return {
    _typeName: 'VirtualMachineRuntimeInfo',
    host: referenceTo('HostSystem', vm.host),
    connectionState: connected ? 'connected' : 'disconnected',
    powerState,
    faultToleranceState: 'notConfigured',
    toolsInstallerMounted: false,
    numMksConnections: 0,
    recordReplayState: 'inactive',
    onlineStandby: false,
    consolidationNeeded: false,
    ...(vm.info.keyId && { cryptoState }),
    ...(powerState === 'poweredOn' && about && { bootTime: new Date(about.bootTime) }),
  };
}

/** `VirtualMachineSummary` of a VM. */
export function summaryInfo(vcenter: Vcenter, vm: VirtualMachineEntity): VimObject<'VirtualMachineSummary'> {
  const { info } = vm;
  return {
    _typeName: 'VirtualMachineSummary',
    vm: referenceOf(vm),
    runtime: runtimeInfo(vcenter, vm),
    guest: { _typeName: 'VirtualMachineGuestSummary', toolsStatus: 'toolsNotInstalled' },
    config: {
      _typeName: 'VirtualMachineConfigSummary',
      name: vm.name,
      template: false,
      vmPathName: info.vmxPath,
      memorySizeMB: info.memoryMiB,
      numCpu: 1,
      numEthernetCards: 0,
      numVirtualDisks: info.disks.length,
      uuid: vm.uuid,
      instanceUuid: vm.uuid,
      guestId: GUEST.id,
      guestFullName: GUEST.fullName,
      tpmPresent: info.hasVtpm,
      hwVersion: HARDWARE_VERSION,
    },
    storage: {
      _typeName: 'VirtualMachineStorageSummary',
      committed: info.disks.reduce((sum, disk) => sum + disk.capacityBytes, 0),
      uncommitted: 0,
      unshared: 0,
      timestamp: new Date(vcenter.context.clock.now()),
    },
    quickStats: { _typeName: 'VirtualMachineQuickStats', guestHeartbeatStatus: 'gray' },
    overallStatus: info.cryptoState === 'locked' ? 'red' : 'green',
  };
}

/** `VirtualMachineCapability`: what kpsim's VMs can; every other one that must be told is false. */
export function capabilityInfo(): VimObject<'VirtualMachineCapability'> {
  const required = Object.entries(VIM_TYPES.VirtualMachineCapability.fields)
    .filter(([, type]) => type === 'boolean')
    .map(([name]) => [name, false]);
  return {
    ...(Object.fromEntries(required) as VimObject<'VirtualMachineCapability'>),
    _typeName: 'VirtualMachineCapability',
    bootOptionsSupported: true,
    secureBootSupported: true,
  };
}

function devices(vcenter: Vcenter, vm: VirtualMachineEntity): readonly Vim<'VirtualDevice'>[] {
  const { disks } = vm.info;
  return [
    {
      _typeName: 'ParaVirtualSCSIController',
      key: CONTROLLER_KEY,
      deviceInfo: {
        _typeName: 'Description',
        label: 'SCSI controller 0',
        summary: 'VMware paravirtual SCSI',
      },
      busNumber: 0,
      sharedBus: 'noSharing',
      device: disks.map(({ key }) => key),
    },
    ...disks.map((disk, index) => virtualDisk(vcenter, vm, disk, index)),
  ];
}

function virtualDisk(
  { inventory }: Vcenter,
  vm: VirtualMachineEntity,
  disk: VmInfo['disks'][number],
  index: number,
): VimObject<'VirtualDisk'> {
  const datastore = inventory.datastoresOf(vm.host).find(({ name }) => name === disk.datastore);
  const directory = vm.info.vmxPath.replace(/^\[[^\]]*\] /, '').replace(/\/[^/]*$/, '');
  return {
    _typeName: 'VirtualDisk',
    key: disk.key,
    deviceInfo: {
      _typeName: 'Description',
      label: disk.label,
      summary: `${Math.ceil(disk.capacityBytes / 1024).toLocaleString('en')} KB`,
    },
    backing: {
      _typeName: 'VirtualDiskFlatVer2BackingInfo',
      fileName: `[${disk.datastore}] ${directory}/${disk.files[0] ?? ''}`,
      ...(datastore && { datastore: referenceOf(datastore) }),
      diskMode: 'persistent',
      thinProvisioned: false,
      ...(disk.keyId && { keyId: keyId(disk.keyId) }),
    },
    controllerKey: CONTROLLER_KEY,
    unitNumber: index,
    capacityInKB: Math.floor(disk.capacityBytes / 1024),
    capacityInBytes: disk.capacityBytes,
    ...(disk.encrypted && { iofilter: ['vmwarevmcrypt'] }),
  };
}

function keyId(id: CryptoKeyId): VimObject<'CryptoKeyId'> {
  return {
    _typeName: 'CryptoKeyId',
    keyId: id.keyId,
    ...(id.providerId && { providerId: { _typeName: 'KeyProviderId', id: id.providerId.id } }),
  };
}
