import { VapiError } from '../../core/http/index.js';
import { httpsUrlOf, networkAddressOf } from '../../wire/attestation/index.js';
import {
  id,
  list,
  localizableMessage,
  optional,
  string,
  structure,
  voidType,
} from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { compareApplied, remediate, removeApplied, worstHealth } from './applied-config.js';
import { chainOfPem } from './chains.js';
import type { ServiceKind } from './types.js';
import {
  KIND_TEXTS,
  PACKAGE,
  SERVICE_KINDS,
  appliedHealth,
  cluster,
  networkAddress,
  onCluster,
  task,
  x509CertChain,
} from './types.js';

/** First version with these operations. */
const SINCE = '7.0.1';

/**
 * `trusted-clusters/{cluster}/…/services-applied-config`: whether hosts have what is desired, for each kind of service
 * and for all of them; PATCH makes them have it, DELETE takes it from them.
 */
export function appliedConfigOperations(vcenter: Vcenter): readonly VapiOperation[] {
  return [...SERVICE_KINDS.flatMap((kind) => ofKind(kind, vcenter)), ...ofAll(vcenter)];
}

function ofKind(kind: ServiceKind, vcenter: Vcenter): readonly VapiOperation[] {
  const service = `trusted_clusters.${kind}.services_applied_config`;
  const name = `${PACKAGE}.${service}`;
  const path = `trusted-clusters/:cluster/${kind}/services-applied-config`;
  const common = { service, object: onCluster, since: SINCE };
  const summary = { health: appliedHealth, address: networkAddress, service: optional(id) };
  return [
    task({
      ...common,
      operation: 'list',
      method: 'POST',
      path,
      action: 'query',
      body: 'spec',
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: {
        cluster,
        spec: optional(
          structure(`${name}.filter_spec`, {
            health: optional(list(appliedHealth)),
            address: optional(list(networkAddress)),
          }),
        ),
      },
      output: list(structure(`${name}.summary`, summary)),
      run: async ({ input: { cluster: moid, spec } }) =>
        (await compareApplied(vcenter, vcenter.members.cluster(moid), kind))
          .filter(
            (one) =>
              (!spec?.health || spec.health.includes(one.health)) &&
              (!spec?.address || spec.address.some((address) => httpsUrlOf(address) === one.address)),
          )
          .map(({ health, address, desired }) => ({
            health,
            address: networkAddressOf(address),
            ...(desired && { service: desired.service }),
          })),
    }),
    task({
      ...common,
      operation: 'get',
      method: 'GET',
      path,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { cluster, address: networkAddress },
      output: structure(`${name}.info`, {
        ...summary,
        groups: list(string()),
        trustedc_as: list(x509CertChain),
        details: list(localizableMessage),
      }),
      run: async ({ input }) => {
        const all = await compareApplied(vcenter, vcenter.members.cluster(input.cluster), kind);
        const found = all.find(({ address }) => address === httpsUrlOf(input.address));
        if (!found) {
          throw new VapiError('NOT_FOUND', `Neither cluster nor hosts have a ${KIND_TEXTS[kind]} there.`);
        }
        return {
          health: found.health,
          address: networkAddressOf(found.address),
          ...(found.desired && { service: found.desired.service }),
          groups: [...found.groups],
          trustedc_as: found.authorities.map(chainOfPem),
          details: found.details.map((one) => ({ ...one, args: [...one.args] })),
        };
      },
    }),
    ...changes(vcenter, service, path, [kind]),
  ];
}

function ofAll(vcenter: Vcenter): readonly VapiOperation[] {
  const service = 'trusted_clusters.services_applied_config';
  const path = 'trusted-clusters/:cluster/services-applied-config';
  return [
    task({
      service,
      object: onCluster,
      since: SINCE,
      operation: 'get',
      method: 'GET',
      path,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { cluster },
      output: structure(`${PACKAGE}.${service}.info`, {
        health: appliedHealth,
        details: list(localizableMessage, 4000),
      }),
      run: async ({ input }) => {
        const entity = vcenter.members.cluster(input.cluster);
        const compared = await Promise.all(
          SERVICE_KINDS.map((kind) => compareApplied(vcenter, entity, kind)),
        );
        return {
          health: worstHealth(compared.flat().map(({ health }) => health)),
          details: compared
            .flat()
            .flatMap(({ details }) => details.map((one) => ({ ...one, args: [...one.args] }))),
        };
      },
    }),
    ...changes(vcenter, service, path, SERVICE_KINDS),
  ];
}

/** Remediation and removal, for some kinds of services. */
function changes(
  vcenter: Vcenter,
  service: string,
  path: string,
  kinds: readonly ServiceKind[],
): readonly VapiOperation[] {
  const common = {
    service,
    path,
    object: onCluster,
    since: SINCE,
    cancelable: true,
    privilege: 'TrustedAdmin.ManageTrustedHosts',
    input: { cluster },
    output: voidType,
  } as const;
  return [
    task({
      ...common,
      operation: 'update',
      method: 'PATCH',
      run: ({ input, signal }) => remediate(vcenter, vcenter.members.cluster(input.cluster), kinds, signal),
    }),
    task({
      ...common,
      operation: 'delete',
      method: 'DELETE',
      run: ({ input, signal }) =>
        removeApplied(vcenter, vcenter.members.cluster(input.cluster), kinds, signal),
    }),
  ];
}
