import { VapiError } from '../../core/http/index.js';
import { enumeration, id, list, optional, structure, voidType } from '../../wire/vapi/index.js';
import type { Vcenter } from '../vcenter.js';
import type { VapiOperation } from '../vapi/operation.js';
import type {
  ClusterEntity,
  TrustAuthorityConfiguration,
  TrustAuthorityMember,
} from '../inventory/entities.js';
import { memberRefusal } from './member-refusals.js';
import type { MemberServices } from './members.js';
import { PACKAGE, cluster, onCluster, plain, task } from './types.js';
import { networkAddressOf } from '../../wire/attestation/index.js';
import { chainOfPem } from './chains.js';

const SERVICE = 'trust_authority_clusters';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters';
const state = enumeration(['ENABLE', 'DISABLE']);
const summary = { cluster: id, state };

/** `trust-authority-clusters`: which clusters of this vCenter are Trust Authority clusters. */
export function trustAuthorityClusterOperations(vcenter: Vcenter): readonly VapiOperation[] {
  const { inventory, members } = vcenter;
  const stateOf = (moid: string): 'ENABLE' | 'DISABLE' =>
    members.cluster(moid).trustAuthority?.state ?? 'DISABLE';
  return [
    plain({
      service: SERVICE,
      operation: 'list',
      method: 'GET',
      path: PATH,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: {
        spec: optional(
          structure(`${NAME}.filter_spec`, { cluster: optional(list(id)), state: optional(list(state)) }),
        ),
      },
      output: list(structure(`${NAME}.summary`, summary), 4000),
      run: ({ input: { spec } }) =>
        inventory
          .ofType('ClusterComputeResource')
          .map(({ moid }) => ({ cluster: moid, state: stateOf(moid) }))
          .filter(
            (row) =>
              (!spec?.cluster || spec.cluster.includes(row.cluster)) &&
              (!spec?.state || spec.state.includes(row.state)),
          ),
    }),
    plain({
      service: SERVICE,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:cluster`,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      object: onCluster,
      input: { cluster },
      output: structure(`${NAME}.info`, summary),
      run: ({ input }) => ({ cluster: input.cluster, state: stateOf(input.cluster) }),
    }),
    task({
      service: SERVICE,
      operation: 'update',
      method: 'PATCH',
      path: `${PATH}/:cluster`,
      body: 'spec',
      privilege: 'TrustedAdmin.ManageTrustedHosts',
      object: onCluster,
      input: { cluster, spec: structure(`${NAME}.update_spec`, { state: optional(state) }) },
      output: voidType,
      run: async ({ input }) => {
        if (input.spec.state === 'ENABLE') await enable(vcenter, input.cluster);
        if (input.spec.state === 'DISABLE') await disable(vcenter, input.cluster);
      },
    }),
  ];
}

/**
 * Makes a cluster a Trust Authority cluster: its services are reached, and each of its key provider services comes to
 * accept the documents of every one of its attestation services. Members that came since it was enabled first, or have
 * missed changes, get what the others have.
 */
async function enable({ inventory, members }: Vcenter, moid: string): Promise<void> {
  await members.alone(moid, async () => {
    const trustAuthority = enableable(members.cluster(moid));
    const { current = trustAuthority.members.map(({ name }) => name) } = trustAuthority;
    for (const member of trustAuthority.members) {
      if (!current.includes(member.name)) continue;
      await acceptAttestation(members.services(member), trustAuthority.members);
    }
    const enabled: TrustAuthorityConfiguration = { ...trustAuthority, state: 'ENABLE', current };
    inventory.put({ ...members.cluster(moid), trustAuthority: enabled });
  });
  await members.catchUpIn(moid);
}

/** What a cluster is to be enabled with. @throws VapiError `NOT_ALLOWED_IN_CURRENT_STATE` */
function enableable({ name, moid, trusted, trustAuthority }: ClusterEntity): TrustAuthorityConfiguration {
  if (trusted) {
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      `${name} is a trusted cluster, and a cluster cannot be both; remove its services first.`,
    );
  }
  if (trustAuthority && trustAuthority.members.length > 0) return trustAuthority;
  throw new VapiError(
    'NOT_ALLOWED_IN_CURRENT_STATE',
    `${name} has no services of a Trust Authority; name them with PUT /api/kpsim/vcenter/clusters/${moid}/trust-authority.`,
  );
}

/** Has a key provider service accept the documents of all attestation services. @throws VapiError what it refuses with */
async function acceptAttestation(
  { member, kms }: MemberServices,
  all: readonly TrustAuthorityMember[],
): Promise<void> {
  try {
    const known = new Set((await kms.attestationServices.list()).map(({ address }) => addressText(address)));
    for (const peer of all) {
      const address = networkAddressOf(peer.attestation);
      if (known.has(addressText(address))) continue;
      await kms.attestationServices.register({
        address,
        trusted_CA: chainOfPem(peer.trusted_CA),
        group: peer.group,
      });
    }
  } catch (error) {
    throw memberRefusal(member, error);
  }
}

/** The services stay as they are configured; this vCenter touches them no more. */
function disable({ inventory, members }: Vcenter, moid: string): Promise<void> {
  return members.alone(moid, () => {
    const entity = members.cluster(moid);
    const { trustAuthority } = entity;
    if (trustAuthority) inventory.put({ ...entity, trustAuthority: { ...trustAuthority, state: 'DISABLE' } });
    return Promise.resolve();
  });
}

function addressText({ hostname, port = 443 }: { hostname: string; port?: number | undefined }): string {
  return `${hostname.toLowerCase()} ${port}`;
}
