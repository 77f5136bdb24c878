import type { CryptoKeyId, TrustedServiceSpec, TrustedServicesSpec } from '../../host-agent/client.js';
import type { ClusterCryptoMode, VimObject } from '../../wire/vim25/index.js';
import { CLUSTER_CRYPTO_MODES, VimFault } from '../../wire/vim25/index.js';
import type { Vcenter } from '../vcenter.js';
import type { Inventory } from './inventory.js';
import type {
  ClusterEntity,
  DatacenterEntity,
  Entity,
  HostEntity,
  TrustedClusterConfiguration,
  TrustedService,
} from './entities.js';

/** Hosts that one vCenter manages at most (vSphere configuration maximums). */
const HOST_LIMIT = 2500;
const DEFAULT_HOST_PORT = 443;

/** Where a new host goes. */
export type HostPlace =
  | { readonly cluster: string; readonly connected: boolean }
  | { readonly folder: string; readonly connected: boolean };

/** Makes and removes datacenters, clusters and hosts, and keeps hosts as their cluster wants them. */
export class Topology {
  readonly #vcenter: Vcenter;

  constructor(vcenter: Vcenter) {
    this.#vcenter = vcenter;
  }

  /** A datacenter with its four folders. @throws VimFault `DuplicateName`, `InvalidName` */
  addDatacenter(name: string, folder: string): DatacenterEntity {
    const { inventory } = this.#vcenter;
    inventory.checkName(folder, name);
    return inventory.transaction(() => {
      const moid = inventory.nextMoid('Datacenter');
      return inventory.put({
        type: 'Datacenter',
        moid,
        name,
        parent: folder,
        vmFolder: inventory.addFolder('vm', 'vm', moid).moid,
        hostFolder: inventory.addFolder('host', 'host', moid).moid,
        datastoreFolder: inventory.addFolder('datastore', 'datastore', moid).moid,
        networkFolder: inventory.addFolder('network', 'network', moid).moid,
      });
    });
  }

  /** A cluster with its root resource pool. @throws VimFault `DuplicateName`, `InvalidName`, `InvalidArgument` */
  addCluster(name: string, folder: string, cryptoMode = 'onDemand'): ClusterEntity {
    const { inventory } = this.#vcenter;
    inventory.checkName(folder, name);
    return inventory.transaction(() => {
      const moid = inventory.nextMoid('ClusterComputeResource');
      return inventory.put({
        type: 'ClusterComputeResource',
        moid,
        name,
        parent: folder,
        resourcePool: this.#addPool(moid),
        cryptoMode: requireCryptoMode(cryptoMode),
      });
    });
  }

  /** Connects to a host agent and takes the host with its VMs. @throws VimFault `NoHost`, `AlreadyConnected`, `SSLVerifyFault` */
  async addHost(spec: VimObject<'HostConnectSpec'>, place: HostPlace): Promise<HostEntity> {
    const { inventory, hosts, events } = this.#vcenter;
    const address = addressOf(spec);
    const about = await hosts.probe(address, spec.sslThumbprint);
    const all = inventory.ofType('HostSystem');
    const known = all.find((host) => host.uuid === about.id || host.address === address);
    if (known) {
      throw new VimFault('AlreadyConnected', `This vCenter manages host ${known.name} already.`, {
        fields: { name: known.name },
      });
    }
    if (all.length >= HOST_LIMIT) {
      throw new VimFault('NotSupported', `A vCenter manages at most ${HOST_LIMIT} hosts.`);
    }
    const host = inventory.transaction(() =>
      inventory.put({
        type: 'HostSystem',
        moid: inventory.nextMoid('HostSystem'),
        name: about.name,
        parent: 'cluster' in place ? place.cluster : this.#addCompute(about.name, place.folder),
        uuid: about.id,
        address,
        ...(!place.connected && { disconnected: true }),
      }),
    );
    if (place.connected) await this.#settleIn(host);
    events.post('HostAddedEvent', { host, message: `Added host ${host.name}.` });
    return host;
  }

