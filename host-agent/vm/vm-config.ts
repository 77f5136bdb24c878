import { randomUUID } from 'node:crypto';
import { VmxDictionary } from '../../wire/vmx/index.js';
import { VmError } from './errors.js';

/** Encrypted vMotion setting of a VM: vim25 `VirtualMachineConfigSpecEncryptedVMotionModes`. */
export const MIGRATE_ENCRYPTION_MODES = ['disabled', 'opportunistic', 'required'] as const;

/** One of {@link MIGRATE_ENCRYPTION_MODES}. */
export type MigrateEncryption = (typeof MIGRATE_ENCRYPTION_MODES)[number];

/** Keys of `.vmx` files that the host reads and writes. Those under `kpsim.` are own choices. */
export const VMX_KEYS = {
  displayName: 'displayName',
  instanceUuid: 'vc.uuid',
  biosUuid: 'uuid.bios',
  memorySize: 'memSize',
  nvram: 'nvram',
  bundle: 'encryption.bundle',
  migrateEncryption: 'migrate.encryptionMode',
  recordedMigrateEncryption: 'kpsim.migrate.recordedEncryptionMode',
  suspendState: 'checkpoint.vmState',
} as const;

/** Controllers: device key of their first disk, and units a controller (vim25 `VirtualDevice.key`). */
const CONTROLLERS = {
  ide: { firstKey: 3000, units: 2 },
  nvme: { firstKey: 32_000, units: 64 },
  sata: { firstKey: 16_000, units: 30 },
  scsi: { firstKey: 2000, units: 16 },
} as const satisfies Record<string, { firstKey: number; units: number }>;

/** A disk that a `.vmx` file names. */
export interface DiskSlot {
  /** Device key, as in vim25: the first disk of `scsi0` has 2000. */
  key: number;
  /** For example `scsi0:0`. */
  device: string;
  /** File name of the descriptor. */
  fileName: string;
}

/**
 * Disks of a configuration in the order of their keys; drives for removable media and absent devices are no disks.
 *
 * @throws VmError `file_invalid` for a disk that is no file with a descriptor, or whose slot does not exist
 */
export function diskSlots(config: VmxDictionary): DiskSlot[] {
  const slots: DiskSlot[] = [];
  for (const [name, fileName] of config.entries()) {
    const match = /^(ide|nvme|sata|scsi)(\d):(\d{1,2})\.filename$/.exec(name.toLowerCase());
    if (!match) continue;
    const [, bus = '', controller, unit] = match;
    const device = `${bus}${controller ?? ''}:${unit ?? ''}`;
    if (!isDisk(config, device)) continue;
    const { firstKey, units } = CONTROLLERS[bus as keyof typeof CONTROLLERS];
    if (!fileName.toLowerCase().endsWith('.vmdk')) {
      throw new VmError(
        'file_invalid',
        `${device} is a disk whose file is no .vmdk descriptor: convert it (qemu-img convert -O vmdk -o subformat=monolithicFlat), or set ${device}.present = "FALSE"`,
      );
    }
    if (Number(unit) >= units) {
      throw new VmError('file_invalid', `${device} does not exist: ${bus} units go from 0 to ${units - 1}`);
    }
    slots.push({ key: firstKey + Number(controller) * units + Number(unit), device, fileName });
  }
  return slots.sort((left, right) => left.key - right.key);
}

function isDisk(config: VmxDictionary, device: string): boolean {
  const deviceType = (config.get(`${device}.deviceType`) ?? 'disk').toLowerCase();
  const present = (config.get(`${device}.present`) ?? 'TRUE').toUpperCase() !== 'FALSE';
  return present && deviceType.includes('disk');
}

