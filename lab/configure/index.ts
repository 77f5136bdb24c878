import { KpsimError, errorText } from '../../core/errors.js';
import type { Ground } from '../ground.js';
import type { LabServices } from '../services/index.js';
import { settleAll } from '../settle-all.js';
import { authoritiesOf } from '../topology/index.js';
import type { ProviderSpec, Topology } from '../topology/index.js';
import { configureInventory } from './inventory.js';
import { configureNativeProvider } from './native-provider.js';
import { configureStandardProvider } from './standard-provider.js';
import { configureTrustedKeyProvider, joinTrustAuthorities, trustHosts } from './trust-authority.js';
import {
  configureTrustedInfrastructure,
  nameTrustAuthorityServices,
  registerTrustedProvider,
} from './trusted-infrastructure.js';
import { configureUsers } from './users.js';
import { configureVm } from './vms.js';

/**
 * Configures running services as their topology says, through the APIs that an administrator would use. What is
 * there already, from an earlier run on the same data directory, stays as it is.
 */
export async function configureLab(
  topology: Topology,
  services: LabServices,
  ground: Ground,
  onProgress: (what: string) => void,
): Promise<void> {
  onProgress('making inventories');
  await settleAll([
    ...services.vcenters.map(async (vcenter, index) => {
      const spec = topology.vcenters[index];
      if (!spec) return;
      await configureUsers(vcenter, spec);
      await configureInventory(
        vcenter,
        spec,
        services.hosts.filter((host) => host.vcenter === vcenter.name),
      );
    }),
    ...services.trustAuthorities.map((authority) =>
      trustHosts(
        authority,
        services.hosts.filter((host) => host.trustAuthorities.includes(authority.name)),
        services.tpmVendor,
      ),
    ),
  ]);
  await settleAll(
    clustersOfAuthorities(topology).map((names) =>
      joinTrustAuthorities(pick(services.trustAuthorities, names), ground.certificates),
    ),
  );
  onProgress('configuring key providers');
  await settleAll(topology.providers.map((provider) => configureProvider(provider, services, ground)));
  await nameTrustAuthorityServices(topology, services, ground);
  await configureTrustedInfrastructure(topology, services, ground);
  for (const vm of topology.vms) {
    const host = pick(services.hosts, [vm.host])[0];
    const vcenter = host && pick(services.vcenters, [host.vcenter])[0];
    if (!vcenter || ground.state.wasMade(`${vcenter.name}/${vm.name}`)) continue;
    onProgress(`making the VM ${vm.name}`);
    await configureVm(vm, vcenter).catch((error: unknown) => {
      throw new KpsimError(
        'vm_not_made',
        `The VM ${vm.name} cannot be made on ${vm.host}: ${errorText(error)}`,
        {
          cause: error,
        },
      );
    });
    ground.state.keepMade(`${vcenter.name}/${vm.name}`);
    await ground.state.save();
  }
}

async function configureProvider(
  provider: ProviderSpec,
  services: LabServices,
  ground: Ground,
): Promise<void> {
  const { certificates } = ground;
  if (provider.kind === 'native') {
    const [madeIn] = pick(services.vcenters, [provider.madeIn]);
    const importedBy = pick(services.vcenters, provider.importedBy);
    if (madeIn) await configureNativeProvider(provider, madeIn, importedBy, ground);
    return;
  }
  const keyServers = pick(services.keyServers, provider.keyServers);
  const vcenters = pick(services.vcenters, provider.vcenters);
  if (provider.kind === 'standard') {
    await settleAll(
      vcenters.map((vcenter) => configureStandardProvider(vcenter, provider, keyServers, certificates)),
    );
    return;
  }
  const authorities = pick(services.trustAuthorities, authoritiesOf(provider));
  await configureTrustedKeyProvider(authorities, provider.name, keyServers, certificates);
  for (const vcenter of vcenters) await registerTrustedProvider(vcenter, provider);
}

/** Trust Authorities that some trusted cluster names together, each in one such list. */
function clustersOfAuthorities({ vcenters }: Topology): readonly (readonly string[])[] {
  const lists = vcenters.flatMap(({ clusters }) => clusters.map(authoritiesOf));
  const joined: Set<string>[] = [];
  for (const list of lists.filter(({ length }) => length > 1)) {
    const touching = joined.filter((names) => list.some((name) => names.has(name)));
    for (const names of touching) joined.splice(joined.indexOf(names), 1);
    joined.push(new Set([...touching.flatMap((names) => [...names]), ...list]));
  }
  return joined.map((names) => [...names]);
}

/** The services of those names, in the order of the names; the topology has been checked to have them. */
function pick<T extends { readonly name: string }>(rows: readonly T[], names: readonly string[]): T[] {
  return names.flatMap((name) => rows.filter((row) => row.name === name));
}