  /** Moves a host into a cluster, out of another one or from standing alone. */
  async moveHost(host: HostEntity, cluster: ClusterEntity): Promise<void> {
    const { inventory } = this.#vcenter;
    const before = inventory.computeOf(host.moid);
    if (before?.moid === cluster.moid) return;
    inventory.transaction(() => {
      inventory.put({ ...host, parent: cluster.moid });
      if (before?.type === 'ComputeResource') inventory.remove(before.moid);
    });
    const moved = inventory.require('HostSystem', host.moid);
    await this.#vcenter.tellNativeProvider();
    await this.pushTrustedServices(moved);
    await this.#settleIn(moved);
  }

  /** Asks a host again how it stands. @throws VimFault `HostNotConnected` */
  async reconnect(host: HostEntity): Promise<void> {
    const { inventory, hosts, events } = this.#vcenter;
    const { disconnected: _, ...connected } = host;
    inventory.put(connected);
    await this.#settleIn(connected);
    hosts.requireConnected(connected);
    events.post('HostConnectedEvent', { host, message: `Connected to ${host.name}.` });
  }

  /** Lets go of a host, which goes on with its VMs. */
  async disconnect(host: HostEntity): Promise<void> {
    const { inventory, hosts, events } = this.#vcenter;
    inventory.put({ ...host, disconnected: true });
    await hosts.forget(host.moid);
    events.post('HostDisconnectedEvent', { host, message: `Disconnected from ${host.name}.` });
  }

  /**
   * Removes an entity with all that is below it from the inventory; hosts keep their VMs.
   *
   * @throws VimFault `ResourceInUse` if it would take powered-on VMs away
   */
  async remove(entity: Entity): Promise<void> {
    const { inventory, hosts } = this.#vcenter;
    const below = descendants(this.#vcenter.inventory, entity);
    const removedHosts = below.filter((each) => each.type === 'HostSystem');
    if (entity.type === 'Folder' && below.some((each) => each.type === 'VirtualMachine')) {
      throw new VimFault('ResourceInUse', `Folder ${entity.name} holds VMs; move or remove them first.`, {
        fields: { type: 'Folder', name: entity.name },
      });
    }
    inventory.transaction(() => {
      for (const host of removedHosts) {
        for (const vm of inventory.vmsOn(host.moid)) inventory.remove(vm.moid);
        for (const datastore of inventory.datastoresOf(host.moid)) inventory.remove(datastore.moid);
      }
      const compute = entity.type === 'HostSystem' ? inventory.computeOf(entity.moid) : undefined;
      inventory.remove(compute?.type === 'ComputeResource' ? compute.moid : entity.moid);
    });
    for (const each of below) this.#vcenter.authorization.forget(each.moid);
    await Promise.all(removedHosts.map((host) => hosts.forget(host.moid)));
    if (removedHosts.length > 0) await this.#vcenter.tellNativeProvider();
  }

  /** Sets whether hosts become safe on demand or at once. */
  async setCryptoMode(cluster: ClusterEntity, cryptoMode: ClusterCryptoMode): Promise<void> {
    const { inventory, supply } = this.#vcenter;
    inventory.put({ ...cluster, cryptoMode });
    if (cryptoMode !== 'forceEnable') return;
    for (const host of inventory.hostsOf(cluster.moid)) {
      if (this.#vcenter.hosts.state(host.moid).connected) await supply.makeSafe(host);
    }
  }

  /** Gives a host a key of its own: makes it safe, or changes its key. */
  async configureCryptoKey(host: HostEntity, keyId: CryptoKeyId | undefined): Promise<void> {
    const { supply, hosts } = this.#vcenter;
    const provider = keyId?.providerId?.id;
    if (await supply.makeSafe(host, provider)) return;
    const owner = { component: 'ESXi Server', identifier: host.uuid, name: host.name } as const;
    const chosen = await supply.providerFor(host, provider);
    await supply.checkUsable(chosen, host);
    const named = keyId && keyId.keyId !== '' ? await chosen.fetchKey(keyId.keyId) : undefined;
    await hosts.client(host).changeKey(named ?? (await chosen.newKey(owner)));
    await hosts.refresh(host);
  }

  /** Sets or ends the Trust Authority configuration of a cluster, and tells its hosts. */
  async setTrustedInfrastructure(
    cluster: ClusterEntity,
    trusted: TrustedClusterConfiguration | undefined,
  ): Promise<void> {
    const { inventory } = this.#vcenter;
    const { trusted: _, ...rest } = cluster;
    inventory.put({ ...rest, ...(trusted && { trusted }) });
    await Promise.all(inventory.hostsOf(cluster.moid).map((host) => this.pushTrustedServices(host)));
  }

  /** Tells a host the Trust Authority services and trusted providers of its cluster. */
  async pushTrustedServices(host: HostEntity): Promise<void> {
    const { inventory, hosts, providers, principalTokens } = this.#vcenter;
    const trusted = inventory.clusterOf(host.moid)?.trusted;
    const state = hosts.state(host.moid);
    if (!state.connected || (!trusted && !state.trusted)) return;
    const groups = trusted?.kms.map(({ group }) => group) ?? [];
    await this.setHostServices(host, {
      ...(groups.length > 0 && { principal: await principalTokens.tokenFor(host, groups) }),
      attestation: (trusted?.attestation ?? []).map(hostService),
      kms: (trusted?.kms ?? []).map(hostService),
      providers: trusted ? [...providers.trustedNames()] : [],
    });
  }

  /** Gives a host these services and providers in place of those that it has. */
  async setHostServices(host: HostEntity, spec: TrustedServicesSpec): Promise<void> {
    const { hosts } = this.#vcenter;
    await hosts.client(host).setTrustedServices(spec);
    await hosts.refresh(host);
  }

  /** Gives hosts new principal tokens in good time; they keep their reports. */
  async renewPrincipalTokens(): Promise<void> {
    const { inventory, principalTokens, context } = this.#vcenter;
    const due = inventory.ofType('HostSystem').filter((host) => principalTokens.isDue(host));
    for (const host of due) {
      await this.pushTrustedServices(host).catch((error: unknown) => {
        context.log.warn({ err: error, host: host.name }, 'host could not be given a new principal token');
      });
    }
  }

  /** Tells all trusted hosts which trusted providers there are now. */
  async pushAllTrustedServices(): Promise<void> {
    const { inventory } = this.#vcenter;
    await Promise.all(inventory.ofType('HostSystem').map((host) => this.pushTrustedServices(host)));
  }

  /** Takes a host up as its cluster wants it. */
  async #settleIn(host: HostEntity): Promise<void> {
    const { hosts, inventory, supply } = this.#vcenter;
    await hosts.refresh(host);
    await hosts.whenSettled(host.moid);
    if (inventory.clusterOf(host.moid)?.cryptoMode === 'forceEnable') await supply.makeSafe(host);
  }

  #addCompute(name: string, folder: string): string {
    const { inventory } = this.#vcenter;
    inventory.checkName(folder, name);
    const moid = inventory.nextMoid('ComputeResource');
    inventory.put({
      type: 'ComputeResource',
      moid,
      name,
      parent: folder,
      resourcePool: this.#addPool(moid),
    });
    return moid;
  }

