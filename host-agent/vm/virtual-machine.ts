import { zeroise } from '../../core/secret.js';
import type { CryptoKeyId, KekResolver, NamedKek } from './crypto-key.js';
import { inTransaction } from './directory-transaction.js';
import { datastoreError, VmError } from './errors.js';
import { Exclusive } from './exclusive.js';
import type { RunningGuest } from './guest.js';
import { boot, discardSuspended, loadSuspended, openGuest } from './guest-start.js';
import {
  configuredMemoryMiB,
  displayName,
  instanceUuid,
  MIGRATE_ENCRYPTION_MODES,
  suspendStateName,
  VMX_KEYS,
} from './vm-config.js';
import type { MigrateEncryption } from './vm-config.js';
import { decryptFiles, deepRecryptFiles, encryptFiles, shallowRecryptFiles } from './vm-encryption.js';
import type { DiskSelection } from './vm-encryption.js';
import { NVRAM_MAX_BYTES, VmFiles } from './vm-files.js';
import { describeVm, listFiles, requiredKeys } from './vm-info.js';
import type { PowerState, VmCryptoState, VmFileInfo, VmInfo, VmPlace } from './vm-info.js';

const MIB = 1024 * 1024;
const NO_KEYS: KekResolver = () => Promise.reject(new VmError('vm_not_encrypted', 'no key is needed'));

/**
 * A virtual machine of one host. Operations run one after another; guest input and output runs beside them.
 * Every failure leaves the VM's files as they were.
 */
export class VirtualMachine {
  readonly #operations = new Exclusive();
  #files: VmFiles;
  #place: VmPlace;
  #guest: RunningGuest | undefined;
  #cryptoState: VmCryptoState;
  #migrationId: string | undefined;

  /** @param files as loaded; a VM that is encrypted starts locked, until a key opens it */
  constructor(files: VmFiles, place: VmPlace) {
    this.#files = files;
    this.#place = place;
    this.#cryptoState = files.bundle === undefined ? 'unlocked' : 'locked';
  }

