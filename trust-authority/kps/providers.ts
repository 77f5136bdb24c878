import type { Clock } from '../../core/clock.js';
import type { ServiceContext } from '../../core/context.js';
import { parsePemChain } from '../../core/pki/index.js';
import { DocumentTable } from '../documents.js';

import type { KeyPairs } from '../pki/key-pairs.js';
import type { SecretChange, TrustAuthorityStore } from '../store.js';
import { tableReplacement } from '../table-replacement.js';
import type { TableReplacement } from '../table-replacement.js';
import type {
  KmsProviderCreateSpec,
  KmsProviderInfo,
  KmsProviderStatus,
  RemoteServerCertificate,
} from './client.js';
import { serversOf } from './key-server.js';
import { KeyServers } from './key-servers.js';
import { PrimaryKeys } from './primary-keys.js';
import type { PrimaryKey } from './primary-keys.js';
import { FORMER_KEY_LIMIT, PROVIDER_LIMIT } from './provider-document.js';
import type { ProviderChange, ProviderDocument } from './provider-document.js';
import { providerStatus, saysKeyIsGone, unreachedStatus } from './provider-status.js';
import { shownCertificates } from './shown-certificates.js';

/** Trusted key providers: which key server holds the primary key of each, and how it is reached. */
export class Providers {
  readonly #store: TrustAuthorityStore;
  readonly #keyPairs: KeyPairs;
  readonly #table: DocumentTable<ProviderDocument>;
  readonly #primaryKeys: PrimaryKeys;
  readonly #clock: Clock;
  readonly #asking = new Map<string, Promise<KmsProviderStatus>>();
  readonly #servers = new Map<string, KeyServers>();

  constructor(options: {
    readonly context: ServiceContext;
    readonly store: TrustAuthorityStore;
    readonly keyPairs: KeyPairs;
    readonly primaryKeyCacheSeconds: number;
  }) {
    this.#store = options.store;
    this.#keyPairs = options.keyPairs;
    this.#clock = options.context.clock;
    this.#table = new DocumentTable(options.store, 'provider', 'provider', PROVIDER_LIMIT);
    this.#primaryKeys = new PrimaryKeys(options.context.clock, options.primaryKeyCacheSeconds);
  }

  names(): string[] {
    return this.#table.entries().map(([name]) => name);
  }

  has(name: string): boolean {
    return this.#table.find(name) !== undefined;
  }

  /** @throws VapiError `NOT_FOUND` */
  get(name: string): ProviderDocument {
    return this.#table.get(name);
  }

  /** What the service answers of a provider, with its health. */
  async info(name: string): Promise<KmsProviderInfo> {
    const { provider, master_key_id, key_server } = this.get(name);
    const { health, details } = await this.status(name);
    return { provider, master_key_id, key_server, status: health, details };
  }

  /** @throws VapiError `ALREADY_EXISTS`, `UNSUPPORTED` */
  async create(spec: KmsProviderCreateSpec): Promise<void> {
    serversOf(spec.key_server);
    await this.#table.create(spec.provider, { ...spec, serverCertificates: [], formerMasterKeyIds: [] });
    await this.#keyPairs.createSelfSigned(keyPairIdOf(spec.provider), spec.provider);
  }

