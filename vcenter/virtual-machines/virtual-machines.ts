import type { EncryptVmSpec, ImportVmSpec, VmInfo } from '../../host-agent/client.js';
import type { ManagedObjectReference } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { Principal } from '../access/authorization.js';
import type { CryptoRequest } from '../crypto/crypto-spec.js';
import { hostFault } from '../hosts/hosts.js';
import type { HostEntity, VirtualMachineEntity } from '../inventory/entities.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import { hostFacts } from '../migration/host-facts.js';
import { precheck } from '../migration/rules.js';
import type { ProviderKind } from '../migration/rule-facts.js';
import { refuseIfViolated } from '../migration/violations.js';
import type { Vcenter } from '../vcenter.js';
import type { ConfigSpec, VmSpec } from './config-spec.js';
import { mergePolicies, readCreateSpec } from './config-spec.js';
import type { Placement } from './placement.js';
import { choosePlacement } from './placement.js';

/** Where a new VM is to be made. */
export interface CreateRequest {
  readonly config: ConfigSpec;
  /** Moid of the VM folder. */
  readonly folder: string;
  readonly pool: ManagedObjectReference;
  readonly host?: ManagedObjectReference | undefined;
}

/** What is imported from a directory or a raw image of the host's machine (own choice). */
export interface ImportRequest {
  readonly folder?: string | undefined;
  readonly host: ManagedObjectReference;
  readonly datastore?: string | undefined;
  readonly source:
    | { readonly directory: string; readonly name?: string | undefined }
    | { readonly image: string; readonly name: string; readonly memoryMiB: number };
}

/** First device key of disks, as vSphere numbers them. */
const FIRST_DISK_KEY = 2000;

/** Changes of a VM's power, as tasks call them. */
export type PowerChange = 'powerOn' | 'powerOff' | 'suspend' | 'reset';

/** Makes, powers and removes VMs; the hosts do the work, with the keys that they need. */
export class VirtualMachines {
  readonly #vcenter: Vcenter;

  constructor(vcenter: Vcenter) {
    this.#vcenter = vcenter;
  }

