import { join } from 'node:path';
import {
  dataFileBytes,
  DISK_DESCRIPTOR_MAX_BYTES,
  DISK_MAX_SECTORS,
  isPlainFileName,
  SECTOR_BYTES,
  VMX_MAX_BYTES,
} from '../../wire/vmx/index.js';
import { FRAME_FLAGS, VmotionError } from '../../wire/vmotion/index.js';
import type { FrameHeader, Manifest, ManifestFile, SectionType } from '../../wire/vmotion/index.js';
import { FlatDisk } from '../vm/disk.js';
import { syncFolder, writeNewFile } from '../vm/file-system.js';
import type { FileSystem } from '../vm/file-system.js';
import { NVRAM_MAX_BYTES } from '../vm/vm-files.js';
import { GUEST_MEMORY_MAX_BYTES, SUSPEND_STATE_MAX_BYTES } from './limits.js';

const MAX_DISKS = 256;
const ZEROS = Buffer.alloc(64 * 1024);

/** Where the bytes of one section go. */
interface Section {
  sizeBytes: number;
  /** Every byte before this one has arrived at least once. */
  coveredBytes: number;
  write(offsetBytes: number, data: Buffer): Promise<void>;
}

/**
 * The sections of one incoming VM, written into a staged folder. The manifest says what there is; every section
 * arrives from its start to its end, and what has arrived may be sent again.
 */
export class IncomingSections {
  /** Guest memory; empty unless the VM moves while it runs. */
  readonly memory: Buffer;
  readonly #files: FileSystem;
  readonly #directory: string;
  readonly #sections = new Map<string, Section>();
  readonly #smallFiles: { name: string; bytes: Buffer }[] = [];
  readonly #disks: FlatDisk[] = [];

  private constructor(files: FileSystem, directory: string, memoryBytes: number) {
    this.#files = files;
    this.#directory = directory;
    this.memory = Buffer.alloc(memoryBytes);
  }

  /** Checks a manifest and makes what its sections need. @throws {VmotionError} `stream_invalid` */
  static async open(files: FileSystem, directory: string, manifest: Manifest): Promise<IncomingSections> {
    checkManifest(manifest);
    const incoming = new IncomingSections(files, directory, manifest.memoryBytes);
    incoming.#addBuffer('config', 0, manifest.config);
    if (manifest.nvram) incoming.#addBuffer('nvram', 0, manifest.nvram);
    if (manifest.suspendState) incoming.#addBuffer('suspendState', 0, manifest.suspendState);
    incoming.#add('memory', 0, manifest.memoryBytes, (offset, data) => {
      data.copy(incoming.memory, offset);
      return Promise.resolve();
    });
    try {
      for (const [index, { descriptor, data }] of manifest.disks.entries()) {
        incoming.#addBuffer('diskDescriptor', index, descriptor);
        const disk = await FlatDisk.create(files, join(directory, data.name), data.sizeBytes);
        incoming.#disks.push(disk);
        incoming.#add('diskData', index, data.sizeBytes, (offset, bytes) => disk.write(offset, bytes));
      }
    } catch (error) {
      await incoming.close();
      throw error;
    }
    return incoming;
  }

  /** Takes one frame. @throws {VmotionError} `stream_invalid` for what the manifest does not announce */
  async write({ type, index, offsetBytes, flags }: FrameHeader, payload: Buffer): Promise<void> {
    const section = this.#sections.get(sectionKey(type, index));
    const zeros = (flags & FRAME_FLAGS.zeros) !== 0;
    if (!section || (zeros && payload.length !== 8)) {
      throw new VmotionError('stream_invalid', `a frame of section ${type} ${index} was not announced`);
    }
    const length = zeros ? Number(payload.readBigUInt64BE()) : payload.length;
    const end = offsetBytes + length;
    if (length === 0 || offsetBytes > section.coveredBytes || end > section.sizeBytes) {
      throw new VmotionError(
        'stream_invalid',
        `a frame of section ${type} ${index} lies outside, or leaves a gap`,
      );
    }
    // A new disk and new memory are zero: only what was written before needs zeros.
    const known = zeros ? Math.min(end, section.coveredBytes) : end;
    if (!zeros) await section.write(offsetBytes, payload);
    else await writeZeros(section, offsetBytes, known);
    section.coveredBytes = Math.max(section.coveredBytes, end);
  }

  /** Makes everything durable in the folder. @throws {VmotionError} `stream_invalid` if anything did not arrive */
  async complete(): Promise<void> {
    for (const [key, { coveredBytes, sizeBytes }] of this.#sections) {
      if (coveredBytes !== sizeBytes) {
        throw new VmotionError(
          'stream_invalid',
          `section ${key} arrived up to byte ${coveredBytes} of ${sizeBytes} only`,
        );
      }
    }
    for (const { name, bytes } of this.#smallFiles)
      await writeNewFile(this.#files, join(this.#directory, name), bytes);
    for (const disk of this.#disks) await disk.sync();
    await syncFolder(this.#files, this.#directory);
  }

  /** Closes the disks' files. */
  async close(): Promise<void> {
    await Promise.allSettled(this.#disks.map((disk) => disk.close()));
  }

  #addBuffer(type: SectionType, index: number, { name, sizeBytes }: ManifestFile): void {
    const bytes = Buffer.alloc(sizeBytes);
    this.#smallFiles.push({ name, bytes });
    this.#add(type, index, sizeBytes, (offset, data) => {
      data.copy(bytes, offset);
      return Promise.resolve();
    });
  }

  #add(type: SectionType, index: number, sizeBytes: number, write: Section['write']): void {
    this.#sections.set(sectionKey(type, index), { sizeBytes, coveredBytes: 0, write });
  }
}

async function writeZeros(section: Section, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += ZEROS.length) {
    await section.write(at, ZEROS.subarray(0, Math.min(ZEROS.length, to - at)));
  }
}

function sectionKey(type: SectionType, index: number): string {
  return `${type} ${index}`;
}

function checkManifest({ config, nvram, suspendState, disks, memoryBytes }: Manifest): void {
  const bounded = (file: ManifestFile | undefined, ending: string, maxBytes: number): boolean => {
    return (
      file === undefined || (file.name.endsWith(ending) && file.sizeBytes >= 1 && file.sizeBytes <= maxBytes)
    );
  };
  const files = [config, nvram, suspendState, ...disks.flatMap(({ descriptor, data }) => [descriptor, data])];
  const names = files.flatMap((file) => (file ? [file.name] : []));
  const valid =
    bounded(config, '.vmx', VMX_MAX_BYTES) &&
    bounded(nvram, '.nvram', dataFileBytes(NVRAM_MAX_BYTES)) &&
    bounded(suspendState, '.vmss', SUSPEND_STATE_MAX_BYTES) &&
    memoryBytes <= GUEST_MEMORY_MAX_BYTES &&
    disks.length <= MAX_DISKS &&
    disks.every(({ descriptor }) => bounded(descriptor, '.vmdk', DISK_DESCRIPTOR_MAX_BYTES)) &&
    disks.every(({ data }) => bounded(data, '.vmdk', DISK_MAX_SECTORS * SECTOR_BYTES)) &&
    disks.every(({ data }) => data.sizeBytes % SECTOR_BYTES === 0) &&
    names.every(isPlainFileName) &&
    new Set(names.map((name) => name.toLowerCase())).size === names.length;
  if (!valid) {
    throw new VmotionError(
      'stream_invalid',
      'the manifest names files or sizes that this host does not accept',
    );
  }
}
