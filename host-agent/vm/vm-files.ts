import { join } from 'node:path';
import {
  dataFileBytes,
  DISK_DESCRIPTOR_MAX_BYTES,
  diskSectors,
  isDataFile,
  isPlainFileName,
  openDataFile,
  parseDiskDescriptor,
  sealDataFile,
  SECTOR_BYTES,
  VMX_MAX_BYTES,
  VmxDictionary,
  writeDiskDescriptor,
} from '../../wire/vmx/index.js';
import type { DiskDescriptor } from '../../wire/vmx/index.js';
import { bundleKeyIds, keyIdText, unwrapKey, wrapKey } from './crypto-key.js';
import type { CryptoKeyId, KekResolver, NamedKek } from './crypto-key.js';
import type { DirectoryTransaction } from './directory-transaction.js';
import { recoverDirectory } from './directory-transaction.js';
import { EncryptedDisk, FlatDisk } from './disk.js';
import type { VirtualDisk } from './disk.js';
import { VmError } from './errors.js';
import { readSmallFile } from './file-system.js';
import type { FileSystem } from './file-system.js';
import { diskSlots, suspendStateName, VMX_KEYS } from './vm-config.js';
import type { DiskSlot } from './vm-config.js';

/** Largest `.nvram` file accepted, in plaintext bytes (own choice). */
export const NVRAM_MAX_BYTES = 4 * 1024 * 1024;

/** `ddb.iofilters` of an encrypted disk. */
const CRYPT_FILTER = 'vmwarevmcrypt';

/** One disk of a VM as it lies in the datastore. */
export interface DiskFile extends DiskSlot {
  /** Name of the data file. */
  flatName: string;
  descriptor: DiskDescriptor;
  capacityBytes: number;
}

/** The files of one VM: a folder with one `.vmx`, and for each disk a descriptor with one flat data file. */
export class VmFiles {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly vmxName: string;
  readonly config: VmxDictionary;
  readonly disks: readonly DiskFile[];

  private constructor(
    fileSystem: FileSystem,
    directory: string,
    vmxName: string,
    config: VmxDictionary,
    disks: readonly DiskFile[],
  ) {
    this.fileSystem = fileSystem;
    this.directory = directory;
    this.vmxName = vmxName;
    this.config = config;
    this.disks = disks;
  }

  /**
   * Reads a VM's folder, after finishing or undoing whatever a crash interrupted in it.
   * @throws {VmError | VmFormatError} if a file is missing or malformed
   */
  static async load(fileSystem: FileSystem, directory: string): Promise<VmFiles> {
    await recoverDirectory(fileSystem, directory);
    const vmxName = await findVmx(fileSystem, directory);
    const config = VmxDictionary.parse(await readSmallFile(fileSystem, directory, vmxName, VMX_MAX_BYTES));
    const disks: DiskFile[] = [];
    for (const slot of diskSlots(config)) disks.push(await loadDisk(fileSystem, directory, slot));
    return new VmFiles(fileSystem, directory, vmxName, config, disks);
  }

  /** The text that protects the VM's data files, if the VM is encrypted. */
  get bundle(): string | undefined {
    return this.config.get(VMX_KEYS.bundle);
  }

  /** Name of the key that the VM is encrypted with. */
  get keyId(): CryptoKeyId | undefined {
    return this.bundle === undefined ? undefined : bundleKeyIds(this.bundle)[0];
  }

  /** Name of the `.nvram` file. */
  get nvramName(): string {
    const name = this.config.get(VMX_KEYS.nvram);
    return name !== undefined && isPlainFileName(name)
      ? name
      : `${this.vmxName.slice(0, -'.vmx'.length)}.nvram`;
  }

  /** Every file that belongs to the VM. */
  get fileNames(): string[] {
    const suspended = suspendStateName(this.config);
    return [
      this.vmxName,
      this.nvramName,
      ...(suspended === undefined ? [] : [suspended]),
      ...this.disks.flatMap(({ fileName, flatName }) => [fileName, flatName]),
    ];
  }

  /** Absolute path of one of the VM's files. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** @throws {VmError} `disk_not_found` */
  disk(key: number): DiskFile {
    const disk = this.disks.find((candidate) => candidate.key === key);
    if (disk) return disk;
    const known = this.disks.map((candidate) => candidate.key).join(', ');
    throw new VmError('disk_not_found', `the VM has no disk with key ${key}; its disks: ${known || 'none'}`);
  }

  /**
   * The key of the VM's data files (32 bytes), which its bundle protects.
   * @returns undefined if the VM is not encrypted; else the caller zeroises it
   */
  async dataFileKey(keys: KekResolver): Promise<Buffer | undefined> {
    return this.bundle === undefined ? undefined : unwrapKey(this.bundle, 'AES-256', keys);
  }

