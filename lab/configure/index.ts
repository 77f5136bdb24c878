import { KpsimError, errorText } from '../../core/errors.js';
import type { Ground } from '../ground.js';
import type { LabServices } from '../services/index.js';
import { settleAll } from '../settle-all.js';
import type { ProviderSpec, Topology } from '../topology/index.js';
import { configureInventory } from './inventory.js';
import { configureNativeProvider } from './native-provider.js';
import { configureStandardProvider } from './standard-provider.js';
import { configureTrustedKeyProvider, trustHosts } from './trust-authority.js';
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
        services.hosts.filter((host) => host.trustAuthority === authority.name),
      ),
    ),
  ]);
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
  const [authority] = pick(services.trustAuthorities, [provider.trustAuthority]);
  if (!authority) return;
  await configureTrustedKeyProvider(authority, provider.name, keyServers, certificates);
  for (const vcenter of vcenters) await registerTrustedProvider(vcenter, provider);
}

/** The services of those names, in the order of the names; the topology has been checked to have them. */
function pick<T extends { readonly name: string }>(rows: readonly T[], names: readonly string[]): T[] {
  return names.flatMap((name) => rows.filter((row) => row.name === name));
}
