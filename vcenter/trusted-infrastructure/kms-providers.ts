import * as z from 'zod';

import { errorText } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import type { KmsProviderInfo } from '../../trust-authority/client.js';
import {
  boolean,
  enumeration,
  id,
  integer,
  list,
  localizableMessage,
  optional,
  string,
  structure,
  voidType,
} from '../../wire/vapi/index.js';
import type { VapiOperation } from '../vapi/operation.js';
import type { Vcenter } from '../vcenter.js';
import { newIdentity, setIdentity } from './kms-client-certificate.js';
import type { MemberServices } from './members.js';
import { PACKAGE, cluster, health, message, networkAddress, onCluster, task } from './types.js';

const SERVICE = 'trust_authority_clusters.kms.providers';
const NAME = `${PACKAGE}.${SERVICE}`;
const PATH = 'trust-authority-clusters/:cluster/kms/providers';

const type = enumeration(['KMIP']);
const server = structure(`${NAME}.server`, { name: string(), address: networkAddress });
const servers = list(server, 16);
/** Seconds. */
const timeout = integer(z.int().min(1).max(600));

const createSpec = structure(`${NAME}.create_spec`, {
  provider: id,
  master_key_id: string(),
  key_server: structure(`${NAME}.key_server_create_spec`, {
    type,
    description: optional(string()),
    proxy_server: optional(networkAddress),
    connection_timeout: optional(timeout),
    kmip_server: optional(
      structure(`${NAME}.kmip_server_create_spec`, { servers, username: optional(string()) }),
    ),
  }),
});

const updateSpec = structure(`${NAME}.update_spec`, {
  master_key_id: optional(string()),
  key_server: optional(
    structure(`${NAME}.key_server_update_spec`, {
      type: optional(type),
      description: optional(string()),
      proxy_server: optional(networkAddress),
      connection_timeout: optional(timeout),
      kmip_server: optional(
        structure(`${NAME}.kmip_server_update_spec`, {
          servers: optional(servers),
          username: optional(string()),
        }),
      ),
    }),
  ),
});

const serverInfo = {
  health,
  details: list(localizableMessage),
  client_trust_server: boolean,
  server_trust_client: boolean,
  name: string(),
};

const info = structure(`${NAME}.info`, {
  master_key_id: string(),
  key_server: structure(`${NAME}.key_server_info`, {
    type,
    description: string(),
    proxy_server: optional(networkAddress),
    connection_timeout: optional(integer()),
    kmip_server: optional(structure(`${NAME}.kmip_server_info`, { servers, username: optional(string()) })),
  }),
  status: structure(`${NAME}.status`, {
    health,
    details: list(localizableMessage),
    servers: list(structure(`${NAME}.server_info`, serverInfo)),
  }),
});

