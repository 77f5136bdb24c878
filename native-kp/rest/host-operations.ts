import { KpsimError } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import type { LocalizableMessage } from '../../core/http/index.js';
import type { HostProvider } from '../../host-agent/client.js';
import { message } from '../provider/health.js';
import type { ProviderHealth } from '../provider/health.js';
import type { ProviderRecord } from '../store.js';
import { exclusionOf } from '../supply/host.js';
import type { Exclusion, SuppliedHost } from '../supply/host.js';
import { parameter } from './operation.js';
import type { Operation, OperationRequest } from './operation.js';
import type { OperationParts } from './provider-operations.js';

const PROVIDERS = '/api/vcenter/crypto-manager/hosts/:host/kms/providers';
const READ = 'Cryptographer.ReadKeyServersInfo';

/** A provider as one host has it: `hosts.kms.Providers.Summary` and `Info` in one. */
interface HostView {
  readonly provider: string;
  readonly type: HostProvider['type'];
  readonly health: ProviderHealth;
  readonly details: readonly LocalizableMessage[];
  readonly keyId?: string | undefined;
}

const EXCLUSIONS: Readonly<Record<Exclusion, { readonly id: string; readonly text: string }>> = {
  not_in_cluster: {
    id: 'vim.vpxd.encryption.NativeKeyProviderNotSupported.NotInCluster',
    text: 'native key providers are for hosts in clusters only; a cluster of one host will do',
  },
  no_tpm: {
    id: 'kpsim.nativeKeyProvider.tpmRequired',
    text: 'the provider is restricted to hosts with a TPM 2.0',
  },
};

/** `com.vmware.vcenter.crypto_manager.hosts.kms.providers` of the vSphere Automation API. */
export function hostOperations({ providers, supply }: OperationParts): readonly Operation[] {
  const hostOf = (request: OperationRequest): SuppliedHost => {
    const host = supply.host(parameter(request, 'host'));
    if (host) return host;
    throw new VapiError('NOT_FOUND', 'This vCenter has no host of that id; list the hosts.');
  };
  const viewsOf = async (host: SuppliedHost): Promise<readonly HostView[]> => {
    const own = providers.list();
    try {
      const held = await supply.ask(host);
      return [...held.map((provider) => heldView(host, provider, own)), ...missingViews(host, held, own)];
    } catch (error) {
      if (!(error instanceof KpsimError)) throw error;
      return own
        .filter((provider) => !exclusionOf(host, provider))
        .map((provider) =>
          view(provider, 'WARNING', 'kpsim.nativeKeyProvider.hostUnreachable', error.message),
        );
    }
  };
  return [
    {
      name: 'hosts.kms.providers.list',
      method: 'get',
      path: PROVIDERS,
      access: READ,
      run: async (request) => {
        const views = await viewsOf(hostOf(request));
        return views.map(({ provider, type, health }) => ({ provider, type, health }));
      },
    },
    {
      name: 'hosts.kms.providers.get',
      method: 'get',
      path: `${PROVIDERS}/:provider`,
      access: READ,
      run: async (request) => {
        const host = hostOf(request);
        const name = parameter(request, 'provider');
        const found = (await viewsOf(host)).find(({ provider }) => provider === name);
        const { type, health, details, keyId } = found ?? excludedView(host, providers.require(name));
        return { health, details, type, ...(keyId !== undefined && { native_info: { key_id: keyId } }) };
      },
    },
  ];
}

function heldView(host: SuppliedHost, held: HostProvider, own: readonly ProviderRecord[]): HostView {
  const { provider, type, key_id: keyId } = held;
  if (type !== 'NATIVE') return { provider, type, health: 'OK', details: [] };
  const known = own.find(({ name }) => name === provider);
  if (known?.keyId === keyId) return { provider, type, health: 'OK', details: [], keyId };
  const text = known
    ? `Host ${host.name} holds another key derivation key under the name ${provider}; remediation replaces it.`
    : `Host ${host.name} holds ${provider}, which this vCenter does not have; remediation removes it.`;
  const details = [message('kpsim.nativeKeyProvider.foreignOnHost', text, [host.name, provider])];
  return { provider, type, health: 'ERROR', details, keyId };
}

function missingViews(
  host: SuppliedHost,
  held: readonly HostProvider[],
  own: readonly ProviderRecord[],
): readonly HostView[] {
  return own
    .filter((provider) => !exclusionOf(host, provider) && !held.some((one) => one.provider === provider.name))
    .map((provider) => {
      const text = `Host ${host.name} does not hold key provider ${provider.name} yet; remediation gives it.`;
      return view(provider, 'ERROR', 'kpsim.nativeKeyProvider.hostLacksProvider', text);
    });
}

function excludedView(host: SuppliedHost, provider: ProviderRecord): HostView {
  const { id, text } = EXCLUSIONS[exclusionOf(host, provider) ?? 'not_in_cluster'];
  return view(
    provider,
    'ERROR',
    id,
    `Host ${host.name} does not get key provider ${provider.name}: ${text}.`,
  );
}

function view(provider: ProviderRecord, health: ProviderHealth, id: string, text: string): HostView {
  const details = [message(id, text, [provider.name])];
  return { provider: provider.name, type: 'NATIVE', health, details, keyId: provider.keyId };
}
