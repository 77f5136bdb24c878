import type { Ground } from '../ground.js';
import type { LabServices } from '../services/index.js';
import type { LabVcenter } from '../services/vcenter.js';
import { settleAll } from '../settle-all.js';
import { authoritiesOf } from '../topology/index.js';
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
      const authorities = authoritiesOf(cluster).flatMap((wanted) =>
        trustAuthorities.filter((one) => one.name === wanted),
      );
      const vcenter = vcenters.find((one) => one.name === name);
      return authorities.length > 0 && vcenter ? [{ cluster: cluster.name, authorities, vcenter }] : [];
    }),
  );
  await settleAll(
    trusted.map(async ({ cluster, authorities, vcenter }) => {
      const client = await vcenter.client();
      const reference = await vcenter.find(`${vcenter.datacenterName}/host/${cluster}`);
      const service = (address: string, group: string): unknown => ({
        address,
        trusted_CA: certificates.caPem,
        group,
      });
      const path = `/api/kpsim/vcenter/clusters/${reference?.value ?? ''}/trusted-infrastructure`;
      await client.rest('PUT', path, {
        attestation: authorities.map((one) => service(one.attestationEndpoint.url, one.group)),
        kms: authorities.map((one) => service(one.keyProviderEndpoint.url, one.group)),
      });
    }),
  );
}
