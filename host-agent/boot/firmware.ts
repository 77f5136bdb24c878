import {
  EFI_GLOBAL_VARIABLE_GUID,
  encodeGuid,
  encodeUefiVariable,
  startupLocalityEvent,
} from '../../wire/tpm2/index.js';
import type { EventTypeName, HashAlgorithm } from '../../wire/tpm2/index.js';
import { measuredContent, measuredData, unmeasured } from './measurement.js';
import type { Measurement } from './measurement.js';
import { bootLoaderAuthority, secureBootVariables } from './secure-boot.js';
import type { SecureBootPolicy } from './secure-boot.js';

/** What the firmware of a host measures. */
export interface FirmwareProfile {
  /** For example `kpsim UEFI 2.10`. */
  readonly version: string;
  /** PCRs 1 and 5 of no two disks are the same; this stands for the disk. */
  readonly diskGuid: string;
}

/** Firmware of a simulated host (own choice). */
export const DEFAULT_FIRMWARE: FirmwareProfile = {
  version: 'kpsim UEFI 2.10 release 1',
  diskGuid: '00000000-0000-4000-8000-6b7073696d00',
};

/** PCRs 0 to 6 end with a separator when firmware hands over to the boot loader; PCR 7 earlier. */
const PLATFORM_PCRS: readonly number[] = [0, 1, 2, 3, 4, 5, 6];
const SEPARATOR = Buffer.alloc(4);
const EFI_SYSTEM_PARTITION_GUID = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b';

/** What firmware measures before and while it starts the boot loader (PC Client PFP §3.3.4). */
export function firmwareMeasurements(
  banks: readonly HashAlgorithm[],
  firmware: FirmwareProfile,
  secureBoot: SecureBootPolicy,
  startupLocality: number,
): Measurement[] {
  const data = (pcr: number, type: EventTypeName, bytes: Buffer): Measurement =>
    measuredData(banks, pcr, type, bytes);
  const content = (pcr: number, type: EventTypeName, bytes: Buffer, what: string): Measurement =>
    measuredContent(banks, pcr, type, bytes, Buffer.from(`${firmware.version} ${what}`, 'utf8'));
  const authority = bootLoaderAuthority(secureBoot);
  return [
    ...(startupLocality === 0 ? [] : [unmeasured(startupLocalityEvent(banks, startupLocality))]),
    data(0, 'EV_S_CRTM_VERSION', utf16(firmware.version)),
    content(0, 'EV_EFI_PLATFORM_FIRMWARE_BLOB', blob(0xff000000n, 0x380000n), 'PEI volume'),
    content(0, 'EV_EFI_PLATFORM_FIRMWARE_BLOB', blob(0xff380000n, 0x840000n), 'DXE volume'),
    ...secureBootVariables(secureBoot).map((variable) =>
      data(7, 'EV_EFI_VARIABLE_DRIVER_CONFIG', encodeUefiVariable(variable)),
    ),
    data(7, 'EV_SEPARATOR', SEPARATOR),
    content(1, 'EV_CPU_MICROCODE', utf16('CPU microcode'), 'CPU microcode'),
    content(2, 'EV_EFI_BOOT_SERVICES_DRIVER', imageLoad('option ROM'), 'network option ROM'),
    ...bootVariables(banks),
    data(4, 'EV_EFI_ACTION', ascii('Calling EFI Application from Boot Option')),
    ...PLATFORM_PCRS.map((pcr) => data(pcr, 'EV_SEPARATOR', SEPARATOR)),
    data(5, 'EV_EFI_GPT_EVENT', partitionTable(firmware.diskGuid)),
    ...(secureBoot.enabled && authority !== undefined
      ? [data(7, 'EV_EFI_VARIABLE_AUTHORITY', encodeUefiVariable(authority))]
      : []),
    content(4, 'EV_EFI_BOOT_SERVICES_APPLICATION', imageLoad('\\EFI\\BOOT\\BOOTX64.EFI'), 'safeboot64.efi'),
    content(4, 'EV_EFI_BOOT_SERVICES_APPLICATION', imageLoad('\\EFI\\VMware\\mboot64.efi'), 'mboot64.efi'),
  ];
}