  /** Opens a disk as its guest sees it; for an encrypted one its key is unwrapped. */
  async openDisk(disk: DiskFile, flags: 'r' | 'r+', keys: KekResolver): Promise<VirtualDisk> {
    const { encryptionKeys } = disk.descriptor;
    const dek =
      encryptionKeys === undefined ? undefined : await unwrapKey(encryptionKeys, 'XTS-AES-256', keys);
    try {
      const flat = await FlatDisk.open(this.fileSystem, this.path(disk.flatName), disk.capacityBytes, flags);
      return dek ? new EncryptedDisk(flat, dek) : flat;
    } finally {
      dek?.fill(0);
    }
  }

  /** Reads a data file such as `.nvram`: sealed if the VM is encrypted. @param key from {@link dataFileKey} */
  async readDataFile(name: string, key: Buffer | undefined, maxBytes: number): Promise<Buffer> {
    const bytes = await readSmallFile(this.fileSystem, this.directory, name, dataFileBytes(maxBytes));
    if (key) return openDataFile(key, bytes);
    if (isDataFile(bytes))
      throw new VmError('file_invalid', `${name} is encrypted, but the VM has no bundle to open it`);
    return bytes;
  }

  /** Puts a new version of a data file into a transaction. */
  async stageDataFile(
    transaction: DirectoryTransaction,
    name: string,
    plain: Buffer,
    key: Buffer | undefined,
    scrubOld = false,
  ): Promise<void> {
    await transaction.write(name, key ? sealDataFile(key, plain) : plain, scrubOld);
  }
}

/** The descriptor of a disk after it was encrypted under a new key. */
export function encryptedDescriptor(descriptor: DiskDescriptor, dek: Buffer, kek: NamedKek): DiskDescriptor {
  return {
    ...descriptor,
    encryptionKeys: wrapKey({ cipher: 'XTS-AES-256', key: dek }, kek),
    keyId: keyIdText(kek.id),
    ddb: new Map([...descriptor.ddb, ['iofilters', CRYPT_FILTER]]),
  };
}

/** The descriptor of a disk after it was decrypted. */
export function plainDescriptor(descriptor: DiskDescriptor): DiskDescriptor {
  const { encryptionKeys: _keys, keyId: _keyId, ...plain } = descriptor;
  return { ...plain, ddb: new Map([...descriptor.ddb].filter(([name]) => name !== 'iofilters')) };
}

/** The descriptor of a new plain disk with one VMFS extent. */
export function newDescriptor(flatName: string, capacityBytes: number): DiskDescriptor {
  const sectors = capacityBytes / SECTOR_BYTES;
  // Geometry as tools of VMware write it for disks of more than 2 GB; guests with LBA never look at it.
  const cylinders = Math.max(1, Math.ceil(sectors / (255 * 63)));
  return {
    createType: 'vmfs',
    encoding: 'utf-8',
    cid: 'fffffffe',
    parentCid: 'ffffffff',
    extents: [{ access: 'RW', sectors, type: 'VMFS', fileName: flatName, offsetSectors: 0 }],
    otherHeader: new Map([['isNativeSnapshot', '"no"']]),
    ddb: new Map([
      ['virtualHWVersion', '21'],
      ['geometry.cylinders', String(cylinders)],
      ['geometry.heads', '255'],
      ['geometry.sectors', '63'],
      ['adapterType', 'lsilogic'],
    ]),
  };
}

/** Puts a new version of a disk's descriptor into a transaction. */
export async function stageDescriptor(
  transaction: DirectoryTransaction,
  disk: DiskFile,
  descriptor: DiskDescriptor,
): Promise<void> {
  await transaction.write(disk.fileName, writeDiskDescriptor(descriptor));
}

/**
 * Name of the one `.vmx` file of a folder.
 * @throws {VmError} `file_invalid` if there is none or more than one
 */
export async function findVmx(fileSystem: FileSystem, directory: string): Promise<string> {
  const names = (await fileSystem.readdir(directory)).filter((name) => name.toLowerCase().endsWith('.vmx'));
  const [name] = names;
  if (name !== undefined && names.length === 1) return name;
  throw new VmError(
    'file_invalid',
    `a VM's folder holds exactly one .vmx file; this one has ${names.length}`,
  );
}

async function loadDisk(fileSystem: FileSystem, directory: string, slot: DiskSlot): Promise<DiskFile> {
  if (!isPlainFileName(slot.fileName)) {
    throw new VmError(
      'file_invalid',
      `${slot.device}.fileName must be a plain file name beside the .vmx file`,
    );
  }
  const bytes = await readSmallFile(fileSystem, directory, slot.fileName, DISK_DESCRIPTOR_MAX_BYTES);
  const descriptor = parseDiskDescriptor(bytes);
  const [extent] = descriptor.extents;
  if (extent?.fileName === undefined || descriptor.extents.length !== 1 || extent.offsetSectors !== 0) {
    throw new VmError(
      'file_invalid',
      `${slot.fileName} must have one extent from sector 0; import the VM again`,
    );
  }
  return {
    ...slot,
    flatName: extent.fileName,
    descriptor,
    capacityBytes: diskSectors(descriptor) * SECTOR_BYTES,
  };
}
