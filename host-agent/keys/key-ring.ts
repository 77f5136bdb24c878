import { zeroise } from '../../core/secret.js';
import type { CryptoKeyId, CryptoKeyPlain, CryptoKeyResult, HostKeyStatus } from '../api/results.js';
import { encryptionKeyRequired } from '../api/faults.js';
import type { CacheOutcome, KeyCache } from './cache.js';
import { KEK_ALGORITHM, KEK_BYTES } from './key-bytes.js';
import { keyIdOf, keyIdText, normalKeyId, providerOf } from './key-id.js';
import type { NormalKeyId } from './key-id.js';
import type { KeySource } from './source.js';
import { KeyUnavailableError } from './source.js';

/** Why a key was not cached, in the words of `CryptoKeyResult.reason` (texts are own choice). */
const REFUSALS: Readonly<Record<Exclude<CacheOutcome, 'added' | 'present'>, string>> = {
  conflict: 'AlreadyExists: another key is cached under this id',
  full: 'CacheFull: remove keys that are not used',
};

/** Keys lent to one piece of work; they are zeroised when it ends. */
export interface LentKeys {
  /** What was asked for, in that order, with the ids of new keys filled in. */
  readonly ids: readonly NormalKeyId[];
  /** A key, also one that was not asked for at first. @throws KeyUnavailableError */
  readonly lend: (id: CryptoKeyId) => Promise<Buffer>;
}

/** All keys that a host can get: the cache, and one source for each kind of provider. */
export class KeyRing {
  readonly cache: KeyCache;
  readonly #sources: readonly KeySource[];
  readonly #fallback: KeySource;

  /**
   * @param sources asked in this order which of them serves a provider
   * @param fallback answers for all other providers: the source of standard providers
   */
  constructor(cache: KeyCache, sources: readonly KeySource[], fallback: KeySource) {
    this.cache = cache;
    this.#sources = sources;
    this.#fallback = fallback;
  }

  /** The source that answers for a provider. */
  sourceOf(provider: string): KeySource {
    return this.#sources.find((source) => source.serves(provider)) ?? this.#fallback;
  }

  /**
   * Gets all keys named, before `work` begins, and lends them to it. An empty key id asks for a new key of its
   * provider.
   *
   * @throws VimFault `EncryptionKeyRequired` that lists every key that cannot be had
   */
  async withKeys<T>(ids: readonly CryptoKeyId[], work: (keys: LentKeys) => Promise<T>): Promise<T> {
    const held = await this.hold(ids);
    try {
      return await work(held);
    } catch (error) {
      throw error instanceof KeyUnavailableError ? encryptionKeyRequired([error]) : error;
    } finally {
      held.release();
    }
  }

  /**
   * As {@link withKeys}, for work whose end only the caller knows.
   *
   * @throws VimFault `EncryptionKeyRequired` that lists every key that cannot be had
   */
  async hold(ids: readonly CryptoKeyId[]): Promise<LentKeys & { release(): void }> {
    const held = new HeldKeys((provider) => this.sourceOf(provider));
    try {
      const taken = await held.takeAll(ids);
      return { ids: taken, lend: (id) => held.take(id), release: () => held.release() };
    } catch (error) {
      held.release();
      throw error;
    }
  }

  /** Caches keys that a vCenter pushes. */
  add(keys: readonly CryptoKeyPlain[]): CryptoKeyResult[] {
    return keys.map(({ keyId: given, algorithm, keyData }) => {
      const keyId = normalKeyId(given);
      const bytes = Buffer.from(keyData, 'base64');
      try {
        const reason = this.#refusal(keyId, algorithm, bytes);
        return { keyId, success: reason === undefined, ...(reason !== undefined && { reason }) };
      } finally {
        zeroise(bytes);
      }
    });
  }

