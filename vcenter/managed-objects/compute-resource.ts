import type { MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { CLUSTER_CRYPTO_MODES, VimFault } from '../../wire/vim25/index.js';
import { referenceOf, referenceTo } from '../inventory/entities.js';
import type { Vcenter } from '../vcenter.js';
import type { Caller } from './caller.js';
import { principalOf } from './caller.js';
import type { PropertyReaders } from './property-table.js';

/** ClusterComputeResource: takes hosts, and decides when they become cryptographically safe. */
export const CLUSTER_METHODS: MethodHandlers<Caller, 'ClusterComputeResource'> = {
  AddHost_Task(caller, self, { spec, asConnected }) {
    const { vcenter } = caller;
    const cluster = vcenter.inventory.require('ClusterComputeResource', self);
    return vcenter.tasks.start(
      {
        entity: cluster,
        shared: true,
        descriptionId: 'ClusterComputeResource.addHost',
        userName: principalOf(caller).name,
      },
      async () =>
        referenceOf(await vcenter.topology.addHost(spec, { cluster: cluster.moid, connected: asConnected })),
    );
  },
  MoveInto_Task(caller, self, { host }) {
    const { vcenter } = caller;
    const cluster = vcenter.inventory.require('ClusterComputeResource', self);
    const moved = host.map((each) => vcenter.inventory.require('HostSystem', each));
    return vcenter.tasks.start(
      {
        entity: cluster,
        descriptionId: 'ClusterComputeResource.moveInto',
        userName: principalOf(caller).name,
      },
      async () => {
        for (const each of moved) await vcenter.topology.moveHost(each, cluster);
        return undefined;
      },
    );
  },
  async SetCryptoMode({ vcenter }, self, { cryptoMode }) {
    const mode = CLUSTER_CRYPTO_MODES.find((each) => each === cryptoMode);
    if (!mode) {
      throw new VimFault('InvalidArgument', `cryptoMode is one of ${CLUSTER_CRYPTO_MODES.join(', ')}.`, {
        fields: { invalidProperty: 'cryptoMode' },
      });
    }
    await vcenter.topology.setCryptoMode(vcenter.inventory.require('ClusterComputeResource', self), mode);
    return undefined;
  },
};

/** Properties that clusters and standalone hosts' compute resources share. */
export const COMPUTE_RESOURCE_PROPERTIES: PropertyReaders<'ComputeResource'> = {
  host: ({ vcenter }, self) => vcenter.inventory.hostsOf(self.value).map(referenceOf),
  resourcePool({ vcenter: { inventory } }, self) {
    const compute = inventory.computeOf(self.value);
    return compute && referenceTo('ResourcePool', compute.resourcePool);
  },
  datastore({ vcenter: { inventory } }, self) {
    return inventory.hostsOf(self.value).flatMap(({ moid }) => inventory.datastoresOf(moid).map(referenceOf));
  },
  network: () => [],
  summary: ({ vcenter }, self) => ({ _typeName: 'ComputeResourceSummary', ...summary(vcenter, self.value) }),
  configurationEx: () => ({
    _typeName: 'ComputeResourceConfigInfo',
    vmSwapPlacement: 'vmDirectory',
  }),
};

/** Properties of clusters. */
export const CLUSTER_PROPERTIES: PropertyReaders<'ClusterComputeResource'> = {
  configurationEx({ vcenter }, self) {
    const { cryptoMode, defaultProvider } = vcenter.inventory.require('ClusterComputeResource', self);
    return {
      _typeName: 'ClusterConfigInfoEx',
      vmSwapPlacement: 'vmDirectory',
      dasConfig: { _typeName: 'ClusterDasConfigInfo', enabled: false },
      drsConfig: { _typeName: 'ClusterDrsConfigInfo', enabled: false },
      cryptoConfig: {
        _typeName: 'ClusterCryptoConfigInfo',
        cryptoMode,
        ...(defaultProvider !== undefined && {
          policy: {
            _typeName: 'ClusterComputeResourceCryptoModePolicy',
            providerId: { _typeName: 'KeyProviderId', id: defaultProvider },
          },
        }),
      },
    };
  },
  summary: ({ vcenter }, self) => ({
    _typeName: 'ClusterComputeResourceSummary',
    ...summary(vcenter, self.value),
    currentFailoverLevel: 0,
    numVmotions: 0,
  }),
};

function summary(
  { inventory, hosts }: Vcenter,
  moid: string,
): Omit<VimObject<'ComputeResourceSummary'>, '_typeName'> {
  const all = inventory.hostsOf(moid);
  const connected = all.filter((host) => hosts.state(host.moid).connected).length;
  return {
    totalCpu: 0,
    totalMemory: 0,
    numCpuCores: 0,
    numCpuThreads: 0,
    effectiveCpu: 0,
    effectiveMemory: 0,
    numHosts: all.length,
    numEffectiveHosts: connected,
    overallStatus: connected === all.length ? 'green' : connected === 0 ? 'red' : 'yellow',
  };
}
