import { HttpStatusError } from '../../core/http/index.js';
import { KpsimError } from '../../core/errors.js';
import { zeroise } from '../../core/secret.js';
import { KeyProviderServiceClient } from '../../trust-authority/client.js';
import type { KeyRequestTokens } from '../../trust-authority/client.js';
import { AttestationError, reasonRow } from '../../wire/attestation/index.js';
import type { CryptoKeyId, HostKeyStatus, KeyUnavailableReason, TrustedServiceSpec } from '../api/results.js';
import type { Attestor } from '../trust/attestor.js';
import { NotAttestedError } from '../trust/attestor.js';
import type { HostKey } from '../trust/host-key.js';
import { describeKeyId, keyIdOf, providerOf } from './key-id.js';
import type { NormalKeyId } from './key-id.js';
import { KEK_BYTES } from './key-bytes.js';
import type { KeySource } from './source.js';
import { KeyUnavailableError } from './source.js';

/** What a {@link TrustedKeySource} stands on. */
export interface TrustedKeySourceOptions {
  /** The host's certificate; tokens are bound to it. */
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  readonly attestor: Attestor;
  /** The key to which released keys are encrypted; another one after each boot. */
  readonly hostKey: () => HostKey;
}

interface KeyProviderService {
  readonly spec: TrustedServiceSpec;
  readonly client: KeyProviderServiceClient;
}

/** Refusals of a token that attesting anew can mend: it expired, or its signing key was replaced. */
const MENDED_BY_ATTESTING: ReadonlySet<string> = new Set([
  'token_expired',
  'token_key_untrusted',
  'holder_mismatch',
]);

/** Reasons of the key provider service that vim25 has a word for. */
const VIM_REASONS: Readonly<Record<string, KeyUnavailableReason>> = {
  WrappingKeyMissingInKMS: 'WrappingKeyMissingInKMS',
  WrappingKeyNotActiveOrEnabled: 'WrappingKeyNotActiveOrEnabled',
  sts_issuer_untrusted: 'NoPermissionToAccessKeyProvider',
  principal_token_invalid: 'NoPermissionToAccessKeyProvider',
  principal_not_entitled: 'NoPermissionToAccessKeyProvider',
  key_server_unavailable: 'KeyStateClusterUnreachable',
};

/**
 * Keys of trusted providers. The key id is the key itself, wrapped by the key provider service under a primary key;
 * the service unwraps it for hosts that show a token of an attestation service of its group. Nothing is cached: a
 * host that is no longer attested gets no key, while running VMs go on (EXT-5).
 */
export class TrustedKeySource implements KeySource {
  readonly #options: TrustedKeySourceOptions;
  #services: readonly KeyProviderService[] = [];
  #providers: ReadonlySet<string> = new Set();
  #principal: string | undefined;

  constructor(options: TrustedKeySourceOptions) {
    this.#options = options;
  }

