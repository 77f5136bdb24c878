import type { CryptoKeyPlain } from '../../host-agent/client.js';
import { NativeKpClient } from '../../native-kp/client.js';
import type { InternalProvider, SuppliedHost } from '../../native-kp/client.js';
import type { EnumerationValue, VimObject } from '../../wire/vim25/index.js';
import type { VcenterConfig } from '../config.js';
import type { ProviderFacts } from '../migration/rule-facts.js';
import type { KeyAvailability, KeyProvider } from './key-provider.js';
import { keyMadeByHost } from './key-provider.js';
import type { NativeProviders } from './key-providers.js';
import { providerFault } from './key-providers.js';

/** Colour of a provider's health. */
const STATUS = {
  NONE: 'gray',
  OK: 'green',
  WARNING: 'yellow',
  ERROR: 'red',
} as const satisfies Record<InternalProvider['health'], EnumerationValue<'ManagedEntityStatus'>>;

/** A native key provider, as its service told of it last. Hosts derive its keys themselves. */
export class NativeKeyProvider implements KeyProvider {
  readonly kind = 'native';
  readonly name: string;
  readonly #told: InternalProvider;

  constructor(told: InternalProvider) {
    this.name = told.provider;
    this.#told = told;
  }

  facts(): Promise<ProviderFacts> {
    const { fingerprint, has_backup: hasBackup, tpm_required: tpmRequired } = this.#told;
    return Promise.resolve({
      kind: 'native',
      name: this.name,
      kdkFingerprint: fingerprint,
      hasBackup,
      tpmRequired,
    });
  }

  info(): ReturnType<KeyProvider['info']> {
    const { has_backup: hasBackup, tpm_required: tpmRequired, key_id: keyId } = this.#told;
    return Promise.resolve({
      _typeName: 'KmipClusterInfo',
      clusterId: { _typeName: 'KeyProviderId', id: this.name },
      managementType: 'nativeProvider',
      hasBackup,
      tpmRequired,
      keyId,
    });
  }

  status(): Promise<VimObject<'CryptoManagerKmipClusterStatus'>> {
    return Promise.resolve({
      _typeName: 'CryptoManagerKmipClusterStatus',
      clusterId: { _typeName: 'KeyProviderId', id: this.name },
      overallStatus: STATUS[this.#told.health],
      managementType: 'nativeProvider',
      servers: [],
    });
  }

  newKey(): Promise<CryptoKeyPlain> {
    return Promise.resolve(keyMadeByHost(this.name));
  }

  fetchKey(): Promise<undefined> {
    return Promise.resolve(undefined);
  }

  keyStatus(): Promise<KeyAvailability> {
    return Promise.resolve({ available: false, reason: 'KeyStateManagedByNKP' });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** The native key providers of a vCenter, held by a service of their own behind its front door. */
export class NativeKeyProviders implements NativeProviders {
  readonly #client: NativeKpClient;

  private constructor(client: NativeKpClient) {
    this.#client = client;
  }

  /** Those of the configuration; undefined if it has no native key provider service. */
  static of(config: VcenterConfig): NativeKeyProviders | undefined {
    if (config.nativeKeyProviderUrl === undefined) return undefined;
    const client = new NativeKpClient({
      baseUrl: config.nativeKeyProviderUrl,
      caPem: config.trustedCaPem,
      clientCertificate: config.tls,
    });
    return new NativeKeyProviders(client);
  }

  /** @throws VimFault `HostCommunication` if the service does not answer */
  async list(): Promise<readonly NativeKeyProvider[]> {
    try {
      return (await this.#client.providers()).map((told) => new NativeKeyProvider(told));
    } catch (error) {
      throw providerFault(error);
    }
  }

  async find(name: string): Promise<NativeKeyProvider | undefined> {
    return (await this.list()).find((provider) => provider.name === name);
  }

  /** Tells the service which hosts to keep supplied. */
  tellHosts(hosts: readonly SuppliedHost[]): Promise<void> {
    return this.#client.setHosts(hosts);
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