  /** Instance UUID. */
  get id(): string {
    return instanceUuid(this.#files.config) ?? '';
  }

  /** Display name. */
  get name(): string {
    return displayName(this.#files.config);
  }

  /** The VM's files, as they are now. */
  get files(): VmFiles {
    return this.#files;
  }

  /** Where the VM lies. */
  get place(): VmPlace {
    return this.#place;
  }

  /** The running guest, if the VM is powered on. */
  get guest(): RunningGuest | undefined {
    return this.#guest;
  }

  /** Whether the VM's data files are encrypted. */
  get encrypted(): boolean {
    return this.#files.bundle !== undefined;
  }

  /** vim25 `runtime.powerState`. */
  get powerState(): PowerState {
    if (this.#guest) return 'poweredOn';
    return suspendStateName(this.#files.config) === undefined ? 'poweredOff' : 'suspended';
  }

  /** Bytes of memory that the guest really has. */
  get guestMemoryBytes(): number {
    return Math.min(configuredMemoryMiB(this.#files.config), this.#place.guestMemoryLimitMiB) * MIB;
  }

  /** Every distinct key that the VM needs to be powered on. */
  get requiredKeys(): CryptoKeyId[] {
    return requiredKeys(this.#files);
  }

  /** What the host tells of the VM. */
  info(): VmInfo {
    return describeVm(this.#files, this.#place, {
      powerState: this.powerState,
      cryptoState: this.#cryptoState,
      migrationId: this.#migrationId,
    });
  }

  /** Names and sizes of the VM's files at rest. */
  fileInfo(): Promise<VmFileInfo[]> {
    return listFiles(this.#files);
  }

  /**
   * Tries the VM's keys; when they open everything, the VM is `unlocked`.
   * @throws what the resolver rejects with; {@link VmError} `wrong_key`
   */
  unlock(keys: KekResolver): Promise<void> {
    return this.#operate('unlocking', async () => {
      const guest = await openGuest(this.#files, keys, Buffer.alloc(0));
      await guest.stop();
      this.#cryptoState = 'unlocked';
    });
  }

  /** Marks an encrypted, powered-off VM as locked: its key is gone from the host. */
  lock(): void {
    if (this.encrypted && !this.#guest) this.#cryptoState = 'locked';
  }

  /**
   * Powers the VM on, or resumes it if it is suspended.
   * @throws what the resolver rejects with; {@link VmError} `wrong_key`, `invalid_power_state`
   */
  powerOn(keys: KekResolver = NO_KEYS): Promise<void> {
    return this.#operate('powering on', async () => {
      this.#requireNotHeld();
      if (this.#guest) throw new VmError('invalid_power_state', 'the VM is powered on already');
      const suspended = this.powerState === 'suspended';
      const guest = await openGuest(this.#files, keys, Buffer.alloc(this.guestMemoryBytes));
      try {
        if (suspended) await loadSuspended(this.#files, guest);
        else await boot(guest);
      } catch (error) {
        await guest.stop();
        throw error;
      }
      if (suspended) await this.#reload();
      this.adopt(guest);
    });
  }

  /** Takes over a guest that arrived with a live migration, its disks and keys open. */
  adopt(guest: RunningGuest): void {
    this.#guest = guest;
    this.#cryptoState = 'unlocked';
  }

  /**
   * Powers the VM off: disks durable, memory and keys zeroised; of a suspended VM the saved memory is removed.
   * @throws {VmError} `invalid_power_state`
   */
  powerOff(): Promise<void> {
    return this.#operate('powering off', async () => {
      this.#requireNotHeld();
      if (this.powerState === 'suspended') {
        await discardSuspended(this.#files);
        await this.#reload();
      } else await this.#stopGuest();
    });
  }

  /** Boots the running guest anew, with the keys that it holds. @throws {VmError} `invalid_power_state` */
  reset(): Promise<void> {
    return this.#operate('resetting', async () => {
      this.#requireNotHeld();
      const guest = this.#requireGuest();
      await guest.pause();
      try {
        guest.memory.fill(0);
        await boot(guest);
      } finally {
        guest.resume();
      }
    });
  }

  /** Ends the guest whatever holds the VM, as a failure of its host does. */
  async kill(): Promise<void> {
    const guest = this.#guest;
    this.#guest = undefined;
    await guest?.stop();
  }

  /** Saves guest memory (`.vmss`, encrypted if the VM is) and stops the guest. @throws {VmError} `invalid_power_state` */
  suspend(): Promise<void> {
    return this.#operate('suspending', async () => {
      this.#requireNotHeld();
      const guest = this.#requireGuest();
      const name = `${this.#files.vmxName.slice(0, -'.vmx'.length)}.vmss`;
      await guest.pause();
      try {
        await inTransaction(this.#files.fileSystem, this.#files.directory, async (transaction) => {
          await this.#files.stageDataFile(transaction, name, guest.memory, guest.dataFileKey);
          const config = this.#files.config.clone().set(VMX_KEYS.suspendState, name);
          await transaction.write(this.#files.vmxName, config.toBytes());
        });
      } catch (error) {
        guest.resume();
        throw error;
      }
      await this.#stopGuest();
      await this.#reload();
    });
  }

  /** The VM's non-volatile memory. @param keys needed only for an encrypted VM that is not powered on */
  readNvram(keys: KekResolver = NO_KEYS): Promise<Buffer> {
    return this.#operate('reading the .nvram file', () => {
      return this.#withDataFileKey(keys, (key) =>
        this.#files.readDataFile(this.#files.nvramName, key, NVRAM_MAX_BYTES),
      );
    });
  }

