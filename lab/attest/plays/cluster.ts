import { KpsimError } from '../../../core/errors.js';
import type { AttestationClient, ServiceStatus } from '../../../trust-authority/client.js';
import { networkAddressOf, reasonRow } from '../../../wire/attestation/index.js';
import type { AttestationReason, NetworkAddress } from '../../../wire/attestation/index.js';
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
    const [first, second] = [await stage.first.attestation(), await stage.second.attestation()];
    const cluster = clusterOf(first);
    for (const [client, other] of [
      [first, stage.second],
      [second, stage.first],
    ] as const) {
      const members = [await memberOf(other, stage)];
      await clusterOf(client).set({ members, replicate: false });
      mend(() => clusterOf(client).set({ members: [] }));
    }
    await demandAlike(first, cluster);
    await second.settings.update({ require_endorsement_keys: true });
    mend(() => second.settings.update({ require_endorsement_keys: false }));
    return {
      attempt: async () => {
        await cluster.get(); // asks the members how they are now
        return observedStatus(await first.status());
      },
    };
  },
} as const satisfies Record<string, Play>;

const DIVERGED = 'configuration_diverged' satisfies AttestationReason;

/** A member of a cluster of attestation services. */
interface ClusterMember {
  readonly address: NetworkAddress;
  readonly certificate: string;
}

/** What this play asks of the cluster of an attestation service (`/api/kpsim/attestation/cluster`). */
interface ClusterCalls {
  get(): Promise<unknown>;
  set(spec: { readonly members: readonly ClusterMember[]; readonly replicate?: boolean }): Promise<void>;
}

/** @throws KpsimError `cluster_unsupported` */
function clusterOf(client: AttestationClient): ClusterCalls {
  if ('cluster' in client) return client.cluster;
  throw new KpsimError('cluster_unsupported', 'The attestation service does not know of clusters.');
}

/** How another service of the cluster knows an attestation service: by its address and its certificate. */
async function memberOf(
  { name, attestationEndpoint }: LabTrustAuthority,
  { ground }: Stage,
): Promise<ClusterMember> {
  const { certificatePem } = await ground.certificates.server(name, ground.host);
  return { address: networkAddressOf(attestationEndpoint.url), certificate: certificatePem };
}

/** Nothing differs before the play makes it differ. @throws KpsimError `stage_not_honest` */
async function demandAlike(client: AttestationClient, cluster: ClusterCalls): Promise<void> {
  await cluster.get();
  const seen = observedStatus(await client.status());
  if (seen.outcome === 'passes') return;
  throw new KpsimError('stage_not_honest', `The attestation services differ already: ${seen.message}`);
}

/** Services that are configured differently are an error in the status of each (health ERROR). */
function observedStatus({ health, details }: ServiceStatus): Observed {
  const found = details.find(({ id }) => id.endsWith(`.${DIVERGED}`));
  if (health !== 'ERROR' || !found) return PASSED;
  const { step } = reasonRow(DIVERGED);
  return { outcome: 'refused', reason: DIVERGED, step, message: found.default_message };
}
