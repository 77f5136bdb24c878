import type { MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { referenceOf } from '../inventory/entities.js';
import type { Caller } from './caller.js';
import { principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

const ALLOCATION: VimObject<'ResourceAllocationInfo'> = {
  _typeName: 'ResourceAllocationInfo',
  reservation: 0,
  expandableReservation: true,
  limit: -1,
  shares: { _typeName: 'SharesInfo', shares: 4000, level: 'normal' },
};

const CONFIG: VimObject<'ResourceConfigSpec'> = {
  _typeName: 'ResourceConfigSpec',
  cpuAllocation: ALLOCATION,
  memoryAllocation: ALLOCATION,
};

const USAGE: VimObject<'ResourcePoolResourceUsage'> = {
  _typeName: 'ResourcePoolResourceUsage',
  reservationUsed: 0,
  reservationUsedForVm: 0,
  unreservedForPool: 0,
  unreservedForVm: 0,
  overallUsage: 0,
  maxUsage: 0,
};

const RUNTIME: VimObject<'ResourcePoolRuntimeInfo'> = {
  _typeName: 'ResourcePoolRuntimeInfo',
  memory: USAGE,
  cpu: USAGE,
  overallStatus: 'green',
};

/** ResourcePool: only the root pools that clusters and standalone hosts have; resources are not shared out. */
export const RESOURCE_POOL_METHODS: MethodHandlers<Caller, 'ResourcePool'> = {
  CreateChildVM_Task(caller, self, { config, host }) {
    const { vcenter } = caller;
    const pool = vcenter.inventory.require('ResourcePool', self);
    const folder = vcenter.inventory.datacenterOf(pool.moid)?.vmFolder ?? '';
    return vcenter.tasks.start(
      {
        entity: pool,
        shared: true,
        descriptionId: 'ResourcePool.createVm',
        userName: principalOf(caller).name,
      },
      async () =>
        referenceOf(await vcenter.vms.create(principalOf(caller), { config, folder, pool: self, host })),
    );
  },
};

/** Properties of ResourcePool. */
export const RESOURCE_POOL_PROPERTIES: PropertyReaders<'ResourcePool'> = {
  owner({ vcenter: { inventory } }, self) {
    const pool = inventory.require('ResourcePool', self);
    const compute = inventory.computeOf(pool.moid);
    return referenceOf(compute ?? { type: 'ComputeResource', moid: pool.parent ?? '' });
  },
  vm({ vcenter: { inventory } }, self) {
    const compute = inventory.computeOf(self.value);
    const hosts = compute ? inventory.hostsOf(compute.moid) : [];
    return hosts.flatMap((host) => inventory.vmsOn(host.moid)).map(referenceOf);
  },
  resourcePool: () => [],
  config: () => CONFIG,
  runtime: () => RUNTIME,
  summary: ({ vcenter }, self) => ({
    _typeName: 'ResourcePoolSummary',
    name: vcenter.inventory.require('ResourcePool', self).name,
    config: CONFIG,
    runtime: RUNTIME,
  }),
};
