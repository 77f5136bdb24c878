import { bundleKeyIds } from './crypto-key.js';
import type { CryptoKeyId } from './crypto-key.js';
import { exists } from './file-system.js';
import {
  configuredMemoryMiB,
  displayName,
  instanceUuid,
  migrateEncryption,
  recordedMigrateEncryption,
} from './vm-config.js';
import type { MigrateEncryption } from './vm-config.js';
import type { DiskFile, VmFiles } from './vm-files.js';

/** vim25 `VirtualMachinePowerState`. */
export type PowerState = 'poweredOff' | 'poweredOn' | 'suspended';

/** vim25 `VirtualMachineCryptoState`: `locked` while the host could not open an encrypted VM with its key. */
export type VmCryptoState = 'unlocked' | 'locked';

/** One disk of a VM. */
export interface DiskInfo {
  /** Device key, as in vim25. */
  key: number;
  label: string;
  capacityBytes: number;
  encrypted: boolean;
  keyId?: CryptoKeyId;
  datastore: string;
  /** Names of descriptor and data file in the VM's folder. */
  files: readonly string[];
}

/** What a host tells of a VM. */
export interface VmInfo {
  /** Instance UUID. */
  id: string;
  name: string;
  powerState: PowerState;
  cryptoState: VmCryptoState;
  /** The key that the VM is encrypted with. */
  keyId?: CryptoKeyId;
  disks: readonly DiskInfo[];
  memoryMiB: number;
  migrateEncryption: MigrateEncryption;
  recordedMigrateEncryption?: MigrateEncryption;
  /** `[datastore] folder/name.vmx` */
  vmxPath: string;
  datastore: string;
  hasVtpm: false;
  snapshots: 0;
  /** The migration that holds the VM. */
  migrationId?: string;
}

/** A file of a VM at rest. */
export interface VmFileInfo {
  name: string;
  path: string;
  sizeBytes: number;
}

/** Where a VM lies, and bounds that its store sets. */
export interface VmPlace {
  datastore: string;
  /** Name of its folder in the datastore. */
  folder: string;
  /** Most MiB of memory that a guest really has, whatever its configuration says. */
  guestMemoryLimitMiB: number;
}

/** What a host tells of a VM, from its files and its state. */
export function describeVm(
  files: VmFiles,
  { datastore, folder }: VmPlace,
  state: { powerState: PowerState; cryptoState: VmCryptoState; migrationId: string | undefined },
): VmInfo {
  const { config, disks, keyId } = files;
  const recorded = recordedMigrateEncryption(config);
  return {
    id: instanceUuid(config) ?? '',
    name: displayName(config),
    powerState: state.powerState,
    cryptoState: state.cryptoState,
    ...(keyId === undefined ? {} : { keyId }),
    disks: disks.map((disk, index) => describeDisk(disk, index, datastore)),
    memoryMiB: configuredMemoryMiB(config),
    migrateEncryption: migrateEncryption(config),
    ...(recorded === undefined ? {} : { recordedMigrateEncryption: recorded }),
    vmxPath: `[${datastore}] ${folder}/${files.vmxName}`,
    datastore,
    hasVtpm: false,
    snapshots: 0,
    ...(state.migrationId === undefined ? {} : { migrationId: state.migrationId }),
  };
}

/** Every distinct key that the VM needs to be powered on. */
export function requiredKeys(files: VmFiles): CryptoKeyId[] {
  const bundles = [files.bundle, ...files.disks.map(({ descriptor }) => descriptor.encryptionKeys)];
  const ids = bundles.flatMap((bundle) => (bundle === undefined ? [] : bundleKeyIds(bundle).slice(0, 1)));
  return [...new Map(ids.map((id) => [JSON.stringify([id.keyId, id.providerId?.id]), id])).values()];
}

/** Names and sizes of the VM's files at rest. */
export async function listFiles(files: VmFiles): Promise<VmFileInfo[]> {
  const infos: VmFileInfo[] = [];
  for (const name of files.fileNames) {
    const path = files.path(name);
    if (!(await exists(files.fileSystem, path))) continue;
    infos.push({ name, path, sizeBytes: (await files.fileSystem.lstat(path)).size });
  }
  return infos;
}

function describeDisk(disk: DiskFile, index: number, datastore: string): DiskInfo {
  const { encryptionKeys } = disk.descriptor;
  const [keyId] = encryptionKeys === undefined ? [] : bundleKeyIds(encryptionKeys);
  return {
    key: disk.key,
    label: `Hard disk ${index + 1}`,
    capacityBytes: disk.capacityBytes,
    encrypted: encryptionKeys !== undefined,
    ...(keyId === undefined ? {} : { keyId }),
    datastore,
    files: [disk.fileName, disk.flatName],
  };
}
