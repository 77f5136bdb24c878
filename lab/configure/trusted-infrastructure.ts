import type { Ground } from '../ground.js';
import type { LabServices } from '../services/index.js';
import type { LabVcenter } from '../services/vcenter.js';
import { settleAll } from '../settle-all.js';
import type { Topology } from '../topology/index.js';
import { isKnown } from './standard-provider.js';

/** Makes a trusted key provider known to a vCenter by its name; keys never pass through there. */
export async function registerTrustedProvider(
  vcenter: LabVcenter,
  provider: { readonly name: string; readonly default: boolean },
): Promise<void> {
  const client = await vcenter.client();
  const clusterId = { _typeName: 'KeyProviderId' as const, id: provider.name };
  if (!(await isKnown(client, provider.name))) {
    await client.invoke('CryptoManagerKmip', 'CryptoManager', 'RegisterKmsCluster', {
      clusterId,
      managementType: 'trustAuthority',
    });
  }
  if (provider.default)
    await client.invoke('CryptoManagerKmip', 'CryptoManager', 'MarkDefault', { clusterId });
}

/**
 * Tells the trusted clusters of all vCenters which Trust Authority they belong to; each vCenter hands it to its
 * hosts, and they attest.
 */
export async function configureTrustedInfrastructure(
  topology: Topology,
  { vcenters, trustAuthorities }: LabServices,
  { certificates }: Ground,
): Promise<void> {
  const trusted = topology.vcenters.flatMap(({ name, clusters }) =>
    clusters.flatMap((cluster) => {
      const authority = trustAuthorities.find((one) => one.name === cluster.trustAuthority);
      const vcenter = vcenters.find((one) => one.name === name);
      return authority && vcenter ? [{ cluster: cluster.name, authority, vcenter }] : [];
    }),
  );
  await settleAll(
    trusted.map(async ({ cluster, authority, vcenter }) => {
      const client = await vcenter.client();
      const reference = await vcenter.find(`${vcenter.datacenterName}/host/${cluster}`);
      const service = (address: string): unknown => ({
        address,
        trusted_CA: certificates.caPem,
        group: authority.group,
      });
      const path = `/api/kpsim/vcenter/clusters/${reference?.value ?? ''}/trusted-infrastructure`;
      await client.rest('PUT', path, {
        attestation: [service(authority.attestationEndpoint.url)],
        kms: [service(authority.keyProviderEndpoint.url)],
      });
    }),
  );
}
