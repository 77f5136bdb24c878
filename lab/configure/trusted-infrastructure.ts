import type { VcenterClient } from '../../vcenter/client.js';
import type { NetworkAddress, X509CertChain } from '../../wire/attestation/index.js';
import { networkAddressOf } from '../../wire/attestation/index.js';
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
      const reference = await vcenter.find(`${vcenter.datacenterName}/host/${cluster}`);
      if (!reference) return;
      const client = await vcenter.setUpClient();
      for (const authority of authorities) {
        for (const [kind, { url }] of [
          ['attestation', authority.attestationEndpoint],
          ['kms', authority.keyProviderEndpoint],
        ] as const) {
          await useService(client, reference.value, kind, {
            address: networkAddressOf(url),
            trusted_CA: { cert_chain: [certificates.caPem] },
            group: authority.group,
            trust_authority_cluster: authority.name,
          });
        }
      }
    }),
  );
}

/** Names the services of the clusters that may become Trust Authority clusters; administrators enable them. */
export async function nameTrustAuthorityServices(
  topology: Topology,
  { vcenters, trustAuthorities }: LabServices,
  { certificates }: Ground,
): Promise<void> {
  for (const vcenter of vcenters) {
    const spec = topology.vcenters.find(({ name }) => name === vcenter.name);
    for (const { name, trustAuthorityServices } of spec?.clusters ?? []) {
      const members = trustAuthorities
        .filter((one) => trustAuthorityServices.includes(one.name))
        .map((one) => ({
          name: one.name,
          attestation: one.attestationEndpoint.url,
          kms: one.keyProviderEndpoint.url,
          trusted_CA: certificates.caPem,
          group: one.group,
        }));
      if (members.length === 0) continue;
      const client = await vcenter.setUpClient();
      const reference = await vcenter.find(`${vcenter.datacenterName}/host/${name}`);
      const path = `/api/kpsim/vcenter/clusters/${reference?.value ?? ''}/trust-authority`;
      const { state } = (await client.rest('GET', path)) as { readonly state: string };
      if (state !== 'ENABLE') await client.rest('PUT', path, { members });
    }
  }
}

const ROOT = '/api/vcenter/trusted-infrastructure';

/** Registers a service of a Trust Authority with a vCenter, and lets a cluster use it, as far as that is not so yet. */
async function useService(
  client: VcenterClient,
  cluster: string,
  kind: 'attestation' | 'kms',
  spec: {
    readonly address: NetworkAddress;
    readonly trusted_CA: X509CertChain;
    readonly group: string;
    readonly trust_authority_cluster: string;
  },
): Promise<void> {
  const find = async (path: string): Promise<string | undefined> => {
    const found = await client.rest('POST', `${path}?action=query`, { address: [spec.address] });
    return (found as readonly { readonly service: string }[])[0]?.service;
  };
  const services = `${ROOT}/${kind}/services`;
  const service = (await find(services)) ?? (await client.rest('POST', services, spec));
  const used = `${ROOT}/trusted-clusters/${cluster}/${kind}/services`;
  if ((await find(used)) === undefined) await client.restTask('POST', used, { type: 'SERVICE', service });
}
