import { randomKeyBytes, zeroise } from '../../core/secret.js';
import { writeDiskDescriptor } from '../../wire/vmx/index.js';
import type { VmxDictionary } from '../../wire/vmx/index.js';
import { unwrapKey, wrapKey } from './crypto-key.js';
import type { KekResolver, NamedKek } from './crypto-key.js';
import { inTransaction } from './directory-transaction.js';
import type { DirectoryTransaction } from './directory-transaction.js';
import { copyDisk, EncryptedDisk, FlatDisk } from './disk.js';
import { VmError } from './errors.js';
import { exists } from './file-system.js';
import { migrateEncryption, VMX_KEYS } from './vm-config.js';
import type { MigrateEncryption } from './vm-config.js';
import { encryptedDescriptor, NVRAM_MAX_BYTES, plainDescriptor, stageDescriptor } from './vm-files.js';
import type { DiskFile, VmFiles } from './vm-files.js';
import { XTS_KEY_BYTES } from './xts.js';

/** Bytes of the key of a VM's data files. */
const DATA_FILE_KEY_BYTES = 32;

/** Which disks: all of the VM, or those with these device keys. */
export type DiskSelection = 'all' | readonly number[];

/**
 * Encrypts disks of a powered-off VM, each under a new data encryption key, and the VM's data files if they are not
 * yet. Either everything is encrypted at the end or nothing has changed; plaintext files are overwritten and removed.
 * @param kek wraps the new keys; if the VM is encrypted already it must be the VM's own key
 * @throws {VmError} `vm_encrypted` if there is nothing left to encrypt
 */
export async function encryptFiles(
  files: VmFiles,
  kek: NamedKek,
  selection: DiskSelection,
  mode?: MigrateEncryption,
): Promise<void> {
  const disks = selectDisks(files, selection).filter(
    ({ descriptor }) => descriptor.encryptionKeys === undefined,
  );
  if (files.bundle !== undefined && disks.length === 0) {
    throw new VmError(
      'vm_encrypted',
      'the VM and these disks are encrypted already; use recrypt to change the key',
    );
  }
  if (files.bundle !== undefined)
    zeroise(await unwrapKey(files.bundle, 'AES-256', () => Promise.resolve(kek.key)));
  await inTransaction(files.fileSystem, files.directory, async (transaction) => {
    for (const disk of disks)
      await rewriteDisk(files, disk, transaction, { to: kek, keys: neverAsked, scrub: true });
    if (files.bundle !== undefined) return;
    const dataFileKey = randomKeyBytes(DATA_FILE_KEY_BYTES);
    try {
      await rewriteNvram(files, transaction, undefined, dataFileKey);
      const config = files.config.clone();
      config.set(VMX_KEYS.recordedMigrateEncryption, mode ?? migrateEncryption(config));
      config.set(VMX_KEYS.migrateEncryption, 'required');
      config.set(VMX_KEYS.bundle, wrapKey({ cipher: 'AES-256', key: dataFileKey }, kek));
      await transaction.write(files.vmxName, config.toBytes());
    } finally {
      zeroise(dataFileKey);
    }
  });
}

/**
 * Decrypts disks of a powered-off VM; when no encrypted disk is left and all were asked for, its data files too.
 * The encrypted vMotion setting stays `required` (MODE-4).
 * @throws {VmError} `vm_not_encrypted`, `wrong_key`, and what the resolver rejects with
 */
export async function decryptFiles(
  files: VmFiles,
  keys: KekResolver,
  selection: DiskSelection,
): Promise<void> {
  const { bundle } = files;
  if (bundle === undefined) throw new VmError('vm_not_encrypted', 'the VM is not encrypted');
  const disks = selectDisks(files, selection).filter(
    ({ descriptor }) => descriptor.encryptionKeys !== undefined,
  );
  if (selection !== 'all' && disks.length === 0) {
    throw new VmError('vm_not_encrypted', 'none of these disks is encrypted');
  }
  await inTransaction(files.fileSystem, files.directory, async (transaction) => {
    for (const disk of disks) await rewriteDisk(files, disk, transaction, { keys, scrub: false });
    if (selection !== 'all') return;
    const dataFileKey = await unwrapKey(bundle, 'AES-256', keys);
    try {
      await rewriteNvram(files, transaction, dataFileKey, undefined);
    } finally {
      zeroise(dataFileKey);
    }
    const config = files.config.clone();
    config.delete(VMX_KEYS.bundle);
    await transaction.write(files.vmxName, config.toBytes());
  });
}

/**
 * Shallow recrypt: the same data keys, wrapped under another key. Disks are not touched, so the VM may run.
 * @throws {VmError} `vm_not_encrypted`, `wrong_key`, and what the resolver rejects with
 */
