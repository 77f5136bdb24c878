import { equalSecrets, zeroise } from '../../core/secret.js';
import type { CryptoKeyId } from '../api/results.js';
import { keyIdOf, keyIdText, providerOf } from './key-id.js';

/** Keys that one host caches at most; further ones are refused (own choice). */
export const KEY_CACHE_LIMIT = 65_536;

/** What became of a key that was to be cached. */
export type CacheOutcome = 'added' | 'present' | 'conflict' | 'full';

/**
 * The keys that were pushed to a host: in memory only, gone after a reboot. Buffers are the cache's own; they are
 * zeroised on removal, so only copies are handed out.
 */
export class KeyCache {
  readonly #keys = new Map<string, { readonly id: CryptoKeyId; readonly key: Buffer }>();

  /** Keeps a copy of a key. A second key under an id is refused as a conflict. */
  add(id: CryptoKeyId, key: Uint8Array): CacheOutcome {
    const text = keyIdText(id);
    const known = this.#keys.get(text);
    if (known) return equalSecrets(known.key, key) ? 'present' : 'conflict';
    if (this.#keys.size >= KEY_CACHE_LIMIT) return 'full';
    // Buffer.alloc, not Buffer.from: a buffer of the shared pool would be zeroised together with its neighbours' life.
    const own = Buffer.alloc(key.length);
    own.set(key);
    this.#keys.set(text, { id: keyIdOf(providerOf(id), id.keyId), key: own });
    return 'added';
  }

  /** A copy of a key, which the caller zeroises. */
  copyOf(id: CryptoKeyId): Buffer | undefined {
    const known = this.#keys.get(keyIdText(id));
    if (!known) return undefined;
    const copy = Buffer.alloc(known.key.length);
    copy.set(known.key);
    return copy;
  }

  /** Whether the key is there. */
  has(id: CryptoKeyId): boolean {
    return this.#keys.has(keyIdText(id));
  }

  /** Forgets and zeroises a key; false if it was not there. */
  remove(id: CryptoKeyId): boolean {
    const text = keyIdText(id);
    zeroise(this.#keys.get(text)?.key);
    return this.#keys.delete(text);
  }

  /** The ids of all keys, in the order they came. */
  ids(): CryptoKeyId[] {
    return Array.from(this.#keys.values(), ({ id }) => id);
  }

  /** Forgets and zeroises all keys. */
  clear(): void {
    for (const { key } of this.#keys.values()) zeroise(key);
    this.#keys.clear();
  }
}
