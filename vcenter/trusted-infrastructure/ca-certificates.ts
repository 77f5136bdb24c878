import { VapiError } from '../../core/http/index.js';
import { id, list, localizableMessage, optional, structure, voidType } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { PACKAGE, cluster, health, onCluster, task, x509CertChain } from './types.js';

const SERVICE = 'trust_authority_clusters.attestation.tpm2.ca_certificates';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/attestation/tpm2/ca-certificates';

/** `…/attestation/tpm2/ca-certificates`: the makers of TPMs that are trusted. */
export function caCertificateOperations({ members }: Vcenter): readonly VapiOperation[] {
  const common = { service: SERVICE, object: onCluster };
  return [
    task({
      ...common,
      operation: 'list',
      method: 'GET',
      path: PATH,
      privilege: 'TrustedAdmin.RetrieveTPMHostCertificates',
      input: { cluster },
      output: list(structure(`${NAME}.summary`, { name: id, health }), 4000),
      run: async ({ input }) => {
        const all = await members.read(input.cluster, ({ attestation }) => attestation.caCertificates.list());
        return all.map(({ name }) => ({ name, health: 'OK' as const }));
      },
    }),
    task({
      ...common,
      operation: 'create',
      method: 'POST',
      path: PATH,
      body: 'spec',
      privilege: 'TrustedAdmin.ConfigureHostCertificates',
      input: {
        cluster,
        spec: structure(`${NAME}.create_spec`, { name: id, cert_chain: optional(x509CertChain) }),
      },
      output: voidType,
      run: ({ input: { cluster: moid, spec }, signal }) => {
        const { name, cert_chain: chain } = spec;
        if (!chain)
          throw new VapiError('INVALID_ARGUMENT', 'Give the certificates in cert_chain, root first.');
        return members.change(moid, 'create', signal, ({ attestation }) =>
          attestation.caCertificates.create({ name, cert_chain: chain }),
        );
      },
    }),
    task({
      ...common,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:name`,
      privilege: 'TrustedAdmin.RetrieveTPMHostCertificates',
      input: { cluster, name: id },
      output: structure(`${NAME}.info`, {
        cert_chain: x509CertChain,
        health,
        details: list(localizableMessage),
      }),
      run: async ({ input }) => {
        const info = await members.read(input.cluster, ({ attestation }) =>
          attestation.caCertificates.get(input.name),
        );
        return { cert_chain: info.cert_chain, health: 'OK' as const, details: [] };
      },
    }),
    task({
      ...common,
      operation: 'delete',
      method: 'DELETE',
      path: `${PATH}/:name`,
      privilege: 'TrustedAdmin.ConfigureHostCertificates',
      input: { cluster, name: id },
      output: voidType,
      run: ({ input, signal }) =>
        members.change(input.cluster, 'delete', signal, ({ attestation }) =>
          attestation.caCertificates.delete(input.name),
        ),
    }),
  ];
}
