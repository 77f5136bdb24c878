import { VapiError } from '../../core/http/index.js';
import { httpsUrlOf } from '../../wire/attestation/index.js';
import { enumeration, id, list, optional, string, structure, voidType } from '../../wire/vapi/index.js';
import type { ClusterEntity, TrustedClusterConfiguration } from '../inventory/entities.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { pemOfChain } from './chains.js';
import type { RegisteredService } from './registered-services.js';
import { passes } from './registered-services.js';
import { serviceFilter, serviceInfo, serviceSummary } from './services.js';
import type { ServiceKind } from './types.js';
import { KIND_TEXTS, PACKAGE, SERVICE_KINDS, cluster, onCluster, plain, task } from './types.js';

/** Services of one kind that one cluster uses, as hosts bound them. */
const SERVICE_LIMIT = 16;

/** `trusted-clusters/{cluster}/{attestation,kms}/services`: the desired state of a trusted cluster. */
export function trustedClusterServiceOperations(vcenter: Vcenter): readonly VapiOperation[] {
  return SERVICE_KINDS.flatMap((kind) => operationsOf(kind, vcenter));
}

function operationsOf(kind: ServiceKind, vcenter: Vcenter): readonly VapiOperation[] {
  const { members, registeredServices } = vcenter;
  const service = `trusted_clusters.${kind}.services`;
  const name = `${PACKAGE}.${service}`;
  const path = `trusted-clusters/:cluster/${kind}/services`;
  const common = { service, object: onCluster };
  const used = (moid: string): readonly (RegisteredService & { readonly service: string })[] =>
    registeredServices
      .list(kind)
      .filter(({ service: id }) => members.cluster(moid).trusted?.[kind].some((one) => one.service === id));
  return [
    plain({
      ...common,
      operation: 'list',
      method: 'POST',
      path,
      action: 'query',
      body: 'spec',
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { cluster, spec: optional(structure(`${name}.filter_spec`, serviceFilter)) },
      output: list(structure(`${name}.summary`, serviceSummary)),
      run: ({ input }) =>
        used(input.cluster)
          .filter((row) => passes(input.spec, row))
          .map(({ trusted_CA: _, ...summary }) => summary),
    }),
    plain({
      ...common,
      operation: 'get',
      method: 'GET',
      path: `${path}/:service`,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { cluster, service: id },
      output: structure(`${name}.info`, serviceInfo),
      run: ({ input }) => {
        const { service: _, ...info } = requireUsed(kind, used(input.cluster), input.service);
        return info;
      },
    }),
    task({
      ...common,
      operation: 'create',
      method: 'POST',
      path,
      body: 'spec',
      privilege: 'TrustedAdmin.ManageTrustedHosts',
      input: {
        cluster,
        spec: structure(`${name}.create_spec`, {
          type: enumeration(['SERVICE', 'CLUSTER']),
          service: optional(id),
          trust_authority_cluster: optional(string()),
        }),
      },
      output: id,
      run: ({ input: { cluster: moid, spec } }) => {
        const wanted =
          spec.type === 'SERVICE'
            ? [registeredServices.get(kind, required(spec.service, 'service'))]
            : ofTrustAuthority(
                kind,
                registeredServices.list(kind),
                required(spec.trust_authority_cluster, 'trust_authority_cluster'),
              );
        return add(vcenter, kind, members.cluster(moid), wanted);
      },
    }),
    task({
      ...common,
      operation: 'delete',
      method: 'DELETE',
      path: `${path}/:service`,
      privilege: 'TrustedAdmin.ManageTrustedHosts',
      input: { cluster, service: id },
      output: voidType,
      run: async ({ input }) => {
        requireUsed(kind, used(input.cluster), input.service);
        const entity = members.cluster(input.cluster);
        const before = entity.trusted ?? NOTHING;
        const after = { ...before, [kind]: before[kind].filter((one) => one.service !== input.service) };
        await vcenter.topology.setTrustedInfrastructure(
          entity,
          after.attestation.length + after.kms.length === 0 ? undefined : after,
        );
      },
    }),
  ];
}

const NOTHING: TrustedClusterConfiguration = { attestation: [], kms: [] };

/** Adds services to a cluster's desired state, which its hosts are told at once; the id of the first. */
async function add(
  { topology }: Vcenter,
  kind: ServiceKind,
  entity: ClusterEntity,
  wanted: readonly (RegisteredService & { readonly service: string })[],
): Promise<string> {
  if (entity.trustAuthority?.state === 'ENABLE') {
    throw new VapiError(
      'NOT_ALLOWED_IN_CURRENT_STATE',
      `${entity.name} is a Trust Authority cluster, and a cluster cannot be both; choose another one.`,
    );
  }
  const before = entity.trusted ?? NOTHING;
  const added = wanted.filter((one) => !before[kind].some(({ service }) => service === one.service));
  const [first] = added;
  if (!first) {
    throw new VapiError('ALREADY_EXISTS', `The cluster uses this ${KIND_TEXTS[kind]} already.`);
  }
  if (before[kind].length + added.length > SERVICE_LIMIT) {
    throw new VapiError('INVALID_ARGUMENT', `A cluster uses at most ${SERVICE_LIMIT} services of a kind.`);
  }
  const services = added.map(({ service, address, trusted_CA: chain, group }) => ({
    service,
    address: httpsUrlOf(address),
    trusted_CA: pemOfChain(chain),
    group,
  }));
  await topology.setTrustedInfrastructure(entity, { ...before, [kind]: [...before[kind], ...services] });
  return first.service;
}

/** All registered services of one Trust Authority cluster. @throws VapiError `NOT_FOUND` */
function ofTrustAuthority<T extends RegisteredService>(
  kind: ServiceKind,
  all: readonly T[],
  trustAuthorityCluster: string,
): readonly T[] {
  const found = all.filter((one) => one.trust_authority_cluster === trustAuthorityCluster);
  if (found.length > 0) return found;
  throw new VapiError(
    'NOT_FOUND',
    `No ${KIND_TEXTS[kind]} of that Trust Authority cluster is registered; register its services first.`,
  );
}

function required(value: string | undefined, field: string): string {
  if (value !== undefined) return value;
  throw new VapiError('INVALID_ARGUMENT', `Give spec.${field}; the type asks for it.`);
}

function requireUsed<T extends { readonly service: string }>(
  kind: ServiceKind,
  used: readonly T[],
  service: string,
): T {
  const found = used.find((one) => one.service === service);
  if (found) return found;
  throw new VapiError('NOT_FOUND', `The cluster does not use a ${KIND_TEXTS[kind]} of that id.`);
}
