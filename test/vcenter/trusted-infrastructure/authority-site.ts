import type { TestTrustAuthority, TrustPki } from '../../trust-authority/harness.js';
import type { RunningVcenter } from '../site.js';
import { Site, addCluster, addDatacenter } from '../site.js';
import type { VcenterConfigInput } from '../../../vcenter/index.js';

/** A vCenter with a cluster whose services are those of some Trust Authorities. */
export interface AuthoritySite {
  readonly vc: RunningVcenter;
  /** Moid. */
  readonly cluster: string;
  readonly site: Site;
}

/** Members as `PUT …/trust-authority` takes them. */
export function membersOf(pki: TrustPki, all: readonly TestTrustAuthority[]): unknown {
  return {
    members: all.map((one, index) => ({
      name: `ta-${index + 1}`,
      attestation: one.attestationUrl,
      kms: one.kmsUrl,
      trusted_CA: pki.authority.caPem,
      group: 'group-1',
    })),
  };
}

/** Starts the vCenter `vc-ta`, and names the services of its cluster; it is not enabled yet. */
export async function startAuthoritySite(
  pki: TrustPki,
  all: readonly TestTrustAuthority[],
  config: Partial<VcenterConfigInput> = {},
): Promise<AuthoritySite> {
  const site = Site.over(pki.authority);
  const vc = await site.startVcenter('vc-ta', config);
  const datacenter = await addDatacenter(vc);
  const { cluster } = await addCluster(vc, datacenter, 'authority');
  const path = `/api/kpsim/vcenter/clusters/${cluster}/trust-authority`;
  await vc.client.rest('PUT', path, membersOf(pki, all));
  return { vc, cluster, site };
}