  /** Replaces services and providers. */
  async configure(services: readonly TrustedServiceSpec[], providers: readonly string[]): Promise<void> {
    await this.close();
    this.#providers = new Set(providers);
    this.#services = services.map((spec) => ({
      spec,
      client: new KeyProviderServiceClient({
        baseUrl: spec.address,
        caPem: spec.trusted_CA,
        clientCertificate: this.#options.tls,
      }),
    }));
  }

  /** Sets the principal token that is shown beside the host's own; a new one takes the place of one that expires. */
  setPrincipal(token: string | undefined): void {
    this.#principal = token;
  }

  serves(provider: string): boolean {
    return this.#providers.has(provider);
  }

  /** Names of all trusted providers. */
  list(): readonly string[] {
    return [...this.#providers];
  }

  obtain(id: CryptoKeyId): Promise<Buffer> {
    return this.#ask(id, async ({ client }, tokens) => {
      const released = await client.decrypt({ provider: providerOf(id), ciphertext: id.keyId }, tokens);
      return this.#open(id, released.plaintextJwe);
    });
  }

  generate(provider: string): Promise<{ id: NormalKeyId; key: Buffer }> {
    const wanted = keyIdOf(provider, '');
    return this.#ask(wanted, async ({ client }, tokens) => {
      const made = await client.generateKey({ provider, numOfBytes: KEK_BYTES }, tokens);
      return { id: keyIdOf(provider, made.ciphertext), key: await this.#open(wanted, made.plaintextJwe) };
    });
  }

  status(): Omit<HostKeyStatus, 'keyId'> {
    const attested = this.#options.attestor.info().status === 'attested';
    return {
      present: attested,
      managementType: 'external',
      accessGranted: attested,
      ...(!attested && { reason: 'KeyStateManagedByTrustAuthority' }),
    };
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    const services = this.#services;
    this.#services = [];
    this.#providers = new Set();
    await Promise.all(services.map(({ client }) => client.close()));
  }

  /** Asks the services in their order; one that cannot be reached or does not know the provider is passed over. */
  async #ask<T>(
    id: CryptoKeyId,
    call: (service: KeyProviderService, tokens: KeyRequestTokens) => Promise<T>,
  ): Promise<T> {
    let failure = new KeyUnavailableError(
      id,
      'KeyStateClusterInvalid',
      `The host has no key provider service for ${describeKeyId(id)}: set one in its trusted infrastructure.`,
      { detail: 'key_provider_service_missing' },
    );
    for (const service of this.#services) {
      try {
        return await this.#askWithToken(service, call);
      } catch (error) {
        failure = unavailable(id, service.spec, error);
        if (!isPassedOver(error)) break;
      }
    }
    throw failure;
  }

  async #askWithToken<T>(
    service: KeyProviderService,
    call: (service: KeyProviderService, tokens: KeyRequestTokens) => Promise<T>,
  ): Promise<T> {
    const { attestor } = this.#options;
    const principal = this.#principal;
    const token = await attestor.token(service.spec.group);
    try {
      return await call(service, { token, principal });
    } catch (error) {
      if (!(error instanceof AttestationError) || !MENDED_BY_ATTESTING.has(error.reason)) throw error;
      return call(service, { token: await attestor.token(service.spec.group, token), principal });
    }
  }

  async #open(id: CryptoKeyId, jwe: string): Promise<Buffer> {
    const key = await this.#options.hostKey().open(jwe);
    if (key.length === KEK_BYTES) return key;
    zeroise(key);
    throw new KeyUnavailableError(
      id,
      'KeyStateManagedByTrustAuthority',
      `The ${describeKeyId(id)} is not a key of ${KEK_BYTES} bytes: it was not made for encrypting virtual machines.`,
      { detail: 'key_length' },
    );
  }
}

/**
 * It cannot be reached, cannot reach another itself, has no provider of that name, or something else answers in its
 * place: another service may do.
 */
function isPassedOver(error: unknown): boolean {
  if (error instanceof AttestationError) return reasonRow(error.reason).severity === 'transient';
  if (error instanceof HttpStatusError) {
    return error.status < 400 || error.status === 404 || error.status >= 500;
  }
  return error instanceof KpsimError && (error.code === 'unreachable' || error.code === 'answer_invalid');
}

function unavailable(id: CryptoKeyId, spec: TrustedServiceSpec, error: unknown): KeyUnavailableError {
  if (error instanceof KeyUnavailableError) return error;
  const what = `The ${describeKeyId(id)} cannot be had.`;
  if (error instanceof NotAttestedError || error instanceof AttestationError) {
    const reason = VIM_REASONS[error.reason] ?? 'KeyStateManagedByTrustAuthority';
    return new KeyUnavailableError(id, reason, `${what} ${error.message}`, {
      cause: error,
      detail: error.reason,
    });
  }
  if (!(error instanceof KpsimError)) throw error;
  const unreachable = error.code === 'unreachable';
  return new KeyUnavailableError(
    id,
    unreachable ? 'KeyStateClusterUnreachable' : 'KeyStateManagedByTrustAuthority',
    `${what} The key provider service ${spec.address} failed: ${error.message}`,
    { cause: error, detail: unreachable ? 'key_provider_service_unreachable' : error.code },
  );
}
