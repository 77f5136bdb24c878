import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { DISK_MAX_SECTORS, SECTOR_BYTES } from '../../wire/vmx/index.js';
import type { VmxDictionary } from '../../wire/vmx/index.js';
import { datastoreError, VmError } from './errors.js';
import { Exclusive } from './exclusive.js';
import { exists, nodeFileSystem, readSmallFile, syncFolder, writeNewFile } from './file-system.js';
import type { FileSystem } from './file-system.js';
import { VirtualMachine } from './virtual-machine.js';
import {
  displayName,
  fileBaseOf,
  instanceUuid,
  newVmConfig,
  requireName,
  setInstanceUuid,
  suspendStateName,
  VMX_KEYS,
} from './vm-config.js';
import type { MigrateEncryption } from './vm-config.js';
import { VmFiles } from './vm-files.js';
import { VmFolders } from './vm-folders.js';
import type { Datastore, PlacedFolder } from './vm-folders.js';
import { createDiskFiles, importFiles, importRawDisk, newNvram } from './vm-import.js';
import type { VmPlace } from './vm-info.js';

/** Choices for {@link VmStore.open}. */
export interface VmStoreOptions {
  datastores: readonly Datastore[];
  /** Most MiB of memory that a guest really has; 32 unless given (own choice). */
  guestMemoryLimitMiB?: number;
  /** The machine's own unless given. */
  fileSystem?: FileSystem;
  /** Told of every folder that could not be loaded. The folder is left alone. */
  onUnusable?: (directory: string, error: unknown) => void;
}

/** What a new VM is made of. */
export interface NewVmSpec {
  name: string;
  /** The first one unless given. */
  datastore?: string;
  /** 32 unless given. */
  memoryMiB?: number;
  /** 1 unless given. */
  cpus?: number;
  /** `other-64` unless given. */
  guestOs?: string;
  /** `opportunistic` unless given (MODE-2, MODE-5). */
  migrateEncryption?: MigrateEncryption;
  /** Empty disks (`capacityBytes`, whole sectors) or copies of raw images, on `scsi0` in this order; at most 15. */
  disks?: readonly ({ capacityBytes: number } | { image: string })[];
}

/** Where and under what name a copied VM comes to lie. */
export interface CopyTarget {
  /** The name it has unless given. */
  name?: string;
  /** The first one unless given. */
  datastore?: string;
}

/** File in a moved VM's new folder that names its old one, until that is gone. */
const MOVED_FROM = 'moved-from';
const MOVED_FROM_MAX_BYTES = 8192;
const DEFAULT_GUEST_MEMORY_LIMIT_MIB = 32;
const MAX_DISKS_ON_ONE_CONTROLLER = 15;
const MAX_MEMORY_MIB = 24 * 1024 * 1024;

/**
 * The VMs of one host, in its datastores. A VM appears and disappears with one rename of its folder, so that a crash
 * leaves it either there or not.
 */
export class VmStore {
  /** Where the VMs lie; for migrations, which make a VM's folder themselves. */
  readonly folders: VmFolders;
  readonly #files: FileSystem;
  readonly #guestMemoryLimitMiB: number;
  readonly #vms = new Map<string, VirtualMachine>();
  /** Guards choosing folders and ids; the long work of copying runs outside it. */
  readonly #publishing = new Exclusive();

