import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import {
  dataFileBytes,
  DISK_DESCRIPTOR_MAX_BYTES,
  diskSectors,
  isPlainFileName,
  parseBundle,
  parseDiskDescriptor,
  SECTOR_BYTES,
  VmFormatError,
  VMX_MAX_BYTES,
  VmxDictionary,
  writeDiskDescriptor,
} from '../../wire/vmx/index.js';
import type { DiskDescriptor, DiskExtent } from '../../wire/vmx/index.js';
import { FlatDisk } from './disk.js';
import { VmError } from './errors.js';
import {
  CHUNK_BYTES,
  isZero,
  openRegularFile,
  readFully,
  readSmallFile,
  writeNewFile,
} from './file-system.js';
import type { FileSystem } from './file-system.js';
import { diskSlots, displayName, fileBaseOf, requireName, suspendStateName, VMX_KEYS } from './vm-config.js';
import type { DiskSlot } from './vm-config.js';
import { findVmx, newDescriptor, NVRAM_MAX_BYTES } from './vm-files.js';

/** Most disks of one VM: four controllers of 64 units, vSphere's own maximum. */
const MAX_DISKS = 256;

/**
 * Copies a VM from a foreign folder: its one `.vmx` file and the flat disks that it names. Nothing outside that folder
 * is read, and links are not followed. Disks in several extents become one; an encrypted VM stays encrypted.
 * @param from folder to read
 * @param to new folder of the VM
 * @param name the VM's new name; else it keeps its own, or is called after its `.vmx` file
 * @returns the configuration, to be written by the caller, with that name and the new file names
 * @throws {VmError | VmFormatError} naming the file that cannot be used, and why
 */
export async function importFiles(
  files: FileSystem,
  from: string,
  to: string,
  name: string | undefined,
): Promise<VmxDictionary> {
  const { config, vmxName, disks } = await readForeignVm(files, from);
  const vmName = name ?? (displayName(config) || vmxName.slice(0, -'.vmx'.length));
  config.set(VMX_KEYS.displayName, requireName(vmName));
  const fileBase = fileBaseOf(vmName);
  for (const [index, { device, descriptor }] of disks.entries()) {
    const diskBase = index === 0 ? fileBase : `${fileBase}_${index}`;
    await importDisk(files, from, to, descriptor, diskBase);
    config.set(`${device}.fileName`, `${diskBase}.vmdk`);
  }
  await importNvram(files, from, to, config, fileBase);
  return config;
}

/** A VM in a foreign folder: what its files say, checked before anything is made of them. */
export interface ForeignVm {
  readonly vmxName: string;
  readonly config: VmxDictionary;
  readonly disks: readonly { readonly device: string; readonly descriptor: DiskDescriptor }[];
}

/**
 * Reads the `.vmx` file and the descriptors of a foreign folder, and makes sure that every extent is there.
 *
 * @throws {VmError} `file_invalid`, naming the file and what is wrong with it
 */
export async function readForeignVm(files: FileSystem, from: string): Promise<ForeignVm> {
  const vmxName = await findVmx(files, from).catch((error: unknown) => {
    throw unreadableFolder(error);
  });
  const { config, slots } = await inFile(vmxName, async () => {
    const read = VmxDictionary.parse(await readSmallFile(files, from, vmxName, VMX_MAX_BYTES));
    if (suspendStateName(read) !== undefined) {
      throw new VmError('file_invalid', 'the VM is suspended; power it off before you import it');
    }
    const bundle = read.get(VMX_KEYS.bundle);
    if (bundle !== undefined) parseBundle(bundle);
    return { config: read, slots: diskSlots(read) };
  });
  if (slots.length > MAX_DISKS) throw new VmError('file_invalid', `a VM has at most ${MAX_DISKS} disks`);
  const encrypted = config.has(VMX_KEYS.bundle);
  const disks: { device: string; descriptor: DiskDescriptor }[] = [];
  for (const slot of slots) {
    disks.push({ device: slot.device, descriptor: await readForeignDisk(files, from, slot, encrypted) });
  }
  return { vmxName, config, disks };
}

/** Says in which file of the user's a format error is. */
async function inFile<T>(name: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof VmFormatError)) throw error;
    throw new VmError('file_invalid', `${name}: ${error.message}`, { cause: error });
  }
}

/** The folder is what the caller named, no part of a datastore. */
function unreadableFolder(error: unknown): unknown {
  if (!(error instanceof Error) || !('syscall' in error) || !('code' in error)) return error;
  return new VmError(
    'file_invalid',
    `the folder to import cannot be read (${String(error.code)}): give the absolute path of one on the host's machine`,
    { cause: error },
  );
}

/**
 * Copies a raw image into a new flat disk of the same size, rounded up to whole sectors.
 * @param image path of a regular file; a link is not followed
 */
export async function importRawDisk(
  files: FileSystem,
  image: string,
  to: string,
  diskBase: string,
): Promise<void> {
  const source = await openRegularFile(files, dirname(image), basename(image));
  try {
    const { size } = await source.stat();
    if (size === 0) throw new VmError('file_invalid', 'the image is empty');
    const capacityBytes = Math.ceil(size / SECTOR_BYTES) * SECTOR_BYTES;
    await createDiskFiles(files, to, diskBase, capacityBytes, (disk) => {
      return copyExtent(source, 0, size, disk, 0);
    });
  } finally {
    await source.close();
  }
}

