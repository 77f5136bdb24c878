import { KpsimError } from '../../../core/errors.js';
import type { AttestationClient, KeyProviderServiceClient } from '../../../trust-authority/client.js';
import { networkAddressOf, reasonRow } from '../../../wire/attestation/index.js';
import type { LabTrustAuthority } from '../../services/trust-authority.js';
import { PASSED } from '../observed.js';
import type { Observed } from '../observed.js';
import type { Mend, Play } from '../play.js';
import type { Stage } from '../stage.js';

/** Takes services down; returns how they come back, which is done in the end at the latest. */
async function down(
  stage: Stage,
  mend: Mend,
  authorities: readonly LabTrustAuthority[],
): Promise<() => Promise<void>> {
  let areDown = true;
  const comeBack = async (): Promise<void> => {
    if (!areDown) return;
    for (const { name } of authorities) await stage.restart(name);
    areDown = false;
  };
  mend(comeBack);
  for (const { name } of authorities) await stage.takeDown(name);
  return comeBack;
}

/** Scenarios of the group of attestation services. */
export const CLUSTER_PLAYS = {
  'attestation-service-down': async (stage, mend) => {
    const host = await stage.honestHost();
    await down(stage, mend, [stage.first]);
    return {
      attempt: async () => host.useToken(await host.newToken()),
    };
  },
  'attestation-services-down': async (stage, mend) => {
    const host = await stage.honestHost();
    const meanwhile = await down(stage, mend, [stage.first, stage.second]);
    return { attempt: () => host.attest(), meanwhile };
  },
  'token-issuer-down': async (stage, mend) => {
    const host = await stage.honestHost();
    mend(() => host.attestTo(stage.attestationServices));
    await host.attestTo([stage.serviceOf(stage.second)]);
    let kept: string | undefined = await host.newToken();
    await stage.registerAnew(stage.second);
    const meanwhile = await down(stage, mend, [stage.second]);
    return {
      attempt: async () => {
        const token = kept ?? (await host.newToken());
        kept = undefined;
        return host.useToken(token);
      },
      meanwhile,
    };
  },
  'attestation-services-diverged': async (stage, mend) => {
    const attestation = await stage.first.attestation();
    const cluster = clusterOf(attestation);
    const member = {
      address: networkAddressOf(stage.second.attestationEndpoint.url),
      trusted_CA: { cert_chain: [stage.ground.certificates.caPem] },
    };
    await cluster.set({ members: [member] });
    mend(() => cluster.set({ members: [] }));
    const { settings } = await stage.second.attestation();
    await settings.update({ require_endorsement_keys: true });
    mend(() => settings.update({ require_endorsement_keys: false }));
    return { attempt: async () => observedCluster(await cluster.get()) };
  },
} as const satisfies Record<string, Play>;

/** What this play asks of the cluster of an attestation service. */
type ClusterCalls = Pick<KeyProviderServiceClient['cluster'], 'get' | 'set'>;

/** @throws KpsimError `cluster_unsupported` */
function clusterOf(client: AttestationClient): ClusterCalls {
  if ('cluster' in client) return client.cluster as ClusterCalls;
  throw new KpsimError('cluster_unsupported', 'The attestation service does not know of clusters.');
}

/** Members that can be reached but are configured otherwise, of which the service tells by its health. */
function observedCluster({
  health,
  fingerprint,
  members,
}: Awaited<ReturnType<ClusterCalls['get']>>): Observed {
  if (health === 'OK') return PASSED;
  const isDiverged = members.some((member) => member.reachable && member.fingerprint !== fingerprint);
  const reason = isDiverged ? 'configuration_diverged' : 'attestation_service_unreachable';
  const { step, sentence } = reasonRow(reason);
  return { outcome: 'refused', reason, step, message: sentence };
}
