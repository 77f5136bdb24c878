import { principalName } from '../../wire/attestation/index.js';
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
import { PACKAGE, cluster, health, onCluster, stsPrincipal, task, x509CertChain } from './types.js';

const SERVICE = 'trust_authority_clusters.consumer_principals';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/consumer-principals';
const READ = { service: SERVICE, object: onCluster, privilege: 'TrustedAdmin.ReadAttestingSSO' } as const;
const CHANGE = { service: SERVICE, object: onCluster, privilege: 'TrustedAdmin.ManageAttestingSSO' } as const;

/** `…/consumer-principals`: which vCenters' hosts may get keys, by the principal that their vCenter signs for. */
export function consumerPrincipalOperations({ members }: Vcenter): readonly VapiOperation[] {
  const summary = { id, principal: stsPrincipal, issuer_alias: id, issuer: string() };
  return [
    task({
      ...CHANGE,
      operation: 'create',
      method: 'POST',
      path: PATH,
      body: 'spec',
      input: {
        cluster,
        spec: structure(`${NAME}.create_spec`, {
          certificates: list(x509CertChain, 8),
          issuer_alias: id,
          issuer: string(),
          principal: stsPrincipal,
        }),
      },
      output: id,
      run: ({ input: { cluster: moid, spec }, signal }) =>
        members.change(moid, 'create', signal, ({ kms }) => kms.principals.create(spec)),
    }),
    task({
      ...READ,
      operation: 'list',
      method: 'POST',
      path: PATH,
      action: 'query',
      body: 'spec',
      input: {
        cluster,
        spec: optional(
          structure(`${NAME}.filter_spec`, {
            id: optional(list(id)),
            principals: optional(list(stsPrincipal)),
            issuer: optional(list(id)),
          }),
        ),
      },
      output: list(structure(`${NAME}.summary`, summary), 4000),
      run: async ({ input: { cluster: moid, spec } }) =>
        (await members.read(moid, ({ kms }) => kms.principals.list()))
          .map(({ profile, principal, issuer_alias, issuer }) => ({
            id: profile,
            principal,
            issuer_alias,
            issuer,
          }))
          .filter(
            (row) =>
              (!spec?.id || spec.id.includes(row.id)) &&
              (!spec?.issuer || spec.issuer.includes(row.issuer)) &&
              (!spec?.principals ||
                spec.principals.some(
                  (one) =>
                    one.type === row.principal.type && principalName(one) === principalName(row.principal),
                )),
          ),
    }),
    task({
      ...READ,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:profile`,
      input: { cluster, profile: id },
      output: structure(`${NAME}.info`, {
        ...summary,
        certificates: list(x509CertChain),
        health,
        message: optional(localizableMessage),
      }),
      run: async ({ input }) => {
        const found = await members.read(input.cluster, ({ kms }) => kms.principals.get(input.profile));
        const [detail] = found.details;
        return {
          id: found.profile,
          principal: found.principal,
          issuer_alias: found.issuer_alias,
          issuer: found.issuer,
          certificates: found.certificates,
          health: found.health,
          ...(detail && { message: { ...detail, args: [...detail.args] } }),
        };
      },
    }),
    task({
      ...CHANGE,
      operation: 'delete',
      method: 'DELETE',
      path: `${PATH}/:profile`,
      input: { cluster, profile: id },
      output: voidType,
      run: ({ input, signal }) =>
        members.change(input.cluster, 'delete', signal, ({ kms }) => kms.principals.delete(input.profile)),
    }),
  ];
}
