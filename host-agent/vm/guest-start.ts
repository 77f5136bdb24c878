import { zeroise } from '../../core/secret.js';
import type { KekResolver } from './crypto-key.js';
import { inTransaction } from './directory-transaction.js';
import type { VirtualDisk } from './disk.js';
import { RunningGuest } from './guest.js';
import { suspendStateName, VMX_KEYS } from './vm-config.js';
import type { VmFiles } from './vm-files.js';

/** Where a guest keeps what it read from its boot disk, and at most how many bytes (own choice). */
const BOOT_ADDRESS = 512 * 1024;
const BOOT_MAX_BYTES = 1024 * 1024;

/**
 * Opens everything that a running VM needs. On failure nothing stays open and no key stays in memory.
 * @param memory taken over by the guest
 */
export async function openGuest(files: VmFiles, keys: KekResolver, memory: Buffer): Promise<RunningGuest> {
  const disks = new Map<number, VirtualDisk>();
  const dataFileKey = await files.dataFileKey(keys);
  try {
    for (const disk of files.disks) disks.set(disk.key, await files.openDisk(disk, 'r+', keys));
  } catch (error) {
    zeroise(dataFileKey);
    for (const disk of disks.values()) await disk.close();
    throw error;
  }
  return new RunningGuest(disks, memory, dataFileKey);
}

/** Starts a guest anew: it reads the start of its first disk into memory, as firmware does with a boot sector. */
export async function boot(guest: RunningGuest): Promise<void> {
  const [disk] = guest.disks.values();
  const bootBytes = Math.min(BOOT_MAX_BYTES, guest.memory.length - BOOT_ADDRESS, disk?.capacityBytes ?? 0);
  if (bootBytes > 0) await disk?.read(0, guest.memory.subarray(BOOT_ADDRESS, BOOT_ADDRESS + bootBytes));
}

/** Fills a guest's memory from the file of its suspended state, and removes that file. */
export async function loadSuspended(files: VmFiles, guest: RunningGuest): Promise<void> {
  const name = suspendStateName(files.config);
  if (name === undefined) return;
  const saved = await files.readDataFile(name, guest.dataFileKey, guest.memory.length);
  saved.copy(guest.memory);
  zeroise(saved);
  await discardSuspended(files);
}

/** Removes the file of a VM's suspended state; the guest's memory is lost. */
export async function discardSuspended(files: VmFiles): Promise<void> {
  const name = suspendStateName(files.config);
  if (name === undefined) return;
  await inTransaction(files.fileSystem, files.directory, async (transaction) => {
    const config = files.config.clone();
    config.delete(VMX_KEYS.suspendState);
    await transaction.write(files.vmxName, config.toBytes());
    transaction.remove(name);
  });
}
