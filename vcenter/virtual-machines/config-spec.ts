import type { Vim, VimObject } from '../../wire/vim25/index.js';
import { MIGRATE_ENCRYPTION_MODES, VimFault } from '../../wire/vim25/index.js';
import type { CryptoRequest } from '../crypto/crypto-spec.js';
import { cryptoRequest } from '../crypto/crypto-spec.js';
import type { DiskStoragePolicy } from '../inventory/entities.js';
import type { MigrateEncryption } from '../migration/rule-facts.js';

/** `VirtualMachineConfigSpec` of vim25. */
export type ConfigSpec = VimObject<'VirtualMachineConfigSpec'>;

/** A disk that a specification adds. */
export interface NewDisk {
  readonly capacityBytes: number;
  readonly crypto?: CryptoRequest | undefined;
  readonly storagePolicy?: string | undefined;
}

/** A disk that a specification changes. */
export interface EditedDisk {
  readonly key: number;
  readonly crypto?: CryptoRequest | undefined;
  readonly storagePolicy?: string | undefined;
}

/** What kpsim understands of a VirtualMachineConfigSpec. */
export interface VmSpec {
  readonly name?: string | undefined;
  readonly memoryMiB?: number | undefined;
  readonly datastore?: string | undefined;
  readonly crypto?: CryptoRequest | undefined;
  readonly migrateEncryption?: MigrateEncryption | undefined;
  readonly storagePolicy?: string | undefined;
  readonly newDisks: readonly NewDisk[];
  readonly editedDisks: readonly EditedDisk[];
}

/** Fields that are understood when a VM is changed. */
const CHANGEABLE = [
  'name',
  'crypto',
  'migrateEncryption',
  'vmProfile',
  'deviceChange',
  'changeVersion',
] as const;
/** Fields that are understood when a VM is made; the last ones say nothing that a simulated VM would act on. */
const CREATABLE = [
  ...CHANGEABLE,
  'memoryMB',
  'guestId',
  'files',
  'numCPUs',
  'numCoresPerSocket',
  'version',
  'annotation',
  'firmware',
] as const;

const SECTOR_BYTES = 512;

/** Reads the specification of a new VM. @throws VimFault `NotSupported`, `InvalidArgument`, `InvalidDatastorePath` */
export function readCreateSpec(spec: ConfigSpec): VmSpec {
  refuseOthers(spec, CREATABLE);
  const read = readSpec(spec);
  if (read.editedDisks.length > 0) throw unsupported('A new VM has no disks that could be edited.');
  return {
    ...read,
    memoryMiB: spec.memoryMB,
    datastore: datastoreOf(spec.files?.vmPathName),
  };
}

/** Reads a change of a VM. @throws VimFault `NotSupported`, `InvalidArgument` */
export function readChangeSpec(spec: ConfigSpec): VmSpec {
  refuseOthers(spec, CHANGEABLE);
  const read = readSpec(spec);
  if (read.newDisks.length > 0) {
    throw unsupported('Disks can be given to a VM when it is made, not later.');
  }
  return read;
}

/** Id of the storage policy in a list of profiles; undefined without one. */
export function storagePolicyOf(
  profiles: readonly Vim<'VirtualMachineProfileSpec'>[] | undefined,
): string | undefined {
  for (const profile of profiles ?? []) {
    if (profile._typeName === 'VirtualMachineDefinedProfileSpec') return profile.profileId;
    if (profile._typeName === 'VirtualMachineEmptyProfileSpec') return '';
  }
  return undefined;
}

/** Storage policies of disks as kept: those of a spec laid over those before. */
export function mergePolicies(
  before: readonly DiskStoragePolicy[] | undefined,
  changed: readonly EditedDisk[],
): readonly DiskStoragePolicy[] {
  const merged = new Map((before ?? []).map((row) => [row.key, row.storagePolicy]));
  for (const { key, storagePolicy } of changed) {
    if (storagePolicy !== undefined) merged.set(key, storagePolicy);
  }
  return [...merged].map(([key, storagePolicy]) => ({ key, storagePolicy }));
}

function readSpec(spec: ConfigSpec): VmSpec {
  const newDisks: NewDisk[] = [];
  const editedDisks: EditedDisk[] = [];
  for (const [index, change] of (spec.deviceChange ?? []).entries()) {
    const { device, operation } = change;
    if (device._typeName.endsWith('Controller') && operation === 'add') continue; // hosts make their own
    if (device._typeName !== 'VirtualDisk') throw invalidDevice(index, 'notDisk', 'only virtual disks');
    const disk = {
      crypto: cryptoRequest(change.backing?.crypto),
      storagePolicy: storagePolicyOf(change.profile),
    };
    if (operation === 'add') newDisks.push({ ...disk, capacityBytes: capacityOf(device, index) });
    else if (operation === 'edit') editedDisks.push({ ...disk, key: device.key });
    else throw unsupported('Disks can be added when a VM is made, and edited; they cannot be removed.');
  }
  return {
    name: spec.name,
    crypto: cryptoRequest(spec.crypto),
    migrateEncryption: migrateEncryptionOf(spec.migrateEncryption),
    storagePolicy: storagePolicyOf(spec.vmProfile),
    newDisks,
    editedDisks,
  };
}

function migrateEncryptionOf(text: string | undefined): MigrateEncryption | undefined {
  if (text === undefined) return undefined;
  const mode = MIGRATE_ENCRYPTION_MODES.find((each) => each === text);
  if (mode) return mode;
  throw new VimFault(
    'InvalidArgument',
    `migrateEncryption is one of ${MIGRATE_ENCRYPTION_MODES.join(', ')}.`,
    {
      fields: { invalidProperty: 'migrateEncryption' },
    },
  );
}

function capacityOf(disk: VimObject<'VirtualDisk'>, index: number): number {
  const bytes = disk.capacityInBytes ?? disk.capacityInKB * 1024;
  if (Number.isSafeInteger(bytes) && bytes >= SECTOR_BYTES && bytes % SECTOR_BYTES === 0) return bytes;
  throw new VimFault('InvalidDeviceSpec', 'A disk has a capacity of whole sectors of 512 bytes.', {
    fields: { deviceIndex: index, property: 'capacityInBytes' },
  });
}

/** `[datastore] path` names the datastore; the rest of the path is the host's to choose. */
function datastoreOf(path: string | undefined): string | undefined {
  if (path === undefined || path === '') return undefined;
  const [, name] = /^\[([^\]]{1,255})\]/.exec(path) ?? [];
  if (name !== undefined) return name;
  throw new VimFault(
    'InvalidDatastorePath',
    'A path begins with the datastore: [datastore1] name/name.vmx.',
    {
      fields: { datastorePath: path.slice(0, 200) },
    },
  );
}

/** What would be ignored is refused, so that nobody believes it was done. */
function refuseOthers(spec: ConfigSpec, known: readonly string[]): void {
  const other = Object.entries(spec).find(
    ([field, value]) => field !== '_typeName' && value !== undefined && !known.includes(field),
  );
  if (other) throw unsupported(`${other[0]} cannot be set here; leave it out.`);
}

function unsupported(message: string): VimFault<'NotSupported'> {
  return new VimFault('NotSupported', message);
}

function invalidDevice(deviceIndex: number, key: string, what: string): VimFault<'InvalidDeviceSpec'> {
  const message = `Device ${deviceIndex} of the specification cannot be made: kpsim knows ${what}.`;
  return new VimFault('InvalidDeviceSpec', message, {
    fields: { deviceIndex },
    faultMessage: [{ key: `msg.hostd.deviceSpec.enc.${key}`, message }],
  });
}
