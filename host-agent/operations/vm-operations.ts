import type { Logger } from '../../core/logging.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { EnumerationValue } from '../../wire/vim25/index.js';
import { taskInProgress, vmFaultOf } from '../api/faults.js';
import type {
  CloneVmSpec,
  CreateVmFromRawSpec,
  CreateVmSpec,
  CryptoKeyId,
  EncryptVmSpec,
  ImportVmSpec,
  MigrateEncryption,
  RecryptVmSpec,
  VmFile,
  VmInfo,
} from '../api/results.js';
import type { CryptoModeMachine } from '../crypto/mode.js';
import { sameKeyId } from '../keys/key-id.js';
import type { KeyRing, LentKeys } from '../keys/key-ring.js';
import type { DiskSelection, NamedKek, RunningGuest, VirtualMachine, VmStore } from '../vm/index.js';

/** What {@link VmOperations} stand on. */
export interface VmOperationsOptions {
  readonly store: VmStore;
  readonly keys: KeyRing;
  readonly mode: CryptoModeMachine;
  readonly log: Logger;
}

/**
 * What can be done with the VMs of a host: keys are obtained first, then the VM is changed. One operation a VM at a
 * time; a second one is told `TaskInProgress`. Every failure of the VM layer leaves as a `VimFault`.
 */
export class VmOperations {
  readonly #options: VmOperationsOptions;
  readonly #busy = new Map<string, string>();

  constructor(options: VmOperationsOptions) {
    this.#options = options;
  }

  /** All VMs, by name. */
  list(): VmInfo[] {
    const infos = this.#options.store.list().map((vm) => vm.info());
    return infos.sort((left, right) => left.name.localeCompare(right.name));
  }

  /** One VM. @throws VimFault `ManagedObjectNotFound` */
  info(id: string): VmInfo {
    return this.vm(id).info();
  }

  /** @throws VimFault `ManagedObjectNotFound` */
  vm(id: string): VirtualMachine {
    try {
      return this.#options.store.get(id);
    } catch (error) {
      throw vmFaultOf(error, id);
    }
  }

  /** Makes a VM, and encrypts it if asked to; if that fails there is no VM. */
  create({ encryption, ...spec }: CreateVmSpec): Promise<VmInfo> {
    return this.#make(() => this.#options.store.createVm(given(spec)), encryption);
  }

  /** As {@link create}, around a copy of a raw image. */
  createFromRaw({ encryption, ...spec }: CreateVmFromRawSpec): Promise<VmInfo> {
    return this.#make(() => this.#options.store.createVmFromRaw(given(spec)), encryption);
  }

  /** Copies a VM from a directory. */
  import({ directory, ...target }: ImportVmSpec): Promise<VmInfo> {
    return this.#make(() => this.#options.store.importVm(directory, given(target)), undefined);
  }

