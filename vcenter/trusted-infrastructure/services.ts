import { VapiError } from '../../core/http/index.js';
import { id, list, optional, string, structure, voidType } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { pemOfChain } from './chains.js';
import { passes } from './registered-services.js';
import type { ServiceKind } from './types.js';
import { PACKAGE, SERVICE_KINDS, networkAddress, plain, x509CertChain } from './types.js';

/** Members of a filter on services. */
export const serviceFilter = {
  services: optional(list(id)),
  address: optional(list(networkAddress)),
  group: optional(list(string())),
  trust_authority_cluster: optional(list(string())),
};

/** Members of a service's summary. */
export const serviceSummary = {
  service: id,
  address: networkAddress,
  group: string(),
  trust_authority_cluster: string(),
};

/** Members of all that is known of a service. */
export const serviceInfo = {
  address: networkAddress,
  trusted_CA: x509CertChain,
  group: string(),
  trust_authority_cluster: string(),
};

/** `attestation/services` and `kms/services`: the Trust Authority's services, as this vCenter knows them. */
export function serviceOperations(vcenter: Vcenter): readonly VapiOperation[] {
  return SERVICE_KINDS.flatMap((kind) => operationsOf(kind, vcenter));
}

function operationsOf(
  kind: ServiceKind,
  { registeredServices, inventory }: Vcenter,
): readonly VapiOperation[] {
  const service = `${kind}.services`;
  const name = `${PACKAGE}.${service}`;
  const path = `${kind}/services`;
  return [
    plain({
      service,
      operation: 'list',
      method: 'POST',
      path,
      action: 'query',
      body: 'spec',
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { spec: optional(structure(`${name}.filter_spec`, serviceFilter)) },
      output: list(structure(`${name}.summary`, serviceSummary), 4000),
      run: ({ input }) =>
        registeredServices
          .list(kind)
          .filter((row) => passes(input.spec, row))
          .map(({ trusted_CA: _, ...summary }) => summary),
    }),
    plain({
      service,
      operation: 'create',
      method: 'POST',
      path,
      body: 'spec',
      privilege: 'TrustedAdmin.ManageTrustedHosts',
      input: { spec: structure(`${name}.create_spec`, serviceInfo) },
      output: id,
      run: ({ input: { spec } }) => {
        pemOfChain(spec.trusted_CA);
        return registeredServices.register(kind, spec);
      },
    }),
    plain({
      service,
      operation: 'get',
      method: 'GET',
      path: `${path}/:service`,
      privilege: 'TrustedAdmin.ReadTrustedHosts',
      input: { service: id },
      output: structure(`${name}.info`, serviceInfo),
      run: ({ input }) => {
        const { service: _, ...info } = registeredServices.get(kind, input.service);
        return info;
      },
    }),
    plain({
      service,
      operation: 'delete',
      method: 'DELETE',
      path: `${path}/:service`,
      privilege: 'TrustedAdmin.ManageTrustedHosts',
      input: { service: id },
      output: voidType,
      run: ({ input }) => {
        const user = inventory
          .ofType('ClusterComputeResource')
          .find(({ trusted }) => trusted?.[kind].some((one) => one.service === input.service));
        if (user) {
          throw new VapiError(
            'RESOURCE_BUSY',
            `The cluster ${user.name} uses this service; remove it from there first.`,
          );
        }
        registeredServices.remove(kind, input.service);
      },
    }),
  ];
}