  #addPool(parent: string): string {
    const { inventory } = this.#vcenter;
    const moid = inventory.nextMoid('ResourcePool');
    inventory.put({ type: 'ResourcePool', moid, name: 'Resources', parent });
    return moid;
  }
}

/** A service as hosts are told of it. */
export function hostService({ address, trusted_CA, group }: TrustedService): TrustedServiceSpec {
  return { address, trusted_CA, group };
}

/** `https://host:port` of a HostConnectSpec; the port may stand in either field. @throws VimFault `InvalidArgument` */
function addressOf(spec: VimObject<'HostConnectSpec'>): string {
  const text = spec.hostName?.includes('://') === true ? spec.hostName : `https://${spec.hostName ?? ''}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:' || url.hostname === '' || url.pathname !== '/' || url.username !== '') {
    throw new VimFault('InvalidArgument', 'Give the host agent as host or host:port in hostName.', {
      fields: { invalidProperty: 'spec.hostName' },
    });
  }
  const port = Number(url.port) || (spec.port ?? DEFAULT_HOST_PORT);
  return `https://${url.hostname}:${port}`;
}

function requireCryptoMode(text: string): ClusterCryptoMode {
  const mode = CLUSTER_CRYPTO_MODES.find((each) => each === text);
  if (mode) return mode;
  throw new VimFault('InvalidArgument', `cryptoMode is one of ${CLUSTER_CRYPTO_MODES.join(', ')}.`, {
    fields: { invalidProperty: 'cryptoMode' },
  });
}

function descendants(inventory: Inventory, entity: Entity): readonly Entity[] {
  return [entity, ...inventory.children(entity.moid).flatMap((child) => descendants(inventory, child))];
}
