import type { ManagedObjectReference, MethodHandlers } from '../../wire/vim25/index.js';
import type { VirtualMachineEntity } from '../inventory/entities.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { PowerChange } from '../virtual-machines/virtual-machines.js';
import type { Caller } from './caller.js';
import { demand, principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';
import { capabilityInfo, configInfo, runtimeInfo, summaryInfo } from './virtual-machine-info.js';

/** VirtualMachine: encryption, power, migration and cloning. */
export const VIRTUAL_MACHINE_METHODS: MethodHandlers<Caller, 'VirtualMachine'> = {
  async ReconfigVM_Task(caller, self, { spec }) {
    const vm = await caller.vcenter.vms.fresh(self.value);
    const { reconfiguration } = caller.vcenter;
    const checked = reconfiguration.check(vm, principalOf(caller), spec);
    return start(caller, vm, 'VirtualMachine.reconfigure', async () => {
      await reconfiguration.apply(vm, principalOf(caller), checked);
    });
  },
  PowerOnVM_Task: (caller, self) => changePower(caller, self, 'powerOn'),
  PowerOffVM_Task: (caller, self) => changePower(caller, self, 'powerOff'),
  SuspendVM_Task: (caller, self) => changePower(caller, self, 'suspend'),
  ResetVM_Task: (caller, self) => changePower(caller, self, 'reset'),
  async CryptoUnlock_Task(caller, self) {
    const vm = await caller.vcenter.vms.fresh(self.value);
    return start(caller, vm, 'VirtualMachine.cryptoUnlock', () => caller.vcenter.vms.unlock(vm));
  },
  async RelocateVM_Task(caller, self, { spec }) {
    const vm = await caller.vcenter.vms.fresh(self.value);
    return caller.vcenter.migrations.start(caller, { operation: 'migrate', vm, spec });
  },
  async MigrateVM_Task(caller, self, { pool, host }) {
    const vm = await caller.vcenter.vms.fresh(self.value);
    demand(caller, self, vm.info.powerState === 'poweredOn' ? 'Resource.HotMigrate' : 'Resource.ColdMigrate');
    const spec = { _typeName: 'VirtualMachineRelocateSpec', pool, host } as const;
    return caller.vcenter.migrations.start(caller, { operation: 'migrate', vm, spec });
  },
  async CloneVM_Task(caller, self, { folder, name, spec }) {
    const vm = await caller.vcenter.vms.fresh(self.value);
    return caller.vcenter.migrations.startClone(caller, vm, folder, name, spec);
  },
};

/** Properties of VirtualMachine. */
export const VIRTUAL_MACHINE_PROPERTIES: PropertyReaders<'VirtualMachine'> = {
  config: (caller, self) => configInfo(caller.vcenter, vmOf(caller, self)),
  runtime: (caller, self) => runtimeInfo(caller.vcenter, vmOf(caller, self)),
  summary: (caller, self) => summaryInfo(caller.vcenter, vmOf(caller, self)),
  capability: () => capabilityInfo(),
  overallStatus: (caller, self) => (vmOf(caller, self).info.cryptoState === 'locked' ? 'red' : 'green'),
  resourcePool(caller, self) {
    const compute = caller.vcenter.inventory.computeOf(vmOf(caller, self).host);
    return compute && referenceTo('ResourcePool', compute.resourcePool);
  },
  datastore(caller, self) {
    const { host, info } = vmOf(caller, self);
    const names = new Set([info.datastore, ...info.disks.map((disk) => disk.datastore)]);
    return caller.vcenter.inventory
      .datastoresOf(host)
      .filter((datastore) => names.has(datastore.name))
      .map(referenceOf);
  },
  network: () => [],
  rootSnapshot: () => [],
  guestHeartbeatStatus: () => 'gray',
  guest: () => ({ _typeName: 'GuestInfo', toolsStatus: 'toolsNotInstalled', guestState: 'notRunning' }),
};

function vmOf(caller: Caller, self: ManagedObjectReference): VirtualMachineEntity {
  return caller.vcenter.inventory.require('VirtualMachine', self);
}

async function changePower(
  caller: Caller,
  self: ManagedObjectReference,
  does: PowerChange,
): Promise<ManagedObjectReference> {
  const vm = await caller.vcenter.vms.fresh(self.value);
  return start(caller, vm, `VirtualMachine.${does}`, () => caller.vcenter.vms[does](vm, principalOf(caller)));
}

function start(
  caller: Caller,
  vm: VirtualMachineEntity,
  descriptionId: string,
  work: () => Promise<void>,
): ManagedObjectReference {
  const userName = principalOf(caller).name;
  return caller.vcenter.tasks.start({ entity: vm, descriptionId, userName }, async () => {
    await work();
    return undefined;
  });
}
