import type { HostAbout, VmInfo } from '../../host-agent/client.js';
import type { HostEntity, VirtualMachineEntity } from '../inventory/entities.js';
import type { Inventory } from '../inventory/inventory.js';

/** Where a VM is registered. */
export interface VmPlace {
  readonly folder?: string | undefined;
  readonly name?: string | undefined;
}

/** Keeps the inventory's VMs and datastores as the hosts, which own them, tell. */
export class VmRegister {
  readonly #inventory: Inventory;
  /** UUIDs of VMs that are between two hosts; what hosts tell of them does not count meanwhile. */
  readonly #moving = new Map<string, number>();

  constructor(inventory: Inventory) {
    this.#inventory = inventory;
  }

  /** Takes up all that a host tells: new VMs are registered, changed ones updated, gone ones removed. */
  take(host: HostEntity, about: HostAbout, vms: readonly VmInfo[]): void {
    this.#inventory.transaction(() => {
      this.#takeDatastores(host, about);
      const told = new Set(vms.map((vm) => vm.id));
      for (const vm of this.#inventory.vmsOn(host.moid)) {
        if (!told.has(vm.uuid) && !this.#moving.has(vm.uuid)) this.#inventory.remove(vm.moid);
      }
      for (const info of vms) {
        if (!this.#moving.has(info.id)) this.#takeVm(host, info);
      }
    });
  }

  /** Registers a VM on a host, or updates and moves the one of its UUID. */
  put(host: HostEntity, info: VmInfo, place: VmPlace = {}): VirtualMachineEntity {
    const known = this.#inventory.vmByUuid(info.id);
    if (known) {
      const parent = place.folder ?? this.#folderFor(host, known);
      return this.#inventory.put({ ...known, host: host.moid, parent, info, name: place.name ?? known.name });
    }
    return this.#inventory.transaction(() =>
      this.#inventory.put({
        type: 'VirtualMachine',
        moid: this.#inventory.nextMoid('VirtualMachine'),
        name: place.name ?? info.name,
        parent: place.folder ?? this.#inventory.datacenterOf(host.moid)?.vmFolder,
        uuid: info.id,
        host: host.moid,
        info,
      }),
    );
  }

  /** Marks a VM as being between two hosts; marks count, so each needs its {@link settled}. */
  moving(uuid: string): void {
    this.#moving.set(uuid, (this.#moving.get(uuid) ?? 0) + 1);
  }

  /** Takes one mark back. */
  settled(uuid: string): void {
    const marks = (this.#moving.get(uuid) ?? 0) - 1;
    if (marks > 0) this.#moving.set(uuid, marks);
    else this.#moving.delete(uuid);
  }

  isMoving(uuid: string): boolean {
    return this.#moving.has(uuid);
  }

  #takeVm(host: HostEntity, info: VmInfo): void {
    const known = this.#inventory.vmByUuid(info.id);
    if (known?.host !== host.moid) this.put(host, info);
    else if (JSON.stringify(known.info) !== JSON.stringify(info)) this.#inventory.put({ ...known, info });
  }

  #takeDatastores(host: HostEntity, about: HostAbout): void {
    const known = this.#inventory.datastoresOf(host.moid);
    const told = new Set(about.datastores.map(({ name }) => name));
    for (const datastore of known) {
      if (!told.has(datastore.name)) this.#inventory.remove(datastore.moid);
    }
    for (const name of told) {
      if (known.some((datastore) => datastore.name === name)) continue;
      const parent = this.#inventory.datacenterOf(host.moid)?.datastoreFolder;
      const moid = this.#inventory.nextMoid('Datastore');
      this.#inventory.put({ type: 'Datastore', moid, name, parent, host: host.moid });
    }
  }

  /** A VM keeps its folder within a datacenter, and gets the root folder of the new one beyond. */
  #folderFor(host: HostEntity, known: VirtualMachineEntity): string | undefined {
    const datacenter = this.#inventory.datacenterOf(host.moid);
    return this.#inventory.datacenterOf(known.moid)?.moid === datacenter?.moid
      ? known.parent
      : datacenter?.vmFolder;
  }
}