/** Makes a new disk: descriptor and data file, filled by `fill`. */
export async function createDiskFiles(
  files: FileSystem,
  directory: string,
  diskBase: string,
  capacityBytes: number,
  fill: (disk: FlatDisk) => Promise<void>,
  describe: (descriptor: DiskDescriptor) => DiskDescriptor = (descriptor) => descriptor,
): Promise<void> {
  const flatName = `${diskBase}-flat.vmdk`;
  const disk = await FlatDisk.create(files, `${directory}/${flatName}`, capacityBytes);
  try {
    await fill(disk);
    await disk.sync();
  } finally {
    await disk.close();
  }
  const descriptor = describe(newDescriptor(flatName, capacityBytes));
  await writeNewFile(files, `${directory}/${diskBase}.vmdk`, writeDiskDescriptor(descriptor));
}

async function readForeignDisk(
  files: FileSystem,
  from: string,
  { device, fileName }: DiskSlot,
  vmEncrypted: boolean,
): Promise<DiskDescriptor> {
  if (!isPlainFileName(fileName)) {
    throw new VmError('file_invalid', `${device}.fileName must be a plain file name beside the .vmx file`);
  }
  const source = await inFile(fileName, async () => {
    const read = parseDiskDescriptor(await readDescriptor(files, from, fileName));
    if (read.encryptionKeys !== undefined) parseBundle(read.encryptionKeys);
    return read;
  });
  if (source.encryptionKeys !== undefined && !vmEncrypted) {
    throw new VmError('file_invalid', `${fileName} is encrypted, but the .vmx file has no bundle`);
  }
  // A descriptor may claim any size.
  for (const extent of source.extents) await (await openExtent(files, from, extent))?.close();
  return source;
}

async function importDisk(
  files: FileSystem,
  from: string,
  to: string,
  source: DiskDescriptor,
  diskBase: string,
): Promise<void> {
  await createDiskFiles(
    files,
    to,
    diskBase,
    diskSectors(source) * SECTOR_BYTES,
    async (disk) => {
      let sector = 0;
      for (const extent of source.extents) {
        await importExtent(files, from, extent, disk, sector * SECTOR_BYTES);
        sector += extent.sectors;
      }
    },
    ({ createType, extents }) => ({ ...source, createType, extents }),
  );
}

/** A monolithic sparse disk is one large file without a text descriptor: its first bytes say enough. */
async function readDescriptor(files: FileSystem, from: string, fileName: string): Promise<Buffer> {
  const file = await openRegularFile(files, from, fileName);
  try {
    const start = Buffer.alloc(4);
    if ((await file.stat()).size >= start.length) await readFully(file, start, 0);
    if (start.toString('latin1') === 'KDMV') return start;
  } finally {
    await file.close();
  }
  return readSmallFile(files, from, fileName, DISK_DESCRIPTOR_MAX_BYTES);
}

/** Opens an extent's file, and makes sure that the extent lies in it. Undefined for a hole. */
async function openExtent(
  files: FileSystem,
  from: string,
  { fileName, offsetSectors, sectors }: DiskExtent,
): Promise<FileHandle | undefined> {
  if (fileName === undefined) return undefined;
  const source = await openRegularFile(files, from, fileName);
  if ((await source.stat()).size >= (offsetSectors + sectors) * SECTOR_BYTES) return source;
  await source.close();
  throw new VmError('file_invalid', `${fileName} is shorter than its descriptor says`);
}

async function importExtent(
  files: FileSystem,
  from: string,
  extent: DiskExtent,
  disk: FlatDisk,
  at: number,
): Promise<void> {
  const source = await openExtent(files, from, extent);
  try {
    const [start, lengthBytes] = [extent.offsetSectors * SECTOR_BYTES, extent.sectors * SECTOR_BYTES];
    if (source) await copyExtent(source, start, lengthBytes, disk, at);
  } finally {
    await source?.close();
  }
}

async function copyExtent(
  source: FileHandle,
  start: number,
  lengthBytes: number,
  disk: FlatDisk,
  at: number,
): Promise<void> {
  // As large as it must be: a disk may have thousands of small extents.
  const wholeSectors = Math.ceil(lengthBytes / SECTOR_BYTES) * SECTOR_BYTES;
  const buffer = Buffer.from(new ArrayBuffer(Math.min(CHUNK_BYTES, wholeSectors)));
  for (let done = 0; done < lengthBytes; done += CHUNK_BYTES) {
    const part = buffer.subarray(0, Math.min(CHUNK_BYTES, lengthBytes - done));
    await readFully(source, part, start + done);
    if (isZero(part)) continue;
    // The last sector of a raw image may be incomplete; the rest of it is zero.
    const sectors = Math.ceil(part.length / SECTOR_BYTES) * SECTOR_BYTES;
    buffer.fill(0, part.length, sectors);
    await disk.write(at + done, buffer.subarray(0, sectors));
  }
}

async function importNvram(
  files: FileSystem,
  from: string,
  to: string,
  config: VmxDictionary,
  fileBase: string,
): Promise<void> {
  const name = config.get(VMX_KEYS.nvram);
  const newName = `${fileBase}.nvram`;
  config.set(VMX_KEYS.nvram, newName);
  if (name === undefined) {
    if (config.has(VMX_KEYS.bundle)) return;
    await writeNewFile(files, `${to}/${newName}`, newNvram());
    return;
  }
  if (!isPlainFileName(name)) {
    throw new VmError('file_invalid', 'nvram must be a plain file name beside the .vmx file');
  }
  const bytes = await readSmallFile(files, from, name, dataFileBytes(NVRAM_MAX_BYTES));
  await writeNewFile(files, `${to}/${newName}`, bytes);
}

/** The non-volatile memory of a new VM: erased flash (own choice). */
export function newNvram(): Buffer {
  return Buffer.alloc(8192, 0xff);
}