  /** Replaces the VM's non-volatile memory, durably. */
  writeNvram(nvram: Buffer, keys: KekResolver = NO_KEYS): Promise<void> {
    if (nvram.length > NVRAM_MAX_BYTES) {
      return Promise.reject(new VmError('invalid_argument', `.nvram has at most ${NVRAM_MAX_BYTES} bytes`));
    }
    return this.#operate('writing the .nvram file', () => {
      this.#requireNotHeld();
      return this.#withDataFileKey(keys, (key) =>
        inTransaction(this.#files.fileSystem, this.#files.directory, (transaction) =>
          this.#files.stageDataFile(transaction, this.#files.nvramName, nvram, key),
        ),
      );
    });
  }

  /** Encrypts the powered-off VM; see {@link encryptFiles}. */
  encrypt(kek: NamedKek, selection: DiskSelection = 'all', mode?: MigrateEncryption): Promise<void> {
    return this.#change('encrypting', () => encryptFiles(this.#files, kek, selection, mode));
  }

  /** Decrypts the powered-off VM; see {@link decryptFiles}. */
  decrypt(keys: KekResolver, selection: DiskSelection = 'all'): Promise<void> {
    return this.#change('decrypting', () => decryptFiles(this.#files, keys, selection));
  }

  /** Shallow recrypt; the VM may run. See {@link shallowRecryptFiles}. */
  shallowRecrypt(keys: KekResolver, newKek: NamedKek): Promise<void> {
    return this.#operate('recrypting', async () => {
      this.#requireNotHeld();
      await shallowRecryptFiles(this.#files, keys, newKek);
      await this.#reload();
      this.#cryptoState = 'unlocked';
    });
  }

  /** Deep recrypt of the powered-off VM; see {@link deepRecryptFiles}. */
  deepRecrypt(keys: KekResolver, newKek: NamedKek): Promise<void> {
    return this.#change('recrypting', () => deepRecryptFiles(this.#files, keys, newKek));
  }

  /**
   * Sets encrypted vMotion of an unencrypted VM, and forgets the setting recorded when it was encrypted (MODE-4, MODE-5).
   * @throws {VmError} `vm_encrypted`: it is `required` for an encrypted VM (ENC-4)
   */
  setMigrateEncryption(mode: MigrateEncryption): Promise<void> {
    return this.#operate('reconfiguring', async () => {
      this.#requireNotHeld();
      if (this.encrypted) {
        throw new VmError(
          'vm_encrypted',
          'encrypted vMotion is required for an encrypted VM and cannot be changed',
        );
      }
      if (!MIGRATE_ENCRYPTION_MODES.includes(mode)) {
        throw new VmError(
          'invalid_argument',
          `encrypted vMotion is one of ${MIGRATE_ENCRYPTION_MODES.join(', ')}`,
        );
      }
      const config = this.#files.config.clone().set(VMX_KEYS.migrateEncryption, mode);
      config.delete(VMX_KEYS.recordedMigrateEncryption);
      await inTransaction(this.#files.fileSystem, this.#files.directory, (transaction) =>
        transaction.write(this.#files.vmxName, config.toBytes()),
      );
      await this.#reload();
    });
  }

  /**
   * Lets a migration hold the VM: until it is released, nothing but guest input and output goes on.
   * @throws {VmError} `migration_in_progress` if another one holds it
   */
  hold(migrationId: string): void {
    if (this.#migrationId !== migrationId) this.#requireNotHeld();
    this.#migrationId = migrationId;
  }

  /** Ends {@link hold}; a guest that was held back at its switchover goes on. */
  release(migrationId: string): void {
    if (this.#migrationId !== migrationId) return;
    this.#migrationId = undefined;
    this.#guest?.resume();
  }

  /**
   * Runs `work` alone, as every operation of this VM does: for its store, which copies, moves and removes files.
   * @param doing for messages, for example `copying the VM`
   */
  exclusive<T>(doing: string, work: () => Promise<T>): Promise<T> {
    return this.#operate(doing, () => {
      this.#requireNotHeld();
      return work();
    });
  }

  /** Takes the VM's files over from a new place, where its store has moved them. */
  relocated(files: VmFiles, place: VmPlace): void {
    this.#files = files;
    this.#place = place;
  }

  /** @throws {VmError} `invalid_power_state` unless powered on */
  #requireGuest(): RunningGuest {
    if (this.#guest) return this.#guest;
    throw new VmError('invalid_power_state', 'the VM is not powered on; power it on first');
  }

  #requireNotHeld(): void {
    if (this.#migrationId === undefined) return;
    throw new VmError(
      'migration_in_progress',
      `migration ${this.#migrationId} holds the VM; commit or abort that migration first`,
    );
  }

  async #stopGuest(): Promise<void> {
    this.#requireGuest();
    await this.kill();
  }

  async #withDataFileKey<T>(keys: KekResolver, work: (key: Buffer | undefined) => Promise<T>): Promise<T> {
    if (this.#guest) return work(this.#guest.dataFileKey);
    const key = await this.#files.dataFileKey(keys);
    try {
      return await work(key);
    } finally {
      zeroise(key);
    }
  }

  async #reload(): Promise<void> {
    this.#files = await VmFiles.load(this.#files.fileSystem, this.#files.directory);
  }

  /** An operation on the files of a VM that is powered off. */
  #change(doing: string, work: () => Promise<void>): Promise<void> {
    return this.#operate(doing, async () => {
      this.#requireNotHeld();
      if (this.powerState !== 'poweredOff') {
        throw new VmError(
          'invalid_power_state',
          `the VM must be powered off for ${doing}; it is ${this.powerState}`,
        );
      }
      try {
        await work();
      } catch (error) {
        // A failure after the point of no return leaves work to be finished, which loading does.
        await this.#reload().catch(() => undefined);
        throw error;
      }
      await this.#reload();
      this.#cryptoState = 'unlocked';
    });
  }

  #operate<T>(doing: string, work: () => Promise<T>): Promise<T> {
    return this.#operations.run(async () => {
      try {
        return await work();
      } catch (error) {
        throw datastoreError(error, doing);
      }
    });
  }
}
