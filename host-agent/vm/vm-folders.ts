import { randomUUID } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { VmError } from './errors.js';
import {
  CHUNK_BYTES,
  createFile,
  exists,
  isZero,
  openRegularFile,
  PRIVATE_DIRECTORY_MODE,
  readFully,
  syncFolder,
  writeFully,
} from './file-system.js';
import type { FileSystem } from './file-system.js';
import { fileBaseOf } from './vm-config.js';
import type { VmFiles } from './vm-files.js';

/** A folder that holds one folder for each VM. */
export interface Datastore {
  name: string;
  /** Path of the folder; made if it does not exist. */
  path: string;
}

/** A VM's folder that was given its place. */
export interface PlacedFolder {
  directory: string;
  datastore: string;
  /** Name of the folder in the datastore. */
  folder: string;
}

const PARTIAL = '.partial-';
const TRASH = '.trash-';
const MAX_FOLDERS_OF_ONE_NAME = 10_000;

/**
 * The folders of VMs in their datastores. A new folder is made out of sight and gets its place with one rename; an
 * old one leaves it the same way.
 */
export class VmFolders {
  readonly #files: FileSystem;
  readonly #datastores = new Map<string, string>();

  constructor(files: FileSystem, datastores: readonly Datastore[]) {
    this.#files = files;
    for (const { name, path } of datastores) this.#datastores.set(name, resolve(path));
  }

  /** Names of the datastores, the default one first. */
  get datastoreNames(): string[] {
    return [...this.#datastores.keys()];
  }

  /**
   * Makes the datastores if need be, removes what was never finished or already given up, and lists what is there.
   */
  async open(): Promise<PlacedFolder[]> {
    const placed: PlacedFolder[] = [];
    for (const [datastore, path] of this.#datastores) {
      await this.#files.mkdir(path, { recursive: true, mode: PRIVATE_DIRECTORY_MODE });
      for (const folder of await this.#files.readdir(path)) {
        const directory = join(path, folder);
        if (!(await this.#files.lstat(directory)).isDirectory()) continue;
        if (folder.startsWith(PARTIAL) || folder.startsWith(TRASH)) await this.discard(directory);
        else if (!folder.startsWith('.')) placed.push({ directory, datastore, folder });
      }
    }
    return placed;
  }

  /**
   * Makes an empty private folder in a datastore, out of sight.
   * @param label for a folder that must be found again after a crash, and is then not removed by {@link open}
   */
  async stage(datastore: string | undefined, label?: string): Promise<string> {
    const directory =
      label === undefined
        ? join(this.#path(datastore), PARTIAL + randomUUID())
        : this.stagedPath(datastore, label);
    await this.#files.mkdir(directory, { mode: PRIVATE_DIRECTORY_MODE });
    return directory;
  }

  /** Path of the folder that {@link stage} makes for a label. */
  stagedPath(datastore: string | undefined, label: string): string {
    return join(this.#path(datastore), `.${label}`);
  }

  /** Gives a staged folder its place, under the VM's name or that name with a number. */
  async place(staged: string, datastore: string | undefined, vmName: string): Promise<PlacedFolder> {
    const parent = this.#path(datastore);
    const base = fileBaseOf(vmName);
    for (let number = 0; number < MAX_FOLDERS_OF_ONE_NAME; number += 1) {
      const folder = number === 0 ? base : `${base}_${number}`;
      const directory = join(parent, folder);
      if (await exists(this.#files, directory)) continue;
      await this.#files.rename(staged, directory);
      await syncFolder(this.#files, parent);
      return { directory, datastore: this.#name(datastore), folder };
    }
    throw new VmError('vm_exists', `the datastore has too many folders named ${base}; choose another name`);
  }

  /** Takes a VM's folder out of its place with one rename, then removes it. */
  async remove(directory: string, datastore: string): Promise<void> {
    const parent = this.#path(datastore);
    const trash = join(parent, TRASH + randomUUID());
    await this.#files.rename(directory, trash);
    await syncFolder(this.#files, parent);
    await this.discard(trash);
  }

  /**
   * Removes a folder and what is in it. Nothing is overwritten: of an encrypted VM a folder holds ciphertext only, as
   * plaintext from before its encryption went with that.
   */
  discard(directory: string): Promise<void> {
    return this.#files.rm(directory, { recursive: true, force: true });
  }

  /** Copies files of a VM as they are at rest, all but the `.vmx` file. */
  async copyFiles(files: VmFiles, target: string, wanted: (name: string) => boolean): Promise<void> {
    for (const name of files.fileNames) {
      if (name === files.vmxName || !wanted(name) || !(await exists(this.#files, files.path(name)))) continue;
      await this.#copyFile(files.directory, target, name);
    }
  }

  async #copyFile(from: string, to: string, name: string): Promise<void> {
    const source = await openRegularFile(this.#files, from, name);
    try {
      const target = await createFile(this.#files, join(to, name));
      try {
        const { size } = await source.stat();
        await target.truncate(size);
        const buffer = Buffer.allocUnsafe(CHUNK_BYTES);
        for (let start = 0; start < size; start += CHUNK_BYTES) {
          const part = buffer.subarray(0, Math.min(CHUNK_BYTES, size - start));
          await readFully(source, part, start);
          if (!isZero(part)) await writeFully(target, part, start);
        }
        buffer.fill(0);
        await target.sync();
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  }

  /** Whether a path is that of a folder directly in one of the datastores. */
  contains(directory: string): boolean {
    return [...this.#datastores.values()].includes(dirname(resolve(directory)));
  }

  #name(datastore: string | undefined): string {
    const name = datastore ?? this.datastoreNames[0] ?? '';
    if (this.#datastores.has(name)) return name;
    throw new VmError(
      'datastore_not_found',
      `this host has no datastore ${JSON.stringify(name.slice(0, 80))}; it has: ${this.datastoreNames.join(', ')}`,
    );
  }

  #path(datastore: string | undefined): string {
    return this.#datastores.get(this.#name(datastore)) ?? '';
  }
}
