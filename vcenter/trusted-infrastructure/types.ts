import type { Fields, VapiType, VapiValue } from '../../wire/vapi/index.js';
import { enumeration, id, integer, list, optional, string, structure } from '../../wire/vapi/index.js';
import * as z from 'zod';

import { referenceTo } from '../inventory/entities.js';
import type { VapiOperation } from '../vapi/operation.js';
import { vapiOperation } from '../vapi/operation.js';

/** Package of all services here. */
export const PACKAGE = 'com.vmware.vcenter.trusted_infrastructure';
/** Path of all operations here. */
export const ROOT = '/api/vcenter/trusted-infrastructure';

/** Certificates in PEM. */
export const x509CertChain = structure(`${PACKAGE}.x509_cert_chain`, {
  cert_chain: list(
    string(
      z
        .string()
        .min(1)
        .max(64 * 1024),
    ),
    16,
  ),
});

/** A DNS name or IP address, and a port. */
export const networkAddress = structure(`${PACKAGE}.network_address`, {
  hostname: string(
    z
      .string()
      .min(1)
      .max(255)
      .regex(/^[A-Za-z0-9._:-]+$/, 'a host name or an IP address'),
  ),
  port: optional(integer(z.int().min(1).max(65_535))),
});

/** A user or group of a vCenter's Security Token Service. */
export const stsPrincipal = structure(`${PACKAGE}.sts_principal`, {
  id: structure(`${PACKAGE}.sts_principal_id`, { name: string(), domain: string() }),
  type: enumeration(['STS_USER', 'STS_GROUP']),
});

/** Value of {@link stsPrincipal}. */
export type StsPrincipalValue = VapiValue<typeof stsPrincipal>;

/** Health as most services tell it. */
export const health = enumeration(['NONE', 'OK', 'WARNING', 'ERROR']);

/** Health of an applied configuration. */
export const appliedHealth = enumeration(['NONE', 'OK', 'ERROR']);

/** Words of {@link appliedHealth}. */
export type AppliedHealth = VapiValue<typeof appliedHealth>;

/** The two kinds of services of a Trust Authority cluster, as paths and packages name them. */
export const SERVICE_KINDS = ['attestation', 'kms'] as const;

/** A kind of service. */
export type ServiceKind = (typeof SERVICE_KINDS)[number];

/** What the kinds are called in texts. */
export const KIND_TEXTS = {
  attestation: 'attestation service',
  kms: 'key provider service',
} as const satisfies Record<ServiceKind, string>;

/** The path parameter of a cluster. */
export const cluster = id;

/** How an operation here is written: `service` without the package, `path` below the root; versions by default. */
type Row<F extends Fields, O extends VapiType> = Omit<
  Parameters<typeof vapiOperation<F, O>>[0],
  'task' | 'since' | 'deprecated' | 'until' | 'changes'
> & { readonly since?: string; readonly changes?: boolean };

/** An operation that answers with its result. */
export function plain<const F extends Fields, O extends VapiType>(row: Row<F, O>): VapiOperation {
  return made('never', row);
}

/** An operation that runs as a task. */
export function task<const F extends Fields, O extends VapiType>(row: Row<F, O>): VapiOperation {
  return made('only', row);
}

/** vSphere Trust Authority came with 7.0, is deprecated from 8.0 Update 3, and is gone from 9.0. */
function made<const F extends Fields, O extends VapiType>(
  kind: VapiOperation['task'],
  row: Row<F, O>,
): VapiOperation {
  return vapiOperation<F, O>({
    since: '7.0.0',
    deprecated: '8.0.3',
    until: '9.0.0',
    changes: row.method !== 'GET' && row.action !== 'query',
    ...row,
    service: row.service === '' ? PACKAGE : `${PACKAGE}.${row.service}`,
    path: `${ROOT}/${row.path}`,
    task: kind,
  });
}

/** Privileges of operations on a cluster are asked for on the cluster. */
export function onCluster(input: { readonly cluster: string }): ReturnType<typeof referenceTo> {
  return referenceTo('ClusterComputeResource', input.cluster);
}

/** A message of the vAPI with a text of kpsim. */
export function message(key: string, text: string): { id: string; default_message: string; args: string[] } {
  return { id: `kpsim.trustedInfrastructure.${key}`, default_message: text, args: [] };
}
