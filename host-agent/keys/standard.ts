import type { CryptoKeyId, HostKeyStatus } from '../api/results.js';
import type { KeyCache } from './cache.js';
import { describeKeyId, providerOf } from './key-id.js';
import type { KeyServers } from './key-servers.js';
import type { KeySource } from './source.js';
import { KeyUnavailableError } from './source.js';

/**
 * Keys of standard providers: pushed by the vCenter into the cache, or, where key servers were set, fetched from them
 * as hosts with vSAN encryption do. It answers for every provider that no other source knows.
 */
export class StandardKeySource implements KeySource {
  readonly #cache: KeyCache;
  readonly #servers: KeyServers;
  /** Whether a key id has the form of a native provider's. */
  readonly #looksNative: (keyId: string) => boolean;

  constructor(cache: KeyCache, servers: KeyServers, looksNative: (keyId: string) => boolean) {
    this.#cache = cache;
    this.#servers = servers;
    this.#looksNative = looksNative;
  }

  serves(): boolean {
    return true;
  }

  async obtain(id: CryptoKeyId): Promise<Buffer> {
    const cached = this.#cache.copyOf(id);
    if (cached) return cached;
    if (this.#servers.has(providerOf(id))) {
      const key = await this.#servers.fetch(id);
      this.#cache.add(id, key);
      return key;
    }
    throw this.#looksNative(id.keyId)
      ? new KeyUnavailableError(
          id,
          'KeyStateManagedByNKP',
          `The ${describeKeyId(id)} is derived from a native key provider, which this host does not have: restore the provider's backup under this name and let it be pushed to the host.`,
        )
      : new KeyUnavailableError(
          id,
          'KeyStateMissingInCache',
          `The ${describeKeyId(id)} is not in the host's key cache: push it with AddKeys and try again.`,
        );
  }

  status(id: CryptoKeyId): Omit<HostKeyStatus, 'keyId'> {
    const managementType = this.#servers.has(providerOf(id)) ? 'external' : 'internal';
    if (this.#cache.has(id)) return { present: true, managementType, accessGranted: true };
    return this.#looksNative(id.keyId)
      ? {
          present: false,
          managementType: 'unknown',
          accessGranted: false,
          reason: 'KeyStateManagedByNKP',
        }
      : { present: false, managementType, accessGranted: false, reason: 'KeyStateMissingInCache' };
  }
}
