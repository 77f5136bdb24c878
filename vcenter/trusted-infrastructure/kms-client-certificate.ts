import { VapiError } from '../../core/http/index.js';
import { newSelfSignedIdentity, newSigningRequest } from '../key-providers/client-identity.js';
import type { ClientIdentity } from '../key-providers/client-identity.js';
import { id, optional, secret, string, structure, voidType } from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import type { MemberServices } from './members.js';
import { PACKAGE, cluster, onCluster, task } from './types.js';

const SERVICE = 'trust_authority_clusters.kms.providers.client_certificate';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/kms/providers/:provider/client-certificate';
const READ = { object: onCluster, privilege: 'TrustedAdmin.ReadKMSTrust' } as const;
const CHANGE = { object: onCluster, privilege: 'TrustedAdmin.ManageKMSTrust' } as const;

/**
 * `…/client-certificate` and its `csr`: how a provider shows itself to its key servers. The certificate is "used by every
 * host in the cluster" (`ClientCertificate.UpdateSpec`), so that its key is made here and given to every member.
 */
export function kmsClientCertificateOperations(vcenter: Vcenter): readonly VapiOperation[] {
  const { members, providerSecrets: secrets } = vcenter;
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
      run: async ({ input: { cluster: moid, provider }, signal }) => {
        const identity = await newIdentity(vcenter, provider);
        await shareIdentity(vcenter, moid, provider, { identity, signal });
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
      run: ({ input: { cluster: moid, provider, spec }, signal }) => {
        const privateKeyPem = spec.private_key ?? secrets.get(moid, provider).pending?.privateKeyPem;
        if (privateKeyPem === undefined) throw noPendingRequest('INVALID_ARGUMENT');
        const identity = { certificatePem: spec.certificate, privateKeyPem };
        return shareIdentity(vcenter, moid, provider, { identity, signal });
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
      run: async ({ input: { cluster: moid, provider } }) => {
        await members.read(moid, ({ kms }) => kms.providers.clientCertificate(provider));
        const pending = await newSigningRequest(vcenter.context.clock, {
          _typeName: 'CryptoManagerKmipCertSignRequest',
          commonName: provider,
        });
        secrets.update(moid, provider, { pending });
        return { csr: pending.requestPem };
      },
    }),
    task({
      ...READ,
      service: `${SERVICE}.csr`,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/csr`,
      input: { cluster, provider: id },
      output: csr,
      run: async ({ input: { cluster: moid, provider } }) => {
        await members.read(moid, ({ kms }) => kms.providers.clientCertificate(provider));
        const { pending } = secrets.get(moid, provider);
        if (!pending) throw noPendingRequest('NOT_FOUND');
        return { csr: pending.requestPem };
      },
    }),
  ];
}

/** A new key for a provider, with a certificate that it signs itself. */
export function newIdentity({ context }: Vcenter, provider: string): Promise<ClientIdentity> {
  return newSelfSignedIdentity(context.clock, {
    _typeName: 'CryptoManagerKmipCertSignRequest',
    commonName: provider,
  });
}

/** Has a member show that key and certificate. @throws what the member refuses with */
export async function setIdentity(
  { providers }: MemberServices['kms'],
  provider: string,
  { certificatePem: certificate, privateKeyPem }: ClientIdentity,
): Promise<void> {
  await providers.setClientCertificate(provider, { certificate, private_key: privateKeyPem });
}

/** Gives every member the same key and certificate; a CSR that waits is void then. */
function shareIdentity(
  { members, providerSecrets }: Vcenter,
  moid: string,
  provider: string,
  { identity, signal }: { readonly identity: ClientIdentity; readonly signal: AbortSignal },
): Promise<void> {
  return members.change(moid, 'update', signal, ({ kms }) => setIdentity(kms, provider, identity), {
    made: () => providerSecrets.update(moid, provider, { identity, pending: undefined }),
  });
}

function noPendingRequest(type: 'INVALID_ARGUMENT' | 'NOT_FOUND'): VapiError {
  return new VapiError(
    type,
    'There is no pending certificate signing request. Make one with POST …/client-certificate/csr, have it signed, then send the certificate.',
  );
}
