import { zeroise } from '../../core/secret.js';
import { deriveKek, newKeyId, parseKeyId } from '../../wire/native-key/index.js';
import type { CryptoKeyId, HostKeyStatus } from '../api/results.js';
import { describeKeyId, keyIdOf, providerOf } from './key-id.js';
import type { NormalKeyId } from './key-id.js';
import type { KeySource } from './source.js';
import { KeyUnavailableError } from './source.js';

/** Bytes of a key derivation key. */
export const KDK_BYTES = 32;

/** A native provider as a host holds it. */
export interface NativeProvider {
  /** Id of the key derivation key. */
  readonly kdkId: string;
  /** 32 bytes, owned by the source. */
  readonly kdk: Buffer;
}

/** Keys of native providers, derived on the host from the provider's key derivation key and the key id alone. */
export class NativeKeySource implements KeySource {
  readonly #providers = new Map<string, NativeProvider>();

  serves(provider: string): boolean {
    return this.#providers.has(provider);
  }

  /** Takes a provider in, in place of one of the same name; the source owns `kdk` from here on. */
  set(provider: string, native: NativeProvider): void {
    zeroise(this.#providers.get(provider)?.kdk);
    this.#providers.set(provider, native);
  }

  /** Forgets a provider; false if there is none of that name. */
  remove(provider: string): boolean {
    zeroise(this.#providers.get(provider)?.kdk);
    return this.#providers.delete(provider);
  }

  /** Forgets all providers. */
  clear(): void {
    for (const { kdk } of this.#providers.values()) zeroise(kdk);
    this.#providers.clear();
  }

  /** All providers, without their keys. */
  list(): { readonly provider: string; readonly kdkId: string }[] {
    return Array.from(this.#providers, ([provider, { kdkId }]) => ({ provider, kdkId }));
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- a failure must be a rejection, as with other sources
  async obtain(id: CryptoKeyId): Promise<Buffer> {
    const problem = this.#problem(id);
    if (problem) throw problem;
    return deriveKek(this.#require(id).kdk, id.keyId);
  }

  // eslint-disable-next-line @typescript-eslint/require-await -- as above
  async generate(provider: string): Promise<{ id: NormalKeyId; key: Buffer }> {
    const { kdk, kdkId } = this.#require(keyIdOf(provider, ''));
    const keyId = newKeyId(kdkId);
    return { id: keyIdOf(provider, keyId), key: deriveKek(kdk, keyId) };
  }

  status(id: CryptoKeyId): Omit<HostKeyStatus, 'keyId'> {
    const present = this.#problem(id) === undefined;
    return {
      present,
      managementType: 'external',
      accessGranted: present,
      ...(!present && { reason: 'KeyStateManagedByNKP' }),
    };
  }

  /** A provider of the right name may still hold another key derivation key (EXT-4, XVC-2n). */
  #problem(id: CryptoKeyId): KeyUnavailableError | undefined {
    const { kdkId } = this.#require(id);
    let named: string;
    try {
      named = parseKeyId(id.keyId).kdkId;
    } catch (cause) {
      return new KeyUnavailableError(
        id,
        'KeyStateManagedByNKP',
        `The ${describeKeyId(id)} is not a key id of a native key provider: on this host the provider of that name is a native one, so it is another provider.`,
        { cause, detail: 'not_a_native_key_id' },
      );
    }
    if (named === kdkId) return undefined;
    return new KeyUnavailableError(
      id,
      'KeyStateManagedByNKP',
      `Unable to decrypt the ciphertext. Failed to decrypt the key. The ${describeKeyId(id)} derives from key derivation key ${named}, but this host's provider of that name holds ${kdkId}: restore the backup of the provider that made it.`,
      { detail: 'kdk_mismatch' },
    );
  }

  #require(id: CryptoKeyId): NativeProvider {
    const provider = providerOf(id);
    const native = this.#providers.get(provider);
    if (native) return native;
    throw new KeyUnavailableError(
      id,
      'KeyStateManagedByNKP',
      `The host has no native key provider ${provider}: push it to the host first.`,
      { detail: 'provider_missing' },
    );
  }
}
