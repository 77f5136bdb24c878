import { HttpClient, HttpStatusError } from '../core/http/index.js';
import type { HttpClientOptions, LocalizableMessage } from '../core/http/index.js';
import type { ProviderHealth } from './provider/health.js';
import type { InternalProvider } from './rest/internal-operations.js';
import type { SuppliedHost } from './supply/host.js';
import type { RemediationReport } from './supply/host-supply.js';

export type { InternalProvider } from './rest/internal-operations.js';
export type { ProviderHealth } from './provider/health.js';
export type { RemediationReport } from './supply/host-supply.js';
export type { SuppliedHost } from './supply/host.js';

/** `Providers.Summary`. */
export interface ProviderSummary {
  readonly provider: string;
  readonly type: 'NATIVE';
  readonly health: ProviderHealth;
}

/** `Providers.Info`. */
export interface ProviderInfo {
  readonly health: ProviderHealth;
  readonly details: readonly LocalizableMessage[];
  readonly constraints?: { readonly tpm_required: boolean };
  readonly type: 'NATIVE';
  readonly native_info?: { readonly key_id: string };
}

/** `Providers.CreateSpec`. */
export interface ProviderCreateSpec {
  readonly provider: string;
  readonly constraints?: { readonly tpm_required?: boolean };
  /** `key_derivation_key`: base64 of 32 bytes. */
  readonly native_spec?: { readonly key_id?: string; readonly key_derivation_key?: string };
}

/** `Providers.ExportResult`. */
export interface ProviderExportResult {
  readonly type: 'LOCATION';
  readonly location: {
    readonly url: string;
    readonly download_token: { readonly token: string; readonly expiry: string };
  };
}

/** `Providers.ImportSpec`. */
export interface ProviderImportSpec {
  /** Base64 of the PKCS#12 file. */
  readonly config: string;
  readonly password?: string;
  readonly constraints?: { readonly tpm_required?: boolean };
  readonly dry_run?: boolean;
}

/** `Providers.ImportResult`. */
export interface ProviderImportResult {
  readonly provider: string;
  readonly type: 'NATIVE';
  readonly native_info?: { readonly key_id: string };
  /** ISO 8601. */
  readonly export_time: string;
  readonly constraints?: { readonly tpm_required: boolean };
}

/** `hosts.kms.Providers.Summary`. */
export interface HostProviderSummary {
  readonly provider: string;
  readonly type: 'NATIVE' | 'TRUST_AUTHORITY';
  readonly health: ProviderHealth;
}

/** On whose behalf the vCenter calls. */
export interface CallingUser {
  readonly user: string;
  /** Privileges that the user holds, for example `Cryptographer.ManageKeyServers`. */
  readonly privileges: readonly string[];
}

const PROVIDERS = '/api/vcenter/crypto-manager/kms/providers';
/** All that the public API asks for; what the vCenter does on its own behalf. */
const OWN_BEHALF: CallingUser = {
  user: 'vcenter',
  privileges: ['Cryptographer.ManageKeyServers', 'Cryptographer.ReadKeyServersInfo'],
};

/**
 * Speaks to a native key provider service over mutual TLS, as its vCenter's front door does.
 *
 * Every method throws `HttpStatusError` for an error answer, whose body is a vAPI error, and `KpsimError`
 * `unreachable` without an answer.
 */
export class NativeKpClient {
  readonly #http: HttpClient;

  /**
   * @param options the client certificate's common name must be the service's `frontDoor`
   * @param caller on whose behalf the public API is called; the vCenter's own unless told
   */
  constructor(
    options: Pick<HttpClientOptions, 'baseUrl' | 'caPem' | 'clientCertificate' | 'timeoutMs'>,
    caller: CallingUser = OWN_BEHALF,
  ) {
    this.#http = new HttpClient({
      ...options,
      headers: { 'x-kpsim-user': caller.user, 'x-kpsim-privileges': caller.privileges.join(',') },
    });
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#http.close();
  }

  // What the vCenter itself needs

  /** Tells all hosts there are; the service keeps them supplied from now on. */
  setHosts(hosts: readonly SuppliedHost[]): Promise<void> {
    return this.#call('PUT', '/internal/hosts', hosts);
  }

  /** Brings all hosts up to date now. */
  remediate(): Promise<RemediationReport> {
    return this.#call('POST', '/internal/remediate');
  }

  /** All providers with what the vCenter decides by. */
  providers(): Promise<readonly InternalProvider[]> {
    return this.#call('GET', '/internal/providers');
  }

  /** A provider's KDK id, and what two providers have in common exactly when they share the KDK. */
  fingerprint(provider: string): Promise<{ readonly key_id: string; readonly fingerprint: string }> {
    return this.#call('GET', `/internal/providers/${encodeURIComponent(provider)}/fingerprint`);
  }

  // The public API

  /** Providers, filtered by name and health. */
  list(
    filter: { readonly providers?: readonly string[]; readonly health?: readonly ProviderHealth[] } = {},
  ): Promise<readonly ProviderSummary[]> {
    const query = new URLSearchParams();
    for (const provider of filter.providers ?? []) query.append('providers', provider);
    for (const health of filter.health ?? []) query.append('health', health);
    return this.#call('GET', query.size > 0 ? `${PROVIDERS}?${query.toString()}` : PROVIDERS);
  }

  /** One provider. */
  get(provider: string): Promise<ProviderInfo> {
    return this.#call('GET', pathOf(provider));
  }

  /** Makes a provider; it may be used once its backup was downloaded. */
  create(spec: ProviderCreateSpec): Promise<void> {
    return this.#call('POST', PROVIDERS, spec);
  }

  /** Gives a provider's KDK another id. */
  update(provider: string, spec: { readonly native_spec?: { readonly key_id?: string } }): Promise<void> {
    return this.#call('PATCH', pathOf(provider), spec);
  }

  /** Removes a provider and takes it from all hosts. */
  delete(provider: string): Promise<void> {
    return this.#call('DELETE', pathOf(provider));
  }

  /**
   * Exports a provider; {@link download} then gets the file.
   *
   * @param publicHost host and port under which clients reach the vCenter, for the URL in the answer
   */
  export(
    spec: { readonly provider: string; readonly password?: string },
    publicHost?: string,
  ): Promise<ProviderExportResult> {
    const headers = publicHost === undefined ? undefined : { 'x-forwarded-host': publicHost };
    return this.#call('POST', `${PROVIDERS}?action=export`, spec, headers);
  }

  /** Downloads an exported backup with its token, a PKCS#12 file. */
  async download(provider: string, token: string): Promise<Buffer> {
    const path = `/cryptomanager/kms/${encodeURIComponent(provider)}`;
    const headers = { authorization: `Bearer ${token}` };
    const answer = await this.#http.raw('GET', path, undefined, headers);
    if (answer.status === 200) return answer.body;
    throw new HttpStatusError(`GET ${path}`, answer.status, JSON.parse(answer.body.toString('utf8')));
  }

  /** Restores a provider from a backup. */
  import(spec: ProviderImportSpec): Promise<ProviderImportResult> {
    return this.#call('POST', `${PROVIDERS}?action=import`, spec);
  }

  /** Key providers, native and trusted, as one host has them. */
  listOnHost(host: string): Promise<readonly HostProviderSummary[]> {
    return this.#call('GET', `/api/vcenter/crypto-manager/hosts/${encodeURIComponent(host)}/kms/providers`);
  }

  async #call<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<T> {
    return (await this.#http.json(method, path, body, headers)) as T;
  }
}

function pathOf(provider: string): string {
  return `${PROVIDERS}/${encodeURIComponent(provider)}`;
}
