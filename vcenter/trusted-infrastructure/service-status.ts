import { list, localizableMessage, structure } from '../../wire/vapi/index.js';
import type { VapiValue } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { memberRefusal } from './member-refusals.js';
import type { MemberServices } from './members.js';
import type { ServiceKind } from './types.js';
import { KIND_TEXTS, PACKAGE, SERVICE_KINDS, cluster, health, message, onCluster, task } from './types.js';

type Health = VapiValue<typeof health>;
/** From the best to the worst; the worst of a cluster's members is the cluster's. */
const ORDER: readonly Health[] = ['OK', 'NONE', 'WARNING', 'ERROR'];

/** `…/{attestation,kms}/service-status`: health of a Trust Authority cluster's services. */
export function serviceStatusOperations({ members }: Vcenter): readonly VapiOperation[] {
  return SERVICE_KINDS.map((kind) =>
    task({
      service: `trust_authority_clusters.${kind}.service_status`,
      operation: 'get',
      method: 'GET',
      path: `trust-authority-clusters/:cluster/${kind}/service-status`,
      privilege: kind === 'kms' ? 'TrustedAdmin.ReadKMSTrust' : 'TrustedAdmin.ReadTrustedHosts',
      object: onCluster,
      input: { cluster },
      output: structure(`${PACKAGE}.trust_authority_clusters.${kind}.service_status.info`, {
        health,
        details: list(localizableMessage),
      }),
      run: ({ input }) =>
        clusterStatus(
          kind,
          members
            .of(input.cluster)
            .map((services) => ({ ...services, isBehind: members.isBehind(input.cluster, services.member) })),
        ),
    }),
  );
}

/** A member, and whether it has missed changes. */
interface SeenMember extends MemberServices {
  readonly isBehind: boolean;
}

/** The members' health, and whether they are all configured alike. */
async function clusterStatus(
  kind: ServiceKind,
  all: readonly SeenMember[],
): Promise<{ health: Health; details: ReturnType<typeof message>[] }> {
  const told = await Promise.all(all.map((services) => memberStatus(kind, services)));
  const details = told.flatMap((one) => one.details);
  const behind = all.filter(({ isBehind }) => isBehind).map(({ member }) => member.name);
  if (behind.length > 0) {
    const text = `Members of the cluster lack what was set while they were away: ${behind.join(', ')}. They get it once they answer; set the state of the cluster to ENABLE again to have it tried at once.`;
    return { health: 'ERROR', details: [message('membersBehind', text), ...details] };
  }
  const fingerprints = new Set(told.flatMap(({ fingerprint }) => fingerprint ?? []));
  if (fingerprints.size > 1) {
    const text = `The ${KIND_TEXTS[kind]}s of the cluster are configured differently; apply the missing changes again.`;
    return { health: 'ERROR', details: [message('membersDiffer', text), ...details] };
  }
  const worst = Math.max(...told.map((one) => ORDER.indexOf(one.health)));
  return { health: ORDER[worst] ?? 'NONE', details };
}

async function memberStatus(
  kind: ServiceKind,
  { member, ...services }: SeenMember,
): Promise<{ health: Health; details: ReturnType<typeof message>[]; fingerprint?: string }> {
  try {
    const [status, { fingerprint }] = await Promise.all([
      services[kind].status(),
      services[kind].rawConfig(),
    ]);
    const details = status.details.map(({ id, default_message: text, args }) => ({
      id,
      default_message: `${member.name}: ${text}`,
      args: [...args],
    }));
    return { health: status.health, details, fingerprint };
  } catch (error) {
    return { health: 'ERROR', details: [message('memberFails', memberRefusal(member, error).message)] };
  }
}