  /** Makes a VM, encrypted if its specification says so. @throws VimFault */
  async create(principal: Principal, request: CreateRequest): Promise<VirtualMachineEntity> {
    const { inventory, context, events } = this.#vcenter;
    const spec = readCreateSpec(request.config);
    const name = spec.name ?? 'New Virtual Machine';
    inventory.checkName(request.folder, name);
    const place = choosePlacement(this.#vcenter, { ...request, datastoreName: spec.datastore });
    const id = context.rng.uuid();
    const encryption = await this.#encryptionOfNew(principal, spec, {
      place,
      folder: request.folder,
      id,
      name,
    });
    const info = await this.#vcenter.supply.withKeys(place.host, () =>
      this.#client(place.host).createVm({
        name,
        datastore: place.datastore,
        ...(spec.memoryMiB !== undefined && { memoryMiB: spec.memoryMiB }),
        disks: spec.newDisks.map(({ capacityBytes }) => ({ capacityBytes })),
        ...(encryption && { encryption }),
        ...(!encryption && spec.migrateEncryption && { migrateEncryption: spec.migrateEncryption }),
      }),
    );
    const vm = this.#vcenter.hosts.vms.put(place.host, info, { folder: request.folder });
    const edited = spec.newDisks.map((disk, index) => ({ ...disk, key: FIRST_DISK_KEY + index }));
    const kept = inventory.put({
      ...vm,
      ...(spec.storagePolicy !== undefined && { storagePolicy: spec.storagePolicy }),
      diskStoragePolicies: mergePolicies([], edited),
    });
    events.post('VmCreatedEvent', {
      vm,
      host: place.host,
      userName: principal.name,
      message: `Created ${name}.`,
    });
    return kept;
  }

  /** Takes a VM, or a disk image, that lies on the host's machine. @throws VimFault */
  async import(principal: Principal, request: ImportRequest): Promise<VirtualMachineEntity> {
    const { inventory, authorization, events } = this.#vcenter;
    const place = choosePlacement(this.#vcenter, { host: request.host, datastoreName: request.datastore });
    const folder = request.folder ?? inventory.datacenterOf(place.host.moid)?.vmFolder ?? '';
    authorization.demand(principal, referenceTo('Folder', folder), 'VirtualMachine.Inventory.Register');
    if (request.source.name !== undefined) inventory.checkName(folder, request.source.name);
    const client = this.#client(place.host);
    const common = { datastore: place.datastore };
    const info = await this.#onHost(place.host, () =>
      'directory' in request.source
        ? client.importVm({ ...common, ...(request.source as Pick<ImportVmSpec, 'directory'>) })
        : client.createVmFromRaw({ ...common, ...request.source }),
    );
    const vm = this.#vcenter.hosts.vms.put(place.host, info, { folder });
    const message = `Registered ${vm.name} on ${place.host.name}.`;
    events.post('VmRegisteredEvent', { vm, host: place.host, userName: principal.name, message });
    return vm;
  }

  /** A VM after its host was asked how it is now, and was given what it lost if it has booted. @throws VimFault */
  async fresh(moid: string): Promise<VirtualMachineEntity> {
    const { inventory, hosts } = this.#vcenter;
    const host = inventory.get(inventory.require('VirtualMachine', moid).host);
    if (host?.type === 'HostSystem') {
      await hosts.refresh(host);
      await hosts.whenSettled(host.moid);
    }
    return inventory.require('VirtualMachine', moid);
  }

  /** Powers a VM on; keys that its host lost are fetched and pushed again. @throws VimFault */
  async powerOn(vm: VirtualMachineEntity, principal: Principal): Promise<void> {
    const host = this.hostOf(vm);
    await this.checkPowerOn(vm, host);
    if (vm.info.keyId) await this.#makeSafe(principal, host, vm.info.keyId.providerId?.id);
    const info = await this.#vcenter.supply.withKeys(host, () => this.#client(host).powerOn(vm.uuid));
    this.#told(host, info);
    this.#posted('VmPoweredOnEvent', vm, host, principal, 'powered on');
  }

  /** Powers a running or suspended VM off. @throws VimFault `InvalidPowerState` */
  async powerOff(vm: VirtualMachineEntity, principal: Principal): Promise<void> {
    const host = this.hostOf(vm);
    this.#told(host, await this.#onHost(host, () => this.#client(host).powerOff(vm.uuid)));
    this.#posted('VmPoweredOffEvent', vm, host, principal, 'powered off');
  }

  /** Saves the memory of a running VM and stops it. @throws VimFault `InvalidPowerState` */
  async suspend(vm: VirtualMachineEntity, principal: Principal): Promise<void> {
    const host = this.hostOf(vm);
    this.#told(host, await this.#onHost(host, () => this.#client(host).suspend(vm.uuid)));
    this.#posted('VmSuspendedEvent', vm, host, principal, 'suspended');
  }

  /** Boots a running VM anew; its host has the keys still. @throws VimFault `InvalidPowerState` */
  async reset(vm: VirtualMachineEntity, principal: Principal): Promise<void> {
    const host = this.hostOf(vm);
    this.#told(host, await this.#onHost(host, () => this.#client(host).reset(vm.uuid)));
    this.#posted('VmResettingEvent', vm, host, principal, 'reset');
  }

  /** Makes a locked VM usable again, once its key can be had. @throws VimFault `EncryptionKeyRequired` */
  async unlock(vm: VirtualMachineEntity): Promise<void> {
    const host = this.hostOf(vm);
    this.#told(host, await this.#vcenter.supply.withKeys(host, () => this.#client(host).unlock(vm.uuid)));
  }

  /** Removes a VM with its files. @throws VimFault `InvalidPowerState` */
  async destroy(vm: VirtualMachineEntity, principal: Principal): Promise<void> {
    const host = this.hostOf(vm);
    await this.#onHost(host, () => this.#client(host).destroyVm(vm.uuid));
    this.#vcenter.inventory.remove(vm.moid);
    this.#vcenter.authorization.forget(vm.moid);
    const message = `Removed ${vm.name} from ${host.name}.`;
    this.#vcenter.events.post('VmRemovedEvent', { vm, host, userName: principal.name, message });
  }

  /** Checks that a host may power a VM on. @throws VimFault as EXT-5 says */
  async checkPowerOn(vm: VirtualMachineEntity, host: HostEntity): Promise<void> {
    const keyProviders = await this.keyProvidersOf(vm);
    if (keyProviders.some(({ kind }) => kind === 'trusted')) {
      // an attestation that has run out is renewed before it is judged; one that fails is what is judged
      await this.#client(host)
        .attest()
        .catch(() => undefined);
    }
    const state = await this.#vcenter.hosts.refresh(host);
    const facts = {
      vm: vm.name,
      alreadyRunning: vm.info.powerState === 'poweredOn',
      keyProviders,
      host: hostFacts(this.#vcenter.inventory, host, state),
    };
    refuseIfViolated(precheck('powerOn', facts, undefined));
  }

  /** Providers of the keys of a VM's home and disks, each once; one that is not there counts as standard. */
  async keyProvidersOf(
    vm: VirtualMachineEntity,
  ): Promise<readonly { readonly name: string; readonly kind: ProviderKind }[]> {
    const ids = [vm.info.keyId, ...vm.info.disks.map(({ keyId }) => keyId)];
    const names = new Set(ids.flatMap((id) => (id ? [id.providerId?.id ?? ''] : [])));
    return Promise.all(
      [...names].map(async (name) => ({
        name,
        kind: (await this.#vcenter.providers.find(name))?.kind ?? this.#kindAtHost(vm, name),
      })),
    );
  }

  /** The host that a VM is on. @throws VimFault `HostNotConnected` */
  hostOf(vm: VirtualMachineEntity): HostEntity {
    const host = this.#vcenter.inventory.require('HostSystem', vm.host);
    this.#vcenter.hosts.requireConnected(host);
    return host;
  }

  /** A provider that this vCenter does not know (any more) may still be known to the host. */
  #kindAtHost(vm: VirtualMachineEntity, name: string): ProviderKind {
    const found = this.#vcenter.hosts.state(vm.host).providers.find(({ provider }) => provider === name);
    if (!found) return 'standard';
    return found.type === 'NATIVE' ? 'native' : 'trusted';
  }

  async #encryptionOfNew(
    principal: Principal,
    spec: VmSpec,
    made: { readonly place: Placement; readonly folder: string; readonly id: string; readonly name: string },
  ): Promise<EncryptVmSpec | undefined> {
    const wanted: CryptoRequest | undefined = spec.crypto;
    const diskWishes = spec.newDisks.map(({ crypto }) => crypto);
    if (!wanted) {
      if (diskWishes.some((wish) => wish?.change === 'encrypt')) throw homeNotEncrypted();
      return undefined;
    }
    if (wanted.change !== 'encrypt') {
      throw new VimFault(
        'InvalidVmConfig',
        'A new VM can only be encrypted; there is nothing else to change.',
        {
          fields: { property: 'crypto' },
          faultMessage: [
            { key: 'msg.hostd.configSpec.enc.notEncrypted', message: 'The VM is not encrypted yet.' },
          ],
        },
      );
    }
    const facts = {
      vm: made.name,
      encryptedBefore: false,
      crypto: 'encrypt',
      modeBefore: 'opportunistic',
      requestedMode: spec.migrateEncryption,
    } as const;
    const plan = { mode: 'required', recorded: 'opportunistic' } as const;
    refuseIfViolated(precheck('reconfigure', facts, plan));
    const folder = referenceTo('Folder', made.folder);
    this.#vcenter.authorization.demand(principal, folder, 'Cryptographer.EncryptNew');
    await this.#makeSafe(principal, made.place.host, wanted.key?.providerId?.id);
    const owner = { component: 'Virtual Machine', identifier: made.id, name: made.name } as const;
    const key = await this.#vcenter.supply.keyFor(made.place.host, wanted.key, owner);
    const chosen = diskWishes.some((wish) => wish !== undefined);
    const keys = diskWishes.flatMap((wish, index) =>
      wish?.change === 'encrypt' ? [FIRST_DISK_KEY + index] : [],
    );
    return { key, disks: chosen ? keys : 'all' };
  }

  async #makeSafe(principal: Principal, host: HostEntity, provider: string | undefined): Promise<void> {
    const { state } = await this.#onHost(host, () => this.#client(host).cryptoState());
    if (state === 'safe') return;
    this.#vcenter.authorization.demand(principal, referenceOf(host), 'Cryptographer.RegisterHost');
    await this.#vcenter.supply.makeSafe(host, provider);
  }

  #posted(
    name: 'VmPoweredOnEvent' | 'VmPoweredOffEvent' | 'VmSuspendedEvent' | 'VmResettingEvent',
    vm: VirtualMachineEntity,
    host: HostEntity,
    { name: userName }: Principal,
    what: string,
  ): void {
    const message = `${vm.name} on ${host.name} is ${what}.`;
    this.#vcenter.events.post(name, { vm, host, userName, message });
  }

  #told(host: HostEntity, info: VmInfo): void {
    this.#vcenter.hosts.vms.put(host, info);
  }

  #client(host: HostEntity): ReturnType<Vcenter['hosts']['client']> {
    return this.#vcenter.hosts.client(host);
  }

  async #onHost<T>(host: HostEntity, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      throw hostFault(host, error);
    }
  }
}

/** A disk can be encrypted only in a VM whose home is. */
export function homeNotEncrypted(): VimFault<'InvalidVmConfig'> {
  const message = 'Disks are encrypted only together with the VM: give the VM a crypto specification too.';
  return new VimFault('InvalidVmConfig', message, {
    fields: { property: 'crypto' },
    faultMessage: [{ key: 'msg.hostd.configSpec.enc.mismatch', message }],
  });
}