  /** @throws VapiError `NOT_FOUND`, `UNSUPPORTED` */
  async update(name: string, change: ProviderChange): Promise<void> {
    await this.#change(name, (provider) => {
      const masterKeyId = change.master_key_id ?? provider.master_key_id;
      const former = [...provider.formerMasterKeyIds, provider.master_key_id];
      const keyServer = { ...provider.key_server, ...defined(change.key_server ?? {}) };
      serversOf(keyServer);
      return {
        ...provider,
        master_key_id: masterKeyId,
        key_server: keyServer,
        formerMasterKeyIds: [...new Set(former)].filter((id) => id !== masterKeyId).slice(-FORMER_KEY_LIMIT),
      };
    });
  }

  /** @throws VapiError `NOT_FOUND` */
  async remove(name: string): Promise<void> {
    await this.#table.delete(name, [credentialOf(name)]);
    await this.#disconnect(name);
    await this.#keyPairs.remove(keyPairIdOf(name));
  }

  /** Limits a provider to consumer principals, or lifts the limit. @throws VapiError `NOT_FOUND` */
  async entitle(name: string, profiles: readonly string[] | undefined): Promise<void> {
    const entitledProfiles = profiles && [...new Set(profiles)].sort();
    await this.#table.change(name, (provider) => ({ ...provider, entitledProfiles }));
  }

  /** Takes a consumer principal out of all entitlements; a provider that was limited to it alone serves nobody then. */
  async disentitle(profile: string): Promise<void> {
    for (const [name, { entitledProfiles }] of this.#table.entries()) {
      if (!entitledProfiles?.includes(profile)) continue;
      const disentitled = this.#table.change(name, (provider) => ({
        ...provider,
        entitledProfiles: provider.entitledProfiles?.filter((other) => other !== profile),
      }));
      await disentitled.catch((error: unknown) => {
        // It may have been deleted meanwhile, and nobody is entitled to it then.
        if (this.has(name)) throw error;
      });
    }
  }

  /** All providers anew, as a part of a configuration that is replaced. @throws VapiError `UNSUPPORTED`, … */
  replacement(providers: readonly ProviderDocument[]): TableReplacement {
    for (const { key_server, serverCertificates } of providers) {
      serversOf(key_server);
      for (const certificate of serverCertificates) parsePemChain(certificate);
    }
    return tableReplacement(
      'provider',
      this.#table,
      providers.map((provider) => [provider.provider, provider]),
    );
  }

  /** Takes up a {@link replacement}: connections are made anew, and secrets of providers that are gone removed. */
  async reload(): Promise<void> {
    for (const name of [...this.#servers.keys()]) await this.#disconnect(name);
    for (const name of this.#keyPairs.idsOf(KEY_PAIR_PREFIX)) {
      if (!this.has(name)) await this.#forgetSecrets(name);
    }
  }

  /** The certificate with which the service shows itself to the key server, in PEM. */
  async clientCertificate(name: string): Promise<string> {
    this.get(name);
    return (await this.#keyPairs.findOrCreate(keyPairIdOf(name), name)).certificateChainPem;
  }

  /** Makes a new key with a certificate that it signs itself, and returns that. */
  async createClientCertificate(name: string): Promise<string> {
    this.get(name);
    const pair = await this.#keyPairs.createSelfSigned(keyPairIdOf(name), name);
    await this.#disconnect(name);
    return pair.certificateChainPem;
  }

  /** @throws VapiError `INVALID_ARGUMENT` if certificate and key, or pending request, do not belong together */
  async setClientCertificate(name: string, certificate: string, privateKey?: string): Promise<void> {
    this.get(name);
    await this.#keyPairs.replaceCertificate(keyPairIdOf(name), certificate, privateKey);
    await this.#disconnect(name);
  }

  /** Makes a new key and returns the request to sign its certificate, in PEM. */
  createClientCertificateCsr(name: string): Promise<string> {
    this.get(name);
    return this.#keyPairs.createCsr(keyPairIdOf(name), name);
  }

  /** The pending request, in PEM. @throws VapiError `NOT_FOUND` */
  clientCertificateCsr(name: string): string {
    this.get(name);
    return this.#keyPairs.csr(keyPairIdOf(name));
  }

  /** @throws KpsimError `certificate_invalid` */
  async setServerCertificates(name: string, certificates: readonly string[]): Promise<void> {
    this.get(name);
    for (const certificate of certificates) parsePemChain(certificate);
    await this.#change(name, (provider) => ({ ...provider, serverCertificates: certificates }));
  }

  /**
   * The certificates that the key servers show right now; those that cannot be reached are left out.
   *
   * @throws VapiError `NOT_FOUND`, `SERVICE_UNAVAILABLE` if none can be reached
   */
  async remoteServerCertificates(name: string): Promise<RemoteServerCertificate[]> {
    const provider = this.get(name);
    return shownCertificates(
      serversOf(provider.key_server),
      provider.serverCertificates.flatMap(parsePemChain),
      this.#clock.now(),
    );
  }

  /** Sets the password for the provider's user name at the key server. */
  async setCredential(name: string, password: string): Promise<void> {
    this.get(name);
    await this.#store.changeSecret(credentialOf(name, password));
    await this.#disconnect(name);
  }

  /**
   * Health of a provider, from its key servers themselves and not from memory: OK if all of them have the primary key,
   * a warning if some do, otherwise an error. A primary key that turns out to be gone is forgotten.
   */
  status(name: string): Promise<KmsProviderStatus> {
    this.get(name);
    const asked = this.#asking.get(name);
    if (asked) return asked;
    const asking = this.#askServers(name).finally(() => this.#asking.delete(name));
    this.#asking.set(name, asking);
    return asking;
  }

  /** True if keys of the provider may have been wrapped under this primary key. */
  hasHadPrimaryKey(name: string, id: string): boolean {
    const provider = this.get(name);
    return provider.master_key_id === id || provider.formerMasterKeyIds.includes(id);
  }

  /**
   * Lends a primary key of a provider, from memory or from its key server, to `work`, which must not keep it.
   *
   * @param id unique identifier of the key
   * @throws AttestationError `WrappingKeyMissingInKMS`, `WrappingKeyNotActiveOrEnabled`, `key_server_unavailable`
   */
  withPrimaryKey<T>(name: string, id: string, work: (primary: PrimaryKey) => T): Promise<T> {
    const fetch = async (): Promise<Buffer> => (await this.#keyServer(name)).primaryKey(id);
    return this.#primaryKeys.lend(name, id, fetch, work);
  }

  /** Forgets all primary keys and closes all connections. */
  async close(): Promise<void> {
    this.#primaryKeys.close();
    await Promise.all([...this.#servers.values()].map((server) => server.close()));
    this.#servers.clear();
  }

  async #askServers(name: string): Promise<KmsProviderStatus> {
    const { master_key_id: id, key_server } = this.get(name);
    let status: KmsProviderStatus;
    try {
      status = providerStatus(await (await this.#keyServer(name)).status(id));
    } catch (error) {
      return unreachedStatus(key_server, error);
    }
    if (saysKeyIsGone(status)) this.#primaryKeys.forget(name);
    return status;
  }

  async #change(name: string, change: (provider: ProviderDocument) => ProviderDocument): Promise<void> {
    await this.#table.change(name, change);
    await this.#disconnect(name);
  }

  async #forgetSecrets(name: string): Promise<void> {
    await this.#store.changeSecret(credentialOf(name));
    await this.#keyPairs.remove(keyPairIdOf(name));
  }

  async #disconnect(name: string): Promise<void> {
    this.#primaryKeys.forget(name);
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    await server?.close();
  }

  async #keyServer(name: string): Promise<KeyServers> {
    const clientCertificate = await this.#keyPairs.findOrCreate(keyPairIdOf(name), name);
    const open = this.#servers.get(name);
    if (open) return open;
    const provider = this.get(name);
    const server = new KeyServers({
      spec: provider.key_server,
      clientCertificate,
      trustedCertificates: provider.serverCertificates,
      password: this.#store.secret('credential', name)?.toString('utf8'),
    });
    this.#servers.set(name, server);
    return server;
  }
}

const KEY_PAIR_PREFIX = 'provider:';

function keyPairIdOf(provider: string): string {
  return `${KEY_PAIR_PREFIX}${provider}`;
}

/** The password of a provider at its key servers; without one, that there is none. */
function credentialOf(provider: string, password?: string): SecretChange {
  return {
    kind: 'credential',
    id: provider,
    plain: password === undefined ? undefined : Buffer.from(password, 'utf8'),
  };
}

function defined<T extends object>(change: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(change).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
