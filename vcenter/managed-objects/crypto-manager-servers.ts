import type { ManagedObjectReference, MethodHandlers, VimObject } from '../../wire/vim25/index.js';
import { MANAGEMENT_TYPE_BITS, VimFault, boxed } from '../../wire/vim25/index.js';
import type { ClusterEntity } from '../inventory/entities.js';
import { referenceOf } from '../inventory/entities.js';
import type { KeyProvider } from '../key-providers/key-provider.js';
import { providerFault } from '../key-providers/key-providers.js';
import type { KmipServerRecord } from '../key-providers/standard-record.js';
import type { Caller } from './caller.js';
import { principalOf } from './caller.js';

const DEFAULT_PORT = 5696;

/** Bit of ListKmsClusters' filter for each kind of provider that this vCenter has registered. */
const KIND_BITS = {
  standard: MANAGEMENT_TYPE_BITS.vCenter,
  trusted: MANAGEMENT_TYPE_BITS.trustedRegistered,
  native: MANAGEMENT_TYPE_BITS.nativeProvider,
} as const;

/** CryptoManagerKmip: key providers and their key servers. */
export const KMIP_SERVER_METHODS: MethodHandlers<Caller, 'CryptoManagerKmip'> = {
  async RegisterKmipServer({ vcenter }, _self, { server }) {
    await vcenter.providers.registerServer(server.clusterId.id, serverRecord(server));
    if (vcenter.providers.defaultName === undefined) await vcenter.providers.setDefault(server.clusterId.id);
    return undefined;
  },
  async UpdateKmipServer({ vcenter }, _self, { server }) {
    await vcenter.providers.updateServer(server.clusterId.id, serverRecord(server));
    return undefined;
  },
  async RemoveKmipServer({ vcenter }, _self, { clusterId, serverName }) {
    await vcenter.providers.removeServer(clusterId.id, serverName);
    return undefined;
  },
  /** Providers of every kind, as govc's kms.ls expects to find native ones here too. */
  async ListKmipServers(caller, _self, { limit }) {
    return (await listClusters(caller, { withServers: true })).slice(0, limit);
  },
  ListKmsClusters: (caller, _self, { includeKmsServers, managementTypeFilter }) =>
    listClusters(caller, { withServers: includeKmsServers ?? false, bits: managementTypeFilter }),
  async RegisterKmsCluster({ vcenter }, _self, { clusterId, managementType }) {
    if (managementType !== 'trustAuthority') {
      throw new VimFault(
        'InvalidArgument',
        'Only trusted key providers are registered so: managementType is trustAuthority. Register a KMIP server for a standard one, and create a native one with POST /api/vcenter/crypto-manager/kms/providers.',
        { fields: { invalidProperty: 'managementType' } },
      );
    }
    await vcenter.providers.registerTrusted(clusterId.id);
    await vcenter.topology.pushAllTrustedServices();
    return undefined;
  },
  async UnregisterKmsCluster({ vcenter }, _self, { clusterId }) {
    await vcenter.providers.remove(clusterId.id);
    await vcenter.topology.pushAllTrustedServices();
    return undefined;
  },
  async MarkDefault({ vcenter }, _self, { clusterId }) {
    await vcenter.providers.setDefault(clusterId.id);
    return undefined;
  },
  async SetDefaultKmsCluster(caller, _self, { entity, clusterId }) {
    const { providers, inventory } = caller.vcenter;
    const cluster = entity && clusterOf(caller, entity);
    if (!cluster) {
      await providers.setDefault(clusterId?.id);
      return undefined;
    }
    const { defaultProvider: _, ...rest } = cluster;
    if (clusterId) providers.checkClusterDefault(await providers.require(clusterId.id));
    inventory.put({ ...rest, ...(clusterId && { defaultProvider: clusterId.id }) });
    return undefined;
  },
  GetDefaultKmsCluster(caller, _self, { entity, defaultsToParent }) {
    const { providers } = caller.vcenter;
    const cluster = entity && clusterOf(caller, entity);
    const own = cluster ? cluster.defaultProvider : providers.defaultName;
    const name = own ?? (defaultsToParent === true ? providers.defaultName : undefined);
    return name === undefined ? undefined : { _typeName: 'KeyProviderId', id: name };
  },
  async IsKmsClusterActive({ vcenter }, _self, { cluster }) {
    const name = cluster?.id ?? vcenter.providers.defaultName;
    if (name === undefined) return false;
    const { overallStatus } = await (await vcenter.providers.require(name)).status();
    return overallStatus !== 'red';
  },
  async RetrieveKmipServersStatus_Task(caller, _self, { clusters }) {
    const { providers, tasks } = caller.vcenter;
    const asked = clusters?.map(({ clusterId }) => clusterId.id);
    const chosen = asked
      ? await Promise.all(asked.map((name) => providers.require(name)))
      : await providers.list();
    return tasks.start(
      { descriptionId: 'CryptoManagerKmip.retrieveKmipServersStatus', userName: principalOf(caller).name },
      async () =>
        boxed(
          'CryptoManagerKmipClusterStatus[]',
          await Promise.all(chosen.map((provider) => provider.status())),
        ),
    );
  },
};

/** `KmipClusterInfo` of all providers. */
export async function listClusters(
  { vcenter }: Caller,
  wanted: { readonly withServers: boolean; readonly bits?: number | undefined },
): Promise<readonly VimObject<'KmipClusterInfo'>[]> {
  const { providers, inventory } = vcenter;
  const clusters = inventory.ofType('ClusterComputeResource');
  const all = await providers.list().catch((error: unknown) => {
    throw providerFault(error);
  });
  const { bits } = wanted;
  return Promise.all(
    all
      .filter(({ kind }) => bits === undefined || (bits & KIND_BITS[kind]) !== 0)
      .map(async (provider: KeyProvider) => {
        const info = await provider.info();
        const { servers, ...rest } = info;
        return {
          ...rest,
          ...(wanted.withServers && servers && { servers }),
          useAsDefault: providers.defaultName === provider.name,
          useAsEntityDefault: clusters
            .filter(({ defaultProvider }) => defaultProvider === provider.name)
            .map(referenceOf),
        };
      }),
  );
}

function serverRecord({ info, password }: VimObject<'KmipServerSpec'>): KmipServerRecord {
  if (info.proxyAddress !== undefined && info.proxyAddress !== '') {
    throw new VimFault('NotSupported', 'Key servers are reached without a proxy; leave proxyAddress out.');
  }
  const port = info.port === 0 ? DEFAULT_PORT : info.port;
  if (info.name === '' || info.name.length > 255 || info.address === '' || port < 1 || port > 65_535) {
    throw new VimFault('InvalidArgument', 'A key server has a name, an address and a port from 1 to 65535.', {
      fields: { invalidProperty: 'server.info' },
    });
  }
  return {
    name: info.name,
    address: info.address,
    port,
    ...(info.userName !== undefined && info.userName !== '' && { userName: info.userName }),
    ...(password !== undefined && { password }),
    ...(info.timeout !== undefined && { timeoutMs: Math.min(Math.max(info.timeout, 1), 600) * 1000 }),
  };
}

/** The cluster that an entity is; undefined for the root folder, which stands for the whole vCenter. */
function clusterOf({ vcenter }: Caller, entity: ManagedObjectReference): ClusterEntity | undefined {
  const found = vcenter.inventory.requireAny(entity);
  if (found.type === 'ClusterComputeResource') return found;
  if (found.parent === undefined) return undefined;
  throw new VimFault('InvalidArgument', 'Defaults are set for a cluster, or for the root folder.', {
    fields: { invalidProperty: 'entity' },
  });
}
