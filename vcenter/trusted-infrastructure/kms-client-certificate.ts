import { id, optional, secret, string, structure, voidType } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { PACKAGE, cluster, onCluster, task } from './types.js';

const SERVICE = 'trust_authority_clusters.kms.providers.client_certificate';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/kms/providers/:provider/client-certificate';
const READ = { object: onCluster, privilege: 'TrustedAdmin.ReadKMSTrust' } as const;
const CHANGE = { object: onCluster, privilege: 'TrustedAdmin.ManageKMSTrust' } as const;

/**
 * `…/client-certificate` and its `csr`: how a provider shows itself to its key servers. Each member of a cluster has a
 * key of its own; a CSR is the first member's, and its certificate goes to the member whose key it is for.
 */
export function kmsClientCertificateOperations({ members }: Vcenter): readonly VapiOperation[] {
  const csr = structure(`${NAME}.csr.info`, { csr: string() });
  return [
    task({
      ...CHANGE,
      service: SERVICE,
      operation: 'create',
      method: 'POST',
      path: PATH,
      input: { cluster, provider: id },
      output: voidType,
      run: async ({ input, signal }) => {
        await members.change(input.cluster, 'update', signal, ({ kms }) =>
          kms.providers.createClientCertificate(input.provider),
        );
      },
    }),
    task({
      ...READ,
      service: SERVICE,
      operation: 'get',
      method: 'GET',
      path: PATH,
      input: { cluster, provider: id },
      output: structure(`${NAME}.info`, { certificate: string() }),
      run: ({ input }) =>
        members.read(input.cluster, ({ kms }) => kms.providers.clientCertificate(input.provider)),
    }),
    task({
      ...CHANGE,
      service: SERVICE,
      operation: 'update',
      method: 'PATCH',
      path: PATH,
      body: 'spec',
      input: {
        cluster,
        provider: id,
        spec: structure(`${NAME}.update_spec`, {
          certificate: string(),
          private_key: optional(secret(16_384)),
        }),
      },
      output: voidType,
      run: async ({ input: { cluster: moid, provider, spec }, signal }) => {
        const { certificate, private_key: privateKey } = spec;
        if (privateKey !== undefined) {
          await members.change(moid, 'update', signal, ({ kms }) =>
            kms.providers.setClientCertificate(provider, { certificate, private_key: privateKey }),
          );
          return;
        }
        await members.any(moid, ({ kms }) => kms.providers.setClientCertificate(provider, { certificate }));
      },
    }),
    task({
      ...CHANGE,
      service: `${SERVICE}.csr`,
      operation: 'create',
      method: 'POST',
      path: `${PATH}/csr`,
      input: { cluster, provider: id },
      output: csr,
      run: ({ input }) =>
        members.read(input.cluster, ({ kms }) => kms.providers.createClientCertificateCsr(input.provider)),
    }),
    task({
      ...READ,
      service: `${SERVICE}.csr`,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/csr`,
      input: { cluster, provider: id },
      output: csr,
      run: ({ input }) =>
        members.read(input.cluster, ({ kms }) => kms.providers.clientCertificateCsr(input.provider)),
    }),
  ];
}