  private constructor({ datastores, guestMemoryLimitMiB, fileSystem }: VmStoreOptions) {
    this.#files = fileSystem ?? nodeFileSystem;
    this.#guestMemoryLimitMiB = guestMemoryLimitMiB ?? DEFAULT_GUEST_MEMORY_LIMIT_MIB;
    this.folders = new VmFolders(this.#files, datastores);
  }

  /** Opens the datastores, finishes or undoes what a crash interrupted, and loads every VM (all powered off). */
  static async open(options: VmStoreOptions): Promise<VmStore> {
    const store = new VmStore(options);
    let placed = await store.folders.open();
    for (const { directory } of placed) {
      const old = await store.#finishMove(directory);
      placed = placed.filter((folder) => folder.directory !== old);
    }
    for (const folder of placed) {
      try {
        await store.#adopt(folder);
      } catch (error) {
        options.onUnusable?.(folder.directory, error);
      }
    }
    return store;
  }

  /** Names of the datastores, the default one first. */
  get datastoreNames(): string[] {
    return this.folders.datastoreNames;
  }

  /** The file system that all of the store's files go through. */
  get fileSystem(): FileSystem {
    return this.#files;
  }

  /** Every VM, in no particular order. */
  list(): VirtualMachine[] {
    return [...this.#vms.values()];
  }

  /** The VM of that id, if there is one. */
  find(id: string): VirtualMachine | undefined {
    return this.#vms.get(id);
  }

  /** @throws {VmError} `vm_not_found` */
  get(id: string): VirtualMachine {
    const vm = this.#vms.get(id);
    if (vm) return vm;
    throw new VmError('vm_not_found', `this host has no VM with id ${JSON.stringify(id.slice(0, 64))}`);
  }

  /** Makes a new VM, powered off and unencrypted. */
  async createVm(spec: NewVmSpec): Promise<VirtualMachine> {
    const disks = spec.disks ?? [];
    if (disks.length > MAX_DISKS_ON_ONE_CONTROLLER) {
      throw new VmError('invalid_argument', `a new VM has at most ${MAX_DISKS_ON_ONE_CONTROLLER} disks`);
    }
    const fileBase = fileBaseOf(requireName(spec.name));
    const diskBases = disks.map((_disk, index) => (index === 0 ? fileBase : `${fileBase}_${index}`));
    return this.#make(spec.datastore, 'creating a VM', async (directory) => {
      for (const [index, disk] of disks.entries()) {
        const diskBase = diskBases[index] ?? fileBase;
        if ('image' in disk) await importRawDisk(this.#files, disk.image, directory, diskBase);
        else
          await createDiskFiles(
            this.#files,
            directory,
            diskBase,
            requireCapacity(disk.capacityBytes),
            noContent,
          );
      }
      await writeNewFile(this.#files, join(directory, `${fileBase}.nvram`), newNvram());
      return newVmConfig({
        name: spec.name,
        memoryMiB: requireMemory(spec.memoryMiB ?? 32),
        cpus: spec.cpus ?? 1,
        guestOs: spec.guestOs ?? 'other-64',
        migrateEncryption: spec.migrateEncryption ?? 'opportunistic',
        fileBase,
        diskFileNames: diskBases.map((base) => `${base}.vmdk`),
      });
    });
  }

  /** Makes a new VM whose one disk is a copy of a raw image. */
  createVmFromRaw({ image, ...spec }: Omit<NewVmSpec, 'disks'> & { image: string }): Promise<VirtualMachine> {
    return this.createVm({ ...spec, disks: [{ image }] });
  }

  /**
   * Copies a VM from a folder of this machine: one `.vmx` file and flat VMDKs. It keeps its `vc.uuid` unless a VM of
   * that id is here already.
   */
  async importVm(directory: string, { name, datastore }: CopyTarget = {}): Promise<VirtualMachine> {
    if (name !== undefined) requireName(name);
    return this.#make(datastore, 'importing a VM', async (target) => {
      const config = await importFiles(this.#files, directory, target, name);
      const id = instanceUuid(config);
      if (id === undefined || this.#vms.has(id)) setInstanceUuid(config, randomUUID());
      return config;
    });
  }

  /**
   * Copies a VM with a new id. Encrypted disks are copied as they are at rest, so the clone needs the same key until it
   * is recrypted. Of a running VM the disks are copied as at one moment; its memory is not.
   */
  async cloneVm(id: string, { name, datastore }: CopyTarget & { name: string }): Promise<VirtualMachine> {
    requireName(name);
    const vm = this.get(id);
    return vm.exclusive('cloning the VM', async () => {
      await vm.guest?.pause();
      try {
        await vm.guest?.flush();
        return await this.#make(datastore ?? vm.place.datastore, 'cloning a VM', async (target) => {
          const suspended = suspendStateName(vm.files.config);
          await this.folders.copyFiles(vm.files, target, (file) => file !== suspended);
          const config = vm.files.config.clone().set(VMX_KEYS.displayName, name);
          config.delete(VMX_KEYS.suspendState);
          setInstanceUuid(config, randomUUID());
          return config;
        });
      } finally {
        vm.guest?.resume();
      }
    });
  }

