import { VapiError } from '../../core/http/index.js';
import type { NetworkAddress } from '../../wire/attestation/index.js';
import { httpsUrlOf, networkAddressOf } from '../../wire/attestation/index.js';
import { enumeration, id, list, optional, string, structure } from '../../wire/vapi/index.js';
import type { TrustAuthorityMember } from '../inventory/entities.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { chainOfPem } from './chains.js';
import type { ServiceKind } from './types.js';
import { KIND_TEXTS, PACKAGE, SERVICE_KINDS, networkAddress, plain, x509CertChain } from './types.js';

/** How much of each host is told; own choice, as the API names the words only: FULL all, NORMAL no authority, BRIEF the host. */
const SUMMARY_TYPES = ['FULL', 'NORMAL', 'BRIEF'] as const;

interface Placed {
  readonly host: string;
  readonly cluster: string;
  readonly member: TrustAuthorityMember;
}

/** `trust-authority-hosts/…/{attestation,kms}`: where the services of the Trust Authority clusters' hosts are. */
export function trustAuthorityHostOperations(vcenter: Vcenter): readonly VapiOperation[] {
  return SERVICE_KINDS.flatMap((kind) => operationsOf(kind, vcenter));
}

function operationsOf(kind: ServiceKind, vcenter: Vcenter): readonly VapiOperation[] {
  const service = `trust_authority_hosts.${kind}`;
  const name = `${PACKAGE}.${service}`;
  const summaryType = enumeration(SUMMARY_TYPES);
  return [
    plain({
      service,
      operation: 'list',
      method: 'POST',
      path: `trust-authority-hosts/${kind}`,
      action: 'query',
      actionOptional: kind === 'attestation', // the bindings of 8.0.3 leave it out there
      body: 'spec',
      changes: false,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: {
        spec: optional(
          structure(`${name}.filter_spec`, {
            hosts: optional(list(id)),
            clusters: optional(list(id)),
            address: optional(list(networkAddress)),
            groups: optional(list(string())),
          }),
        ),
        projection: optional(summaryType),
      },
      output: list(
        structure(`${name}.summary`, {
          summary_type: summaryType,
          host: optional(id),
          address: optional(networkAddress),
          group: optional(string()),
          cluster: optional(id),
          trusted_CA: optional(x509CertChain),
        }),
        4000,
      ),
      run: ({ input: { spec, projection = 'NORMAL' } }) =>
        membersOf(vcenter)
          .filter(
            ({ host, cluster, member }) =>
              (!spec?.hosts || spec.hosts.includes(host)) &&
              (!spec?.clusters || spec.clusters.includes(cluster)) &&
              (!spec?.groups || spec.groups.includes(member.group)) &&
              (!spec?.address || spec.address.some((one) => isAt(one, member[kind]))),
          )
          .map((placed) => summaryOf(kind, placed, projection)),
    }),
    plain({
      service,
      operation: 'get',
      method: 'GET',
      path: `trust-authority-hosts/:host/${kind}`,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { host: id },
      output: structure(`${name}.info`, {
        host: id,
        address: networkAddress,
        group: string(),
        cluster: id,
        trusted_CA: x509CertChain,
      }),
      run: ({ input }) => {
        const found = membersOf(vcenter).find(({ host }) => host === input.host);
        if (!found) {
          throw new VapiError('NOT_FOUND', `No host of that id runs a ${KIND_TEXTS[kind]}; list them first.`);
        }
        return infoOf(kind, found);
      },
    }),
  ];
}

/** The hosts of all enabled Trust Authority clusters, each known by the name of its member. */
function membersOf({ inventory }: Vcenter): readonly Placed[] {
  return inventory
    .ofType('ClusterComputeResource')
    .flatMap(({ moid, trustAuthority }) =>
      trustAuthority?.state === 'ENABLE'
        ? trustAuthority.members.map((member) => ({ host: member.name, cluster: moid, member }))
        : [],
    );
}

function summaryOf(kind: ServiceKind, placed: Placed, type: (typeof SUMMARY_TYPES)[number]) {
  const { host, cluster, address, group, trusted_CA: chain } = infoOf(kind, placed);
  return {
    summary_type: type,
    host,
    ...(type !== 'BRIEF' && { cluster, address, group }),
    ...(type === 'FULL' && { trusted_CA: chain }),
  };
}

function infoOf(kind: ServiceKind, { host, cluster, member }: Placed) {
  return {
    host,
    cluster,
    address: networkAddressOf(member[kind]),
    group: member.group,
    trusted_CA: chainOfPem(member.trusted_CA),
  };
}

function isAt(address: NetworkAddress, url: string): boolean {
  return httpsUrlOf(address) === httpsUrlOf(networkAddressOf(url));
}