/** What firmware measures when the boot loader leaves it. */
export function exitMeasurements(banks: readonly HashAlgorithm[]): Measurement[] {
  return ['Exit Boot Services Invocation', 'Exit Boot Services Returned with Success'].map((action) =>
    measuredData(banks, 5, 'EV_EFI_ACTION', ascii(action)),
  );
}

/** Boot order and boot option: the digest of EV_EFI_VARIABLE_BOOT is that of the variable's content alone. */
function bootVariables(banks: readonly HashAlgorithm[]): Measurement[] {
  const variables = [
    { name: 'BootOrder', data: Buffer.from([0, 0]) },
    { name: 'Boot0000', data: loadOption('VMware ESXi', '\\EFI\\BOOT\\BOOTX64.EFI') },
  ];
  return variables.map(({ name, data }) =>
    measuredContent(
      banks,
      1,
      'EV_EFI_VARIABLE_BOOT',
      encodeUefiVariable({ vendorGuid: EFI_GLOBAL_VARIABLE_GUID, name, data }),
      data,
    ),
  );
}

/** UEFI_PLATFORM_FIRMWARE_BLOB: base and length of a part of the firmware (PC Client PFP §10.2.3). */
function blob(base: bigint, length: bigint): Buffer {
  const bytes = Buffer.alloc(16);
  bytes.writeBigUInt64LE(base, 0);
  bytes.writeBigUInt64LE(length, 8);
  return bytes;
}

/** UEFI_IMAGE_LOAD_EVENT with a file path as device path (PC Client PFP §10.2.4). */
function imageLoad(path: string): Buffer {
  const devicePath = filePath(path);
  const header = Buffer.alloc(32);
  header.writeBigUInt64LE(0x7e000000n, 0);
  header.writeBigUInt64LE(0x40000n, 8);
  header.writeBigUInt64LE(BigInt(devicePath.length), 24);
  return Buffer.concat([header, devicePath]);
}

/** A media file path node and the end of a device path (UEFI 2.10 §10.3). */
function filePath(path: string): Buffer {
  const text = Buffer.from(`${path}\0`, 'utf16le');
  const node = Buffer.from([0x04, 0x04, 0, 0]);
  node.writeUInt16LE(node.length + text.length, 2);
  return Buffer.concat([node, text, Buffer.from([0x7f, 0xff, 0x04, 0x00])]);
}

/** EFI_LOAD_OPTION (UEFI 2.10 §3.1.3). */
function loadOption(description: string, path: string): Buffer {
  const devicePath = filePath(path);
  const header = Buffer.alloc(6);
  header.writeUInt32LE(1, 0);
  header.writeUInt16LE(devicePath.length, 4);
  return Buffer.concat([header, Buffer.from(`${description}\0`, 'utf16le'), devicePath]);
}

/** UEFI_GPT_DATA: the header of the partition table and the EFI system partition (PC Client PFP §10.2.5). */
function partitionTable(diskGuid: string): Buffer {
  const header = Buffer.alloc(92);
  header.write('EFI PART', 0, 'latin1');
  header.writeUInt32LE(0x00010000, 8);
  header.writeUInt32LE(92, 12);
  header.writeBigUInt64LE(1n, 24);
  header.writeBigUInt64LE(0x1ffffffn, 32);
  header.writeBigUInt64LE(34n, 40);
  header.writeBigUInt64LE(0x1ffffden, 48);
  encodeGuid(diskGuid).copy(header, 56);
  header.writeBigUInt64LE(2n, 72);
  header.writeUInt32LE(128, 80);
  header.writeUInt32LE(128, 84);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(1n, 0);
  const partition = Buffer.alloc(128);
  encodeGuid(EFI_SYSTEM_PARTITION_GUID).copy(partition, 0);
  encodeGuid(diskGuid).copy(partition, 16);
  partition.writeBigUInt64LE(64n, 32);
  partition.writeBigUInt64LE(204863n, 40);
  partition.write('BOOT', 56, 'utf16le');
  return Buffer.concat([header, count, partition]);
}

function utf16(text: string): Buffer {
  return Buffer.from(`${text}\0`, 'utf16le');
}

function ascii(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}
