import type { ServiceContext } from '../../core/context.js';
import { KpsimError, errorText } from '../../core/errors.js';
import { parsePemChain } from '../../core/pki/index.js';
import { DocumentTable } from '../documents.js';
import type { KeyPairs } from '../pki/key-pairs.js';
import type { ServiceStatus } from '../rest-client.js';
import type { TrustAuthorityStore } from '../store.js';
import type { KeyServerSpec, KmsProviderCreateSpec, KmsProviderInfo } from './client.js';
import { KeyServer, remoteCertificate, serversOf } from './key-server.js';
import { PrimaryKeys } from './primary-keys.js';
import type { PrimaryKey } from './primary-keys.js';

/** Most trusted key providers; vSphere allows 32 providers of all kinds. */
const PROVIDER_LIMIT = 32;
/** Former primary keys of a provider whose wrapped keys can still be unwrapped. */
const FORMER_KEY_LIMIT = 64;
const REMOTE_TIMEOUT_MS = 5_000;

interface ProviderDocument extends KmsProviderCreateSpec {
  readonly serverCertificates: readonly string[];
  readonly formerMasterKeyIds: readonly string[];
}

/** Changes to a provider; what is missing or undefined stays. */
export interface ProviderChange {
  readonly master_key_id?: string | undefined;
  readonly key_server?:
    { readonly [Field in keyof KeyServerSpec]?: KeyServerSpec[Field] | undefined } | undefined;
}

/** Trusted key providers: which key server holds the primary key of each, and how it is reached. */
export class Providers {
  readonly #store: TrustAuthorityStore;
  readonly #keyPairs: KeyPairs;
  readonly #table: DocumentTable<ProviderDocument>;
  readonly #primaryKeys: PrimaryKeys;
  readonly #servers = new Map<string, KeyServer>();

  constructor(options: {
    readonly context: ServiceContext;
    readonly store: TrustAuthorityStore;
    readonly keyPairs: KeyPairs;
    readonly primaryKeyCacheSeconds: number;
  }) {
    this.#store = options.store;
    this.#keyPairs = options.keyPairs;
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
    const provider = this.get(name);
    const masterKeyId = change.master_key_id ?? provider.master_key_id;
    const former = [...provider.formerMasterKeyIds, provider.master_key_id];
    const keyServer = { ...provider.key_server, ...defined(change.key_server ?? {}) };
    serversOf(keyServer);
    await this.#change(name, {
      ...provider,
      master_key_id: masterKeyId,
      key_server: keyServer,
      formerMasterKeyIds: [...new Set(former)].filter((id) => id !== masterKeyId).slice(-FORMER_KEY_LIMIT),
    });
  }

  /** @throws VapiError `NOT_FOUND` */
  async remove(name: string): Promise<void> {
    await this.#table.delete(name);
    await this.#disconnect(name);
    await this.#store.removeSecret('credential', name);
    await this.#keyPairs.remove(keyPairIdOf(name));
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
    const provider = this.get(name);
    for (const certificate of certificates) parsePemChain(certificate);
    await this.#change(name, { ...provider, serverCertificates: certificates });
  }

  /** The certificates that the key servers show right now. */
  async remoteServerCertificates(
    name: string,
  ): Promise<{ server: string; certificate: string; trusted: boolean }[]> {
    const provider = this.get(name);
    const trusted = provider.serverCertificates.flatMap(parsePemChain);
    return Promise.all(
      serversOf(provider.key_server).map(async ({ name: server, address }) => {
        const certificate = await remoteCertificate(address, REMOTE_TIMEOUT_MS);
        const [shown] = parsePemChain(certificate);
        const known = trusted.some(
          (row) => shown !== undefined && (row.raw.equals(shown.raw) || shown.checkIssued(row)),
        );
        return { server, certificate, trusted: known };
      }),
    );
  }

  /** Sets the password for the provider's user name at the key server. */
  async setCredential(name: string, password: string): Promise<void> {
    this.get(name);
    await this.#store.putSecret('credential', name, Buffer.from(password, 'utf8'));
    await this.#disconnect(name);
  }

  /** Health of a provider: whether its primary key can be had. */
  async status(name: string): Promise<ServiceStatus> {
    const { master_key_id: id } = this.get(name);
    try {
      await this.withPrimaryKey(name, id, () => undefined);
      return { health: 'OK', details: [] };
    } catch (error) {
      return {
        health: 'ERROR',
        details: [{ id: `kpsim.kms.${codeOf(error)}`, default_message: errorText(error), args: [] }],
      };
    }
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

  async #change(name: string, provider: ProviderDocument): Promise<void> {
    await this.#table.put(name, provider);
    await this.#disconnect(name);
  }

  async #disconnect(name: string): Promise<void> {
    this.#primaryKeys.forget(name);
    const server = this.#servers.get(name);
    this.#servers.delete(name);
    await server?.close();
  }

  async #keyServer(name: string): Promise<KeyServer> {
    const open = this.#servers.get(name);
    if (open) return open;
    const provider = this.get(name);
    const clientCertificate = await this.#keyPairs.findOrCreate(keyPairIdOf(name), name);
    const server = new KeyServer({
      spec: provider.key_server,
      clientCertificate,
      trustedCertificates: provider.serverCertificates,
      password: this.#store.secret('credential', name)?.toString('utf8'),
    });
    this.#servers.set(name, server);
    return server;
  }
}

function keyPairIdOf(provider: string): string {
  return `provider:${provider}`;
}

function codeOf(error: unknown): string {
  return error instanceof KpsimError ? error.code : 'unexpected';
}

function defined<T extends object>(change: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const entries = Object.entries(change).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]: Exclude<T[K], undefined> };
}
