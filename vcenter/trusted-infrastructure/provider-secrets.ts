import type { Sealer } from '../../core/store/sealer.js';
import type { ClientIdentity, PendingRequest } from '../key-providers/client-identity.js';
import type { VcenterStore } from '../store.js';

/** What the members of a Trust Authority cluster need for a provider, and none of them tells another. */
export interface ProviderSecret {
  /** What every member shows to the key servers. */
  readonly identity?: ClientIdentity | undefined;
  /** The CSR that was made last, until its certificate comes. */
  readonly pending?: PendingRequest | undefined;
  /** Password for the provider's user name at its key servers. */
  readonly credential?: string | undefined;
}

/** The secrets of trusted providers, sealed; a member that comes later, or was away, gets them from here. */
export class ProviderSecrets {
  readonly #store: VcenterStore;
  readonly #sealer: Sealer;

  constructor(store: VcenterStore, sealer: Sealer) {
    this.#store = store;
    this.#sealer = sealer;
  }

  /** Of all providers of a cluster, by name; `cluster` is a moid. */
  of(cluster: string): ReadonlyMap<string, ProviderSecret> {
    return new Map(
      this.#store.trustedProviderSecrets(cluster).map(({ provider, sealed }) => {
        const text = this.#sealer.open(sealed, placeOf(cluster, provider)).toString('utf8');
        return [provider, JSON.parse(text) as ProviderSecret];
      }),
    );
  }

  /** Of one provider; nothing is known of one that was made elsewhere. */
  get(cluster: string, provider: string): ProviderSecret {
    return this.of(cluster).get(provider) ?? {};
  }

  /** Adds to what is kept of a provider; what is undefined is forgotten. */
  update(cluster: string, provider: string, change: ProviderSecret): void {
    const text = JSON.stringify({ ...this.get(cluster, provider), ...change });
    const sealed = this.#sealer.seal(Buffer.from(text), placeOf(cluster, provider));
    this.#store.putTrustedProviderSecret(cluster, provider, sealed);
  }

  /** Forgets all providers of a cluster. */
  forgetAll(cluster: string): void {
    this.#store.deleteTrustedProviderSecrets(cluster);
  }

  /** Forgets a provider. */
  forget(cluster: string, provider: string): void {
    this.#store.deleteTrustedProviderSecret(cluster, provider);
  }
}

function placeOf(cluster: string, provider: string): string {
  return `trusted provider ${cluster}/${provider}`;
}