/** `…/kms/providers`: trusted key providers, each with its primary key in a key server. */
export function kmsProviderOperations(vcenter: Vcenter): readonly VapiOperation[] {
  const { members, providerSecrets } = vcenter;
  const common = { service: SERVICE, object: onCluster };
  return [
    task({
      ...common,
      operation: 'list',
      method: 'GET',
      path: PATH,
      privilege: 'TrustedAdmin.ReadKMSTrust',
      input: { cluster },
      output: list(structure(`${NAME}.summary`, { provider: id, health }), 4000),
      run: async ({ input }) => {
        const all = await members.read(input.cluster, ({ kms }) => kms.providers.list());
        return all.map(({ provider, status }) => ({ provider, health: status }));
      },
    }),
    task({
      ...common,
      operation: 'create',
      method: 'POST',
      path: PATH,
      body: 'spec',
      privilege: 'TrustedAdmin.ManageKMSTrust',
      input: { cluster, spec: createSpec },
      output: voidType,
      run: async ({ input: { cluster: moid, spec }, signal }) => {
        const { provider } = spec;
        const identity = await newIdentity(vcenter, provider);
        const isKnown = (): boolean => providerSecrets.get(moid, provider).identity !== undefined;
        let wasKnown = false;
        await members.change(
          moid,
          'create',
          signal,
          async ({ kms }) => {
            await kms.providers.create(spec);
            await setIdentity(kms, provider, identity);
          },
          {
            // Before the first member has it: whoever takes a change up that was cut off gives it to all.
            begun: () => {
              wasKnown = isKnown();
              if (!wasKnown) providerSecrets.update(moid, provider, { identity });
            },
            made: () => providerSecrets.update(moid, provider, { identity, pending: undefined }),
            refused: () => {
              if (!wasKnown) providerSecrets.forget(moid, provider);
            },
          },
        );
      },
    }),
    task({
      ...common,
      operation: 'update',
      method: 'PATCH',
      path: `${PATH}/:provider`,
      body: 'spec',
      privilege: 'TrustedAdmin.ManageKMSTrust',
      input: { cluster, provider: id, spec: updateSpec },
      output: voidType,
      run: ({ input: { cluster: moid, provider, spec }, signal }) =>
        members.change(moid, 'update', signal, async ({ kms }) => {
          const { master_key_id: masterKeyId, key_server: keyServer } = spec;
          const before = await kms.providers.get(provider);
          const { type: _, kmip_server: kmip, ...rest } = keyServer ?? {};
          await kms.providers.update(provider, {
            ...(masterKeyId !== undefined && { master_key_id: masterKeyId }),
            ...(keyServer && {
              key_server: {
                ...rest,
                ...(kmip && {
                  kmip_server: {
                    servers: kmip.servers ?? before.key_server.kmip_server?.servers ?? [],
                    username: kmip.username ?? before.key_server.kmip_server?.username,
                  },
                }),
              },
            }),
          });
        }),
    }),
    task({
      ...common,
      operation: 'get',
      method: 'GET',
      path: `${PATH}/:provider`,
      privilege: 'TrustedAdmin.ReadKMSTrust',
      input: { cluster, provider: id },
      output: info,
      run: ({ input }) =>
        members.read(input.cluster, async ({ kms }) => {
          const provider = await kms.providers.get(input.provider);
          const { key_server: keyServer } = provider;
          return {
            master_key_id: provider.master_key_id,
            key_server: {
              ...keyServer,
              description: keyServer.description ?? '',
              kmip_server: keyServer.kmip_server && {
                ...keyServer.kmip_server,
                servers: [...keyServer.kmip_server.servers],
              },
            },
            status: {
              health: provider.status,
              details: provider.details.map((one) => ({ ...one, args: [...one.args] })),
              servers: await serverInfos(kms, provider),
            },
          };
        }),
    }),
    task({
      ...common,
      operation: 'delete',
      method: 'DELETE',
      path: `${PATH}/:provider`,
      privilege: 'TrustedAdmin.ManageKMSTrust',
      input: { cluster, provider: id },
      output: voidType,
      run: async ({ input: { cluster: moid, provider }, signal }) => {
        const forget = (): void => providerSecrets.forget(moid, provider);
        try {
          await members.change(moid, 'delete', signal, ({ kms }) => kms.providers.delete(provider), {
            made: forget,
          });
        } catch (error) {
          // It went from the members before, in a change that was cut off.
          if (error instanceof VapiError && error.type === 'NOT_FOUND') forget();
          throw error;
        }
      },
    }),
  ];
}

/**
 * Who of provider and key servers trusts whom. A provider that works is trusted by all of its servers; of one that
 * does not only its own trust can be told, by the certificates that the servers show.
 */
async function serverInfos(
  kms: MemberServices['kms'],
  { provider, status, key_server: keyServer }: KmsProviderInfo,
) {
  const named = keyServer.kmip_server?.servers ?? [];
  const works = status === 'OK';
  const shown = works ? [] : await kms.providers.remoteServerCertificates(provider).catch(errorText);
  return named.map(({ name }) => {
    if (works) {
      return { health: status, details: [], client_trust_server: true, server_trust_client: true, name };
    }
    const trusted = typeof shown !== 'string' && shown.some((one) => one.server === name && one.trusted);
    const problem =
      typeof shown === 'string'
        ? shown
        : trusted
          ? `The key server ${name} is trusted, but gives no primary key; let it trust the client certificate.`
          : `The certificate of the key server ${name} is not trusted; add it to peer-certs/trusted.`;
    return {
      health: 'ERROR' as const,
      details: [message('keyServer', problem)],
      client_trust_server: trusted,
      server_trust_client: false,
      name,
    };
  });
}
