import type { VcenterClient } from '../../../vcenter/index.js';
import { networkAddressOf } from '../../../wire/attestation/index.js';
import type { TestTrustAuthority } from '../../trust-authority/harness.js';

export const ROOT = '/api/vcenter/trusted-infrastructure';

/** What a vCenter is told of a Trust Authority's service. */
export function serviceSpec(url: string, caPem: string): Record<string, unknown> {
  return {
    address: networkAddressOf(url),
    trusted_CA: { cert_chain: [caPem] },
    group: 'group-1',
    trust_authority_cluster: 'ta-cluster',
  };
}

/** Registers both services of a Trust Authority, and lets a cluster use them. */
export async function trustServices(
  client: VcenterClient,
  cluster: string,
  { ta, caPem }: { readonly ta: TestTrustAuthority; readonly caPem: string },
): Promise<{ readonly attestation: string; readonly kms: string }> {
  const use = async (kind: 'attestation' | 'kms', url: string): Promise<string> => {
    const service = await client.rest('POST', `${ROOT}/${kind}/services`, serviceSpec(url, caPem));
    const path = `${ROOT}/trusted-clusters/${cluster}/${kind}/services`;
    return (await client.restTask('POST', path, { type: 'SERVICE', service })) as string;
  };
  return { attestation: await use('attestation', ta.attestationUrl), kms: await use('kms', ta.kmsUrl) };
}
