import { KpsimError, errorText } from '../../core/errors.js';
import { zeroise } from '../../core/secret.js';
import { KmipClient } from '../../kms/client.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { CryptoKeyId, KeyServersSpec, KeyUnavailableReason } from '../api/results.js';
import { KEK_BYTES } from './key-bytes.js';
import { describeKeyId, providerOf } from './key-id.js';
import { KeyUnavailableError } from './source.js';

/** What a key server's refusal means for the key; anything else is a cluster that cannot be used. */
const REFUSALS: Readonly<Record<string, KeyUnavailableReason>> = {
  ItemNotFound: 'KeyStateMissingInKMS',
  ObjectNotFound: 'KeyStateMissingInKMS',
  ObjectDestroyed: 'KeyStateMissingInKMS',
  PermissionDenied: 'NoPermissionToAccessKeyProvider',
  WrongKeyLifecycleState: 'KeyStateNotActiveOrEnabled',
};

/** Key servers of standard providers that were set on the host itself, as vSAN encryption does. */
export class KeyServers {
  readonly #clients = new Map<string, KmipClient>();

  /** Whether the host may ask the key servers of that provider itself. */
  has(provider: string): boolean {
    return this.#clients.has(provider);
  }

  /** Sets the key servers of a provider, in place of those of before. */
  async set(provider: string, spec: KeyServersSpec): Promise<void> {
    await this.remove(provider);
    this.#clients.set(
      provider,
      new KmipClient({
        servers: spec.servers,
        tls: spec.tls,
        ...(spec.credential && { credential: spec.credential }),
      }),
    );
  }

  /** Forgets a provider's key servers; false if none were set. */
  async remove(provider: string): Promise<boolean> {
    const client = this.#clients.get(provider);
    this.#clients.delete(provider);
    await client?.close();
    return client !== undefined;
  }

  /** Fetches a key. @returns 32 bytes, which the caller zeroises @throws KeyUnavailableError */
  async fetch(id: CryptoKeyId): Promise<Buffer> {
    const provider = providerOf(id);
    const client = this.#clients.get(provider);
    if (!client) {
      throw new KeyUnavailableError(
        id,
        'KeyStateClusterInvalid',
        `No key servers of provider ${provider} are set on this host.`,
      );
    }
    try {
      const { keyBytes, algorithm } = await client.get(id.keyId);
      if (algorithm === 'AES' && keyBytes.length === KEK_BYTES) return keyBytes;
      zeroise(keyBytes);
    } catch (error) {
      throw unavailable(id, error);
    }
    throw new KeyUnavailableError(
      id,
      'KeyStateNotActiveOrEnabled',
      `The ${describeKeyId(id)} is not an AES key of ${KEK_BYTES} bytes, as VM encryption needs.`,
    );
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    const clients = [...this.#clients.values()];
    this.#clients.clear();
    await Promise.all(clients.map((client) => client.close()));
  }
}

function unavailable(id: CryptoKeyId, error: unknown): KeyUnavailableError {
  if (!(error instanceof KpsimError)) throw error;
  const reason = error instanceof KmipError ? REFUSALS[error.reason] : undefined;
  return new KeyUnavailableError(
    id,
    reason ?? 'KeyStateClusterUnreachable',
    `The key server did not give the ${describeKeyId(id)}: ${errorText(error)}`,
    { cause: error },
  );
}