  /** Encrypts a powered-off VM. */
  encrypt(id: string, { key, disks }: EncryptVmSpec): Promise<VmInfo> {
    return this.#operate(id, 'encrypt', async (vm) => {
      requirePoweredOff(vm);
      await this.#encrypt(vm, key, disks ?? 'all');
    });
  }

  /** Decrypts a powered-off VM or some of its disks. */
  decrypt(id: string, disks: DiskSelection = 'all'): Promise<VmInfo> {
    return this.#operate(id, 'decrypt', (vm) => {
      requirePoweredOff(vm);
      return this.#withVmKeys(vm, [], ({ lend }) => vm.decrypt(lend, disks));
    });
  }

  /** Gives a VM another key. */
  recrypt(id: string, { kind, newKeyId }: RecryptVmSpec): Promise<VmInfo> {
    return this.#operate(id, 'recrypt', (vm) => {
      if (kind === 'deep') requirePoweredOff(vm);
      return this.#withVmKeys(vm, [newKeyId], async (keys) => {
        const kek = await firstKey(keys);
        if (kind === 'deep') await vm.deepRecrypt(keys.lend, kek);
        else await vm.shallowRecrypt(keys.lend, kek);
      });
    });
  }

  /** Powers a VM on; a VM whose key cannot be had is locked from then on. */
  powerOn(id: string): Promise<VmInfo> {
    return this.#operate(id, 'powerOn', async (vm) => {
      if (vm.powerState === 'poweredOn') throw invalidPowerState(vm, 'poweredOff');
      try {
        await this.#withVmKeys(vm, [], ({ lend }) => vm.powerOn(lend));
      } catch (error) {
        if (error instanceof VimFault && error.is('EncryptionKeyRequired')) vm.lock();
        throw error;
      }
    });
  }

  /** Powers a running or suspended VM off. */
  powerOff(id: string): Promise<VmInfo> {
    return this.#operate(id, 'powerOff', (vm) => {
      if (vm.powerState === 'poweredOff') throw invalidPowerState(vm, 'poweredOn');
      return vm.powerOff();
    });
  }

  /** Boots a running VM anew; it needs no key again. */
  reset(id: string): Promise<VmInfo> {
    return this.#operate(id, 'reset', (vm) => {
      requirePoweredOn(vm);
      return vm.reset();
    });
  }

  /** Saves the memory of a running VM and stops it. */
  suspend(id: string): Promise<VmInfo> {
    return this.#operate(id, 'suspend', (vm) => {
      requirePoweredOn(vm);
      return vm.suspend();
    });
  }

  /** Tries the keys of a locked VM. */
  unlock(id: string): Promise<VmInfo> {
    return this.#operate(id, 'unlock', (vm) =>
      this.#withVmKeys(vm, [], async ({ lend }) => {
        if (vm.powerState !== 'poweredOn') await vm.unlock(lend);
      }),
    );
  }

  /** Removes a powered-off VM. */
  async destroy(id: string): Promise<void> {
    await this.exclusively(id, 'destroy', async (vm) => {
      requirePoweredOff(vm);
      await this.#options.store.destroyVm(id);
    });
  }

  /** Sets encrypted vMotion of an unencrypted VM. */
  setMigrateEncryption(id: string, mode: MigrateEncryption): Promise<VmInfo> {
    return this.#operate(id, 'reconfigure', (vm) => vm.setMigrateEncryption(mode));
  }

  /** Copies a VM on this host, under another key if asked to; if that fails there is no copy. */
  clone(id: string, { recryptKey, encryption, ...target }: CloneVmSpec): Promise<VmInfo> {
    return this.exclusively(id, 'clone', (source) => {
      const newKeys = recryptKey ? [recryptKey] : [];
      return this.#withVmKeys(source, newKeys, (keys) =>
        this.#make(async () => {
          const clone = await this.#options.store.cloneVm(id, given(target));
          await this.#undoneOnFailure(clone, async () => {
            if (recryptKey) await clone.deepRecrypt(keys.lend, await firstKey(keys));
            else if (clone.encrypted) await clone.unlock(keys.lend);
          });
          return clone;
        }, encryption),
      );
    });
  }

  /** Moves a powered-off VM to another datastore of this host. */
  relocate(id: string, datastore: string): Promise<VmInfo> {
    return this.#operate(id, 'relocate', () => this.#options.store.moveVm(id, datastore));
  }

  /** Files at rest. */
  files(id: string): Promise<VmFile[]> {
    return this.vm(id).fileInfo();
  }

  /** What the guest of a powered-on VM does; it runs beside operations. */
  async withGuest<T>(id: string, work: (guest: RunningGuest) => Promise<T>): Promise<T> {
    const vm = this.vm(id);
    const { guest } = vm;
    if (!guest) throw invalidPowerState(vm, 'poweredOn');
    try {
      return await work(guest);
    } catch (error) {
      throw vmFaultOf(error, id);
    }
  }

  /**
   * Unlocks VMs whose keys are there and locks those whose keys are gone; called when keys or providers change.
   * A running VM is left alone: it holds what it needs.
   */
  async refreshLocks(): Promise<void> {
    for (const vm of this.#options.store.list()) {
      if (!vm.encrypted || vm.powerState === 'poweredOn' || this.#busy.has(vm.id)) continue;
      if (!this.#allPresent(vm)) vm.lock();
      else if (vm.info().cryptoState === 'locked') await this.#tryUnlock(vm);
    }
  }

  /** Whether a running VM is encrypted with that key. */
  isKeyInUse(id: CryptoKeyId): boolean {
    return this.#options.store
      .list()
      .some((vm) => vm.powerState === 'poweredOn' && vm.requiredKeys.some((key) => sameKeyId(key, id)));
  }

  /**
   * Runs `work` as the one operation of its VM.
   *
   * @throws VimFault `TaskInProgress`, `ManagedObjectNotFound`, and failures of the VM layer as faults
   */
  async exclusively<T>(id: string, operation: string, work: (vm: VirtualMachine) => Promise<T>): Promise<T> {
    const vm = this.vm(id);
    const running = this.#busy.get(id);
    if (running !== undefined) {
      throw taskInProgress(id, `The VM is busy with ${running}: try again when that has ended.`);
    }
    this.#busy.set(id, operation);
    try {
      return await work(vm);
    } catch (error) {
      throw vmFaultOf(error, id);
    } finally {
      this.#busy.delete(id);
    }
  }

  #operate(id: string, operation: string, work: (vm: VirtualMachine) => Promise<void>): Promise<VmInfo> {
    return this.exclusively(id, operation, async (vm) => {
      await work(vm);
      return vm.info();
    });
  }

  async #make(make: () => Promise<VirtualMachine>, encryption: EncryptVmSpec | undefined): Promise<VmInfo> {
    try {
      if (encryption) this.#options.mode.requireSafe();
      const vm = await make();
      if (encryption) {
        await this.#undoneOnFailure(vm, () => this.#encrypt(vm, encryption.key, encryption.disks ?? 'all'));
      }
      return vm.info();
    } catch (error) {
      throw vmFaultOf(error);
    }
  }

  async #undoneOnFailure(vm: VirtualMachine, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      await this.#options.store.destroyVm(vm.id);
      throw error;
    }
  }

  #encrypt(vm: VirtualMachine, key: CryptoKeyId, disks: DiskSelection): Promise<void> {
    this.#options.mode.requireSafe();
    return this.#options.keys.withKeys([key], async (keys) => vm.encrypt(await firstKey(keys), disks));
  }

  /** Lends the new keys asked for and all keys that the VM needs; an unencrypted VM needs none. */
  #withVmKeys<T>(
    vm: VirtualMachine,
    newKeys: readonly CryptoKeyId[],
    work: (keys: LentKeys) => Promise<T>,
  ): Promise<T> {
    const needed = [...newKeys, ...vm.requiredKeys];
    if (needed.length > 0) this.#options.mode.requireSafe();
    return this.#options.keys.withKeys(needed, work);
  }

  #allPresent(vm: VirtualMachine): boolean {
    const { keys, mode } = this.#options;
    return mode.state === 'safe' && keys.status(vm.requiredKeys).every(({ present }) => present);
  }

  async #tryUnlock(vm: VirtualMachine): Promise<void> {
    try {
      await this.#options.keys.withKeys(vm.requiredKeys, ({ lend }) => vm.unlock(lend));
    } catch (error) {
      this.#options.log.warn({ err: error, vm: vm.id }, 'the VM stays locked');
    }
  }
}

/** The key that was asked for first: the one to encrypt with. */
async function firstKey({ ids, lend }: LentKeys): Promise<NamedKek> {
  const [id] = ids;
  if (!id) throw new VimFault('InvalidArgument', 'Give the id of the key to encrypt with.');
  return { id, key: await lend(id) };
}

function requirePoweredOff(vm: VirtualMachine): void {
  if (vm.powerState !== 'poweredOff') throw invalidPowerState(vm, 'poweredOff');
}

function requirePoweredOn(vm: VirtualMachine): void {
  if (vm.powerState !== 'poweredOn') throw invalidPowerState(vm, 'poweredOn');
}

function invalidPowerState(
  vm: VirtualMachine,
  requestedState: EnumerationValue<'VirtualMachinePowerState'>,
): VimFault {
  return new VimFault(
    'InvalidPowerState',
    `The VM is ${vm.powerState}, and this needs it ${requestedState}.`,
    { fields: { requestedState, existingState: vm.powerState } },
  );
}

/** Without the members that are undefined, which zod's optional fields may be. */
function given<T extends object>(spec: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(spec).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