export async function shallowRecryptFiles(
  files: VmFiles,
  keys: KekResolver,
  newKek: NamedKek,
): Promise<void> {
  const { bundle } = files;
  if (bundle === undefined) throw new VmError('vm_not_encrypted', 'only an encrypted VM can be recrypted');
  await inTransaction(files.fileSystem, files.directory, async (transaction) => {
    const dataFileKey = await unwrapKey(bundle, 'AES-256', keys);
    await transaction.write(files.vmxName, rewrapped(files.config, dataFileKey, newKek));
    for (const disk of files.disks) {
      const { encryptionKeys } = disk.descriptor;
      if (encryptionKeys === undefined) continue;
      const dek = await unwrapKey(encryptionKeys, 'XTS-AES-256', keys);
      try {
        await stageDescriptor(transaction, disk, encryptedDescriptor(disk.descriptor, dek, newKek));
      } finally {
        zeroise(dek);
      }
    }
  });
}

/**
 * Deep recrypt of a powered-off VM: new data keys for every encrypted disk and the data files, wrapped under another
 * key. Plaintext exists in memory only.
 * @throws {VmError} `vm_not_encrypted`, `wrong_key`, and what the resolver rejects with
 */
export async function deepRecryptFiles(files: VmFiles, keys: KekResolver, newKek: NamedKek): Promise<void> {
  const { bundle } = files;
  if (bundle === undefined) throw new VmError('vm_not_encrypted', 'only an encrypted VM can be recrypted');
  await inTransaction(files.fileSystem, files.directory, async (transaction) => {
    for (const disk of files.disks) {
      if (disk.descriptor.encryptionKeys === undefined) continue;
      await rewriteDisk(files, disk, transaction, { to: newKek, keys, scrub: false });
    }
    const oldKey = await unwrapKey(bundle, 'AES-256', keys);
    const newKey = randomKeyBytes(DATA_FILE_KEY_BYTES);
    try {
      await rewriteNvram(files, transaction, oldKey, newKey);
      await transaction.write(files.vmxName, rewrapped(files.config, newKey, newKek));
    } finally {
      zeroise(oldKey, newKey);
    }
  });
}

/** The `.vmx` file with its data file key wrapped under another key; zeroises the data file key. */
function rewrapped(config: VmxDictionary, dataFileKey: Buffer, kek: NamedKek): Buffer {
  const changed = config.clone().set(VMX_KEYS.bundle, wrapKey({ cipher: 'AES-256', key: dataFileKey }, kek));
  zeroise(dataFileKey);
  return changed.toBytes();
}

function selectDisks(files: VmFiles, selection: DiskSelection): readonly DiskFile[] {
  return selection === 'all' ? files.disks : [...new Set(selection)].map((key) => files.disk(key));
}

/** A plain disk has no bundle, so no key is ever asked for. */
function neverAsked(): Promise<Buffer> {
  return Promise.reject(new VmError('file_invalid', 'a plain disk must not name a key'));
}

interface DiskRewrite {
  /** Opens the disk as it is. */
  keys: KekResolver;
  /** Wraps the new data key; without it the new version is plain. */
  to?: NamedKek;
  /** Overwrite the old version. */
  scrub: boolean;
}

/** Writes a whole new version of a disk beside the old one and stages it. */
async function rewriteDisk(
  files: VmFiles,
  disk: DiskFile,
  transaction: DirectoryTransaction,
  { keys, to, scrub }: DiskRewrite,
): Promise<void> {
  const source = await files.openDisk(disk, 'r', keys);
  const dek = to ? randomKeyBytes(XTS_KEY_BYTES) : undefined;
  try {
    const path = transaction.stage(disk.flatName, scrub);
    const flat = await FlatDisk.create(files.fileSystem, path, disk.capacityBytes);
    try {
      await copyDisk(source, dek ? new EncryptedDisk(flat, dek) : flat, dek === undefined);
    } finally {
      await flat.close();
    }
    const descriptor =
      dek && to ? encryptedDescriptor(disk.descriptor, dek, to) : plainDescriptor(disk.descriptor);
    await transaction.write(disk.fileName, writeDiskDescriptor(descriptor));
  } finally {
    zeroise(dek);
    await source.close();
  }
}

async function rewriteNvram(
  files: VmFiles,
  transaction: DirectoryTransaction,
  oldKey: Buffer | undefined,
  newKey: Buffer | undefined,
): Promise<void> {
  if (!(await exists(files.fileSystem, files.path(files.nvramName)))) return;
  const plain = await files.readDataFile(files.nvramName, oldKey, NVRAM_MAX_BYTES);
  try {
    await files.stageDataFile(transaction, files.nvramName, plain, newKey, oldKey === undefined);
  } finally {
    zeroise(plain);
  }
}