/** The VM's id: its `vc.uuid`, in the usual form. Undefined if it has none or a malformed one. */
export function instanceUuid(config: VmxDictionary): string | undefined {
  const hex = (config.get(VMX_KEYS.instanceUuid) ?? '').replaceAll(/[\s-]/g, '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) return undefined;
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Gives the VM an id: `vc.uuid` and `uuid.bios`, in the form of `.vmx` files (`50 2e … -… 7f`). */
export function setInstanceUuid(config: VmxDictionary, uuid: string): void {
  const bytes = uuid.replaceAll('-', '').match(/../g) ?? [];
  const written = `${bytes.slice(0, 8).join(' ')}-${bytes.slice(8).join(' ')}`;
  config.set(VMX_KEYS.instanceUuid, written).set(VMX_KEYS.biosUuid, written);
}

/** The VM's name. */
export function displayName(config: VmxDictionary): string {
  return config.get(VMX_KEYS.displayName) ?? '';
}

/** Encrypted vMotion setting; `opportunistic` where none is given (MODE-2). */
export function migrateEncryption(config: VmxDictionary): MigrateEncryption {
  return asMode(config.get(VMX_KEYS.migrateEncryption)) ?? 'opportunistic';
}

/** The setting that an encrypted VM had before it was encrypted (MODE-4). */
export function recordedMigrateEncryption(config: VmxDictionary): MigrateEncryption | undefined {
  return asMode(config.get(VMX_KEYS.recordedMigrateEncryption));
}

/** Guest memory in MiB as configured. */
export function configuredMemoryMiB(config: VmxDictionary): number {
  const value = Number(config.get(VMX_KEYS.memorySize) ?? '4');
  return Number.isSafeInteger(value) && value >= 1 ? value : 4;
}

/** File name of the saved state of a suspended VM. */
export function suspendStateName(config: VmxDictionary): string | undefined {
  const name = config.get(VMX_KEYS.suspendState);
  return name === undefined || name === '' ? undefined : name;
}

/** What a new VM is made of. */
export interface NewVmConfig {
  name: string;
  memoryMiB: number;
  cpus: number;
  guestOs: string;
  migrateEncryption: MigrateEncryption;
  /** Base of its files' names. */
  fileBase: string;
  /** File names of descriptors, one for each disk, on `scsi0` from unit 0 on. */
  diskFileNames: readonly string[];
}

/** The `.vmx` file of a new VM. */
export function newVmConfig(spec: NewVmConfig): VmxDictionary {
  const config = VmxDictionary.of({
    'config.version': '8',
    'virtualHW.version': '21',
    [VMX_KEYS.displayName]: requireName(spec.name),
    guestOS: spec.guestOs,
    [VMX_KEYS.memorySize]: String(spec.memoryMiB),
    numvcpus: String(spec.cpus),
    firmware: 'efi',
    [VMX_KEYS.nvram]: `${spec.fileBase}.nvram`,
    [VMX_KEYS.migrateEncryption]: spec.migrateEncryption,
    'scsi0.present': 'TRUE',
    'scsi0.virtualDev': 'pvscsi',
  });
  for (const [index, fileName] of spec.diskFileNames.entries()) {
    // Unit 7 is the controller's own on a SCSI bus.
    const unit = index < 7 ? index : index + 1;
    config.set(`scsi0:${unit}.present`, 'TRUE').set(`scsi0:${unit}.deviceType`, 'scsi-hardDisk');
    config.set(`scsi0:${unit}.fileName`, fileName);
  }
  setInstanceUuid(config, randomUUID());
  return config;
}

/** A VM's name, checked: 1 to 80 characters, none of them a control character. */
export function requireName(name: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must be refused
  if (name.trim() !== '' && name.length <= 80 && !/[\u0000-\u001f\u007f]/.test(name)) return name;
  throw new VmError('invalid_argument', 'a VM name has 1 to 80 characters, none of them a control character');
}

/** A name as the base of file names: only characters that are harmless in every file system. */
export function fileBaseOf(name: string): string {
  const base = name
    .replaceAll(/[^A-Za-z0-9 ._-]/g, '_')
    .replace(/^[. ]+/, '')
    .trim();
  return base === '' ? 'vm' : base;
}

function asMode(value: string | undefined): MigrateEncryption | undefined {
  return MIGRATE_ENCRYPTION_MODES.find((mode) => mode === value);
}
