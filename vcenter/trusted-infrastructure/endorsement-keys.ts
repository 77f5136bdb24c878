import { X509Certificate } from 'node:crypto';

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
import { PACKAGE, cluster, health, onCluster, task } from './types.js';

const SERVICE = 'trust_authority_clusters.attestation.tpm2.endorsement_keys';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/attestation/tpm2/endorsement-keys';

/** `…/attestation/tpm2/endorsement-keys`: TPMs that are registered one by one. */
export function endorsementKeyOperations({ members }: Vcenter): readonly VapiOperation[] {
  const common = { service: SERVICE, object: onCluster };
  return [
    task({
      ...common,
      operation: 'list',
      method: 'GET',
      path: PATH,
      privilege: 'TrustedAdmin.RetrieveTPMHostCertificates',
      input: { cluster },
      output: list(structure(`${NAME}.summary`, { name: id, health }), 100_000),
      run: async ({ input }) => {
        const all = await members.read(input.cluster, ({ attestation }) =>
          attestation.endorsementKeys.list(),
        );
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
        spec: structure(`${NAME}.create_spec`, {
          name: id,
          public_key: optional(string()),
          certificate: optional(string()),
        }),
      },
      output: voidType,
      run: ({ input: { cluster: moid, spec }, signal }) =>
        members.change(moid, 'create', signal, ({ attestation }) =>
          attestation.endorsementKeys.create({
            name: spec.name,
            ...(spec.public_key !== undefined && { public_key: spec.public_key }),
            ...(spec.certificate !== undefined && { certificate: spec.certificate }),
          }),
        ),
    }),
    task({
      ...common,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:name`,
      privilege: 'TrustedAdmin.RetrieveTPMHostCertificates',
      input: { cluster, name: id },
      output: structure(`${NAME}.info`, { public_key: string(), health, details: list(localizableMessage) }),
      run: async ({ input }) => {
        const { public_key: key, certificate } = await members.read(input.cluster, ({ attestation }) =>
          attestation.endorsementKeys.get(input.name),
        );
        const shown =
          key ??
          new X509Certificate(certificate ?? '').publicKey.export({ type: 'spki', format: 'pem' }).toString();
        return { public_key: shown, health: 'OK' as const, details: [] };
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
          attestation.endorsementKeys.delete(input.name),
        ),
    }),
  ];
}
