import { randomKeyBytes, zeroise } from '../../core/secret.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type { ClientIdentity } from '../rest/operation.js';
import type { PrincipalVerifier } from './principal-verifier.js';
import type { Providers } from './providers.js';
import { releasedKey } from './release.js';
import type { TokenVerifier, VerifiedToken } from './token-verifier.js';
import { notWrapped, parseWrappedKey, unwrapKey, wrapKey } from './wrapped-key.js';

/** Who asks for a key: the connection's certificate, the `Authorization` header and the principal token. */
export interface KeyRequester {
  readonly client: ClientIdentity;
  readonly authorization: string | undefined;
  readonly principal: string | undefined;
}

/** Makes, wraps and releases keys for hosts that attested. */
export class KeyOperations {
  readonly #tokens: TokenVerifier;
  readonly #principals: PrincipalVerifier;
  readonly #requirePrincipal: boolean;
  readonly #providers: Providers;

  constructor(options: {
    readonly tokens: TokenVerifier;
    readonly principals: PrincipalVerifier;
    /** Ask every host for a principal; otherwise only providers that are limited to some do. */
    readonly requirePrincipal: boolean;
    readonly providers: Providers;
  }) {
    this.#tokens = options.tokens;
    this.#principals = options.principals;
    this.#requirePrincipal = options.requirePrincipal;
    this.#providers = options.providers;
  }

  /**
   * A new key: wrapped, which is its id, and as a JWE to the host.
   *
   * @throws AttestationError with the reason for which token or primary key were refused, VapiError `NOT_FOUND`
   */
  async generateKey(
    requester: KeyRequester,
    provider: string,
    numOfBytes: number,
  ): Promise<{ ciphertext: string; plaintext: string }> {
    const token = await this.#admit(requester, provider);
    const key = randomKeyBytes(numOfBytes);
    try {
      const ciphertext = await this.#wrap(key, provider);
      return { ciphertext, plaintext: releasedKey(key, token.recipient) };
    } finally {
      zeroise(key);
    }
  }

  /** Wraps a key that the host brings. @throws as {@link generateKey} */
  async encrypt(requester: KeyRequester, provider: string, key: Buffer): Promise<{ ciphertext: string }> {
    try {
      await this.#admit(requester, provider);
      return { ciphertext: await this.#wrap(key, provider) };
    } finally {
      zeroise(key);
    }
  }

  /** Releases a key to the host. @throws as {@link generateKey}, VapiError `INVALID_ARGUMENT` for a wrong ciphertext */
  async decrypt(
    requester: KeyRequester,
    provider: string,
    ciphertext: string,
  ): Promise<{ plaintext: string }> {
    const token = await this.#admit(requester, provider);
    const wrapped = parseWrappedKey(ciphertext);
    // Only ids that the provider has had are asked for: a ciphertext must not choose keys of the key server.
    if (!this.#providers.hasHadPrimaryKey(provider, wrapped.primaryKeyId)) throw notWrapped();
    const key = await this.#providers.withPrimaryKey(provider, wrapped.primaryKeyId, (primary) =>
      unwrapKey(wrapped, provider, primary.key),
    );
    try {
      return { plaintext: releasedKey(key, token.recipient) };
    } finally {
      zeroise(key);
    }
  }

  #wrap(key: Buffer, provider: string): Promise<string> {
    const { master_key_id: id } = this.#providers.get(provider);
    return this.#providers.withPrimaryKey(provider, id, (primary) =>
      wrapKey(key, provider, primary.id, primary.key),
    );
  }

  /** The order is that of the catalogue: token first, so that only hosts that attested learn which providers there are. */
  async #admit(requester: KeyRequester, provider: string): Promise<VerifiedToken> {
    const token = await this.#tokens.authorize(requester.authorization, requester.client);
    const authorized = this.#requirePrincipal ? this.#profilesOf(requester) : undefined;
    const { entitledProfiles } = this.#providers.get(provider);
    if (entitledProfiles === undefined) return token;
    const profiles = authorized ?? this.#profilesOf(requester);
    if (!entitledProfiles.some((profile) => profiles.has(profile))) {
      throw new AttestationError('principal_not_entitled', `The provider is ${JSON.stringify(provider)}.`);
    }
    return token;
  }

  #profilesOf({ principal, client }: KeyRequester): ReadonlySet<string> {
    return this.#principals.authorize(principal, client);
  }
}