  /**
   * Takes keys out of the cache.
   *
   * @param inUse tells of keys that running VMs or the host itself use; those stay unless forced
   */
  remove(
    ids: readonly CryptoKeyId[],
    force: boolean,
    inUse: (id: CryptoKeyId) => boolean,
  ): CryptoKeyResult[] {
    return ids.map(normalKeyId).map((keyId) => {
      if (!force && this.cache.has(keyId) && inUse(keyId)) {
        return { keyId, success: false, reason: 'InUse: a running VM or the host itself uses this key' };
      }
      const success = this.cache.remove(keyId);
      return { keyId, success, ...(!success && { reason: 'KeyStateMissingInCache' }) };
    });
  }

  /** How the host stands with keys, without asking anyone. */
  status(ids: readonly CryptoKeyId[]): HostKeyStatus[] {
    return ids
      .map(normalKeyId)
      .map((keyId) => ({ keyId, ...this.sourceOf(providerOf(keyId)).status(keyId) }));
  }

  #refusal(keyId: CryptoKeyId, algorithm: string, bytes: Buffer): string | undefined {
    if (algorithm !== KEK_ALGORITHM || bytes.length !== KEK_BYTES || keyId.keyId === '') {
      return `InvalidArgument: a key has an id, algorithm ${KEK_ALGORITHM} and ${KEK_BYTES} bytes`;
    }
    const outcome = this.cache.add(keyId, bytes);
    return outcome === 'conflict' || outcome === 'full' ? REFUSALS[outcome] : undefined;
  }
}

/** The keys of one piece of work; each is obtained once. */
class HeldKeys {
  readonly #sourceOf: (provider: string) => KeySource;
  readonly #keys = new Map<string, Promise<Buffer>>();
  readonly #buffers: Buffer[] = [];
  #released = false;

  constructor(sourceOf: (provider: string) => KeySource) {
    this.#sourceOf = sourceOf;
  }

  take(id: CryptoKeyId): Promise<Buffer> {
    if (this.#released) return Promise.reject(new Error('keys were asked for after they were given back'));
    const text = keyIdText(id);
    const known = this.#keys.get(text);
    if (known) return known;
    const key = this.#sourceOf(providerOf(id))
      .obtain(id)
      .then((bytes) => this.#own(bytes));
    this.#keys.set(text, key);
    return key;
  }

  /** Gets all keys, and only then complains of those that are missing, so that they can be pushed together. */
  async takeAll(ids: readonly CryptoKeyId[]): Promise<NormalKeyId[]> {
    const outcomes = await Promise.allSettled(ids.map((id) => this.#takeOrMake(id)));
    const missing: KeyUnavailableError[] = [];
    const taken: NormalKeyId[] = [];
    for (const outcome of outcomes) {
      if (outcome.status === 'fulfilled') taken.push(outcome.value);
      else if (outcome.reason instanceof KeyUnavailableError) missing.push(outcome.reason);
      else throw outcome.reason;
    }
    if (missing.length > 0) throw encryptionKeyRequired(missing);
    return taken;
  }

  /** Zeroises all of it; a key that arrives later is zeroised on arrival. */
  release(): void {
    this.#released = true;
    zeroise(...this.#buffers.splice(0));
  }

  async #takeOrMake(id: CryptoKeyId): Promise<NormalKeyId> {
    const provider = providerOf(id);
    if (id.keyId !== '') {
      await this.take(id);
      return keyIdOf(provider, id.keyId);
    }
    const made = await makeKey(this.#sourceOf(provider), id);
    this.#keys.set(keyIdText(made.id), Promise.resolve(this.#own(made.key)));
    return made.id;
  }

  #own(key: Buffer): Buffer {
    if (this.#released) {
      zeroise(key);
      throw new Error('a key came after the work that wanted it had ended');
    }
    this.#buffers.push(key);
    return key;
  }
}

function makeKey(source: KeySource, id: CryptoKeyId): Promise<{ id: NormalKeyId; key: Buffer }> {
  const provider = providerOf(id);
  if (source.generate) return source.generate(provider);
  throw new KeyUnavailableError(
    id,
    'KeyStateClusterInvalid',
    provider === ''
      ? 'An empty key id asks the host for a new key, which needs the name of a native or trusted key provider.'
      : `The host knows no native or trusted key provider ${provider}, and only those make keys on hosts: push the provider to the host, or give the id of a standard provider's key.`,
  );
}
