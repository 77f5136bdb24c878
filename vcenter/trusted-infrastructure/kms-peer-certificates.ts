import { errorText } from '../../core/errors.js';
import {
  boolean,
  id,
  list,
  localizableMessage,
  optional,
  secret,
  string,
  structure,
  voidType,
} from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import type { MemberServices } from './members.js';
import { PACKAGE, cluster, message, onCluster, task } from './types.js';

const PROVIDERS = 'trust_authority_clusters.kms.providers';
const PATH = 'trust-authority-clusters/:cluster/kms/providers/:provider';
const READ = { object: onCluster, privilege: 'TrustedAdmin.ReadKMSTrust' } as const;
const CHANGE = { object: onCluster, privilege: 'TrustedAdmin.ManageKMSTrust' } as const;

/** `…/peer-certs/{current,trusted}` and `…/credential`: how a provider trusts its key servers, and logs in to them. */
export function kmsPeerCertificateOperations({
  members,
  providerSecrets,
}: Vcenter): readonly VapiOperation[] {
  const current = `${PROVIDERS}.current_peer_certificates`;
  const trusted = `${PROVIDERS}.trusted_peer_certificates`;
  return [
    task({
      ...READ,
      service: current,
      operation: 'list',
      method: 'GET',
      path: `${PATH}/peer-certs/current`,
      input: {
        cluster,
        provider: id,
        spec: optional(
          structure(`${PACKAGE}.${current}.filter_spec`, {
            server_names: optional(list(string())),
            trusted: optional(boolean),
          }),
        ),
      },
      output: list(
        structure(`${PACKAGE}.${current}.summary`, {
          server_name: string(),
          certificate: optional(string()),
          error_messages: list(localizableMessage),
          trusted: boolean,
        }),
      ),
      run: async ({ input: { cluster: moid, provider, spec } }) =>
        (await members.read(moid, ({ kms }) => shownBy(kms, provider))).filter(
          (row) =>
            (!spec?.server_names || spec.server_names.includes(row.server_name)) &&
            (spec?.trusted === undefined || spec.trusted === row.trusted),
        ),
    }),
    task({
      ...READ,
      service: trusted,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/peer-certs/trusted`,
      input: { cluster, provider: id },
      output: structure(`${PACKAGE}.${trusted}.info`, { certificates: list(string()) }),
      run: ({ input }) =>
        members.read(input.cluster, async ({ kms }) => {
          const { certificates } = await kms.providers.serverCertificates(input.provider);
          return { certificates: [...certificates] };
        }),
    }),
    task({
      ...CHANGE,
      service: trusted,
      operation: 'update',
      method: 'PATCH',
      path: `${PATH}/peer-certs/trusted`,
      body: 'spec',
      input: {
        cluster,
        provider: id,
        spec: structure(`${PACKAGE}.${trusted}.update_spec`, { certificates: optional(list(string(), 16)) }),
      },
      output: voidType,
      run: async ({ input: { cluster: moid, provider, spec }, signal }) => {
        const { certificates } = spec;
        if (certificates === undefined) return;
        await members.change(moid, 'update', signal, ({ kms }) =>
          kms.providers.setServerCertificates(provider, certificates),
        );
      },
    }),
    task({
      ...CHANGE,
      service: `${PROVIDERS}.credential`,
      operation: 'set',
      method: 'PUT',
      path: `${PATH}/credential`,
      body: 'credential',
      input: { cluster, provider: id, credential: secret(1024) },
      output: voidType,
      run: ({ input, signal }) =>
        members.change(
          input.cluster,
          'update',
          signal,
          ({ kms }) => kms.providers.setCredential(input.provider, input.credential),
          {
            made: () =>
              providerSecrets.update(input.cluster, input.provider, { credential: input.credential }),
          },
        ),
    }),
  ];
}

/** What the key servers show right now; where one cannot be asked, why not. */
async function shownBy(kms: MemberServices['kms'], provider: string) {
  const { key_server: keyServer } = await kms.providers.get(provider);
  const named = (keyServer.kmip_server?.servers ?? []).map(({ name }) => name);
  try {
    const shown = await kms.providers.remoteServerCertificates(provider);
    return shown.map(({ server, certificate, trusted }) => ({
      server_name: server,
      certificate,
      error_messages: [],
      trusted,
    }));
  } catch (error) {
    const problem = message('keyServer', `The certificate cannot be had: ${errorText(error)}`);
    return named.map((name) => ({ server_name: name, error_messages: [problem], trusted: false }));
  }
}