  /**
   * Moves a powered-off or suspended VM to another datastore of this host, as it is at rest.
   * @throws {VmError} `invalid_power_state`, `datastore_not_found`
   */
  async moveVm(id: string, datastore: string): Promise<void> {
    const vm = this.get(id);
    await vm.exclusive('moving the VM', async () => {
      if (vm.powerState === 'poweredOn') {
        throw new VmError('invalid_power_state', 'power the VM off before you move it to another datastore');
      }
      const old = { directory: vm.files.directory, datastore: vm.place.datastore };
      const staged = await this.folders.stage(datastore);
      try {
        await this.folders.copyFiles(vm.files, staged, () => true);
        await writeNewFile(this.#files, join(staged, vm.files.vmxName), vm.files.config.toBytes());
        await writeNewFile(this.#files, join(staged, MOVED_FROM), Buffer.from(old.directory));
        await syncFolder(this.#files, staged);
      } catch (error) {
        await this.folders.discard(staged).catch(() => undefined);
        throw error;
      }
      const placed = await this.#publishing.run(() => this.folders.place(staged, datastore, vm.name));
      vm.relocated(await VmFiles.load(this.#files, placed.directory), this.#placeOf(placed));
      await this.folders.remove(old.directory, old.datastore);
      await this.#files.rm(join(placed.directory, MOVED_FROM), { force: true });
    });
  }

  /** Removes a powered-off VM and its files. @throws {VmError} `invalid_power_state`, `migration_in_progress` */
  async destroyVm(id: string): Promise<void> {
    const vm = this.get(id);
    await vm.exclusive('removing the VM', async () => {
      if (vm.powerState === 'poweredOn') {
        throw new VmError('invalid_power_state', 'power the VM off before you remove it');
      }
      await this.giveUp(vm);
    });
  }

  /** Removes a VM whatever its state: the end of a migration. Its folder goes with one rename. */
  async giveUp(vm: VirtualMachine): Promise<void> {
    await vm.kill();
    this.#vms.delete(vm.id);
    await this.folders.remove(vm.files.directory, vm.place.datastore);
  }

  /**
   * Makes a staged folder a VM of this host, with one rename.
   * @param prepare what must have happened to the VM before anyone can find it
   * @throws {VmError} `vm_exists` if a VM of its id is here already
   */
  async publish(
    staged: string,
    datastore: string | undefined,
    prepare?: (vm: VirtualMachine) => void,
  ): Promise<VirtualMachine> {
    const { config } = await VmFiles.load(this.#files, staged);
    const id = requireId(config);
    return this.#publishing.run(async () => {
      if (this.#vms.has(id)) throw new VmError('vm_exists', `this host has a VM with id ${id} already`);
      return this.#adopt(await this.folders.place(staged, datastore, displayName(config)), prepare);
    });
  }

  /** Powers every VM off at once, as the failure or reboot of a host does. */
  async stopAll(): Promise<void> {
    await Promise.allSettled(this.list().map((vm) => vm.kill()));
  }

  async #make(
    datastore: string | undefined,
    doing: string,
    fill: (directory: string) => Promise<VmxDictionary>,
  ): Promise<VirtualMachine> {
    const staged = await this.folders.stage(datastore);
    try {
      const config = await fill(staged);
      await writeNewFile(
        this.#files,
        join(staged, `${fileBaseOf(displayName(config))}.vmx`),
        config.toBytes(),
      );
      await syncFolder(this.#files, staged);
      return await this.publish(staged, datastore);
    } catch (error) {
      await this.folders.discard(staged).catch(() => undefined);
      throw datastoreError(error, doing);
    }
  }

  /** Loads a VM's folder and takes the VM in. */
  async #adopt(placed: PlacedFolder, prepare?: (vm: VirtualMachine) => void): Promise<VirtualMachine> {
    const files = await VmFiles.load(this.#files, placed.directory);
    const id = requireId(files.config);
    if (this.#vms.has(id))
      throw new VmError('vm_exists', `two folders hold a VM with id ${id}; remove one of them`);
    const vm = new VirtualMachine(files, this.#placeOf(placed));
    prepare?.(vm);
    this.#vms.set(id, vm);
    return vm;
  }

  #placeOf({ datastore, folder }: PlacedFolder): VmPlace {
    return { datastore, folder, guestMemoryLimitMiB: this.#guestMemoryLimitMiB };
  }

  /** Removes the old folder of a VM whose move was interrupted after its new one had its place. */
  async #finishMove(directory: string): Promise<string | undefined> {
    if (!(await exists(this.#files, join(directory, MOVED_FROM)))) return undefined;
    const old = (await readSmallFile(this.#files, directory, MOVED_FROM, MOVED_FROM_MAX_BYTES)).toString(
      'utf8',
    );
    if (this.folders.contains(old)) await this.folders.discard(old);
    await this.#files.rm(join(directory, MOVED_FROM), { force: true });
    return old;
  }
}

function requireId(config: VmxDictionary): string {
  const id = instanceUuid(config);
  if (id !== undefined) return id;
  throw new VmError('file_invalid', `the .vmx file has no valid ${VMX_KEYS.instanceUuid}`);
}

function requireCapacity(capacityBytes: number): number {
  const sectors = capacityBytes / SECTOR_BYTES;
  if (Number.isSafeInteger(sectors) && sectors >= 1 && sectors <= DISK_MAX_SECTORS) return capacityBytes;
  throw new VmError('invalid_argument', `a disk has whole sectors of ${SECTOR_BYTES} bytes, at most 62 TB`);
}

function requireMemory(memoryMiB: number): number {
  if (Number.isSafeInteger(memoryMiB) && memoryMiB >= 4 && memoryMiB <= MAX_MEMORY_MIB) return memoryMiB;
  throw new VmError('invalid_argument', `a VM has 4 to ${MAX_MEMORY_MIB} MiB of memory`);
}

/** A new disk is full of zeros without anything being written. */
function noContent(): Promise<void> {
  return Promise.resolve();
}
