import { KpsimError } from '../../core/errors.js';
import { PRINCIPAL_HEADER } from '../../wire/attestation/index.js';
import type {
  ConsumerPrincipal,
  ConsumerPrincipalSpec,
  NetworkAddress,
  X509CertChain,
} from '../../wire/attestation/index.js';
import { TrustAuthorityRestClient, segment } from '../rest-client.js';
import type { AppliedConfiguration, ServiceStatus, TrustAuthorityClientOptions } from '../rest-client.js';

/** A key server of a provider. */
export interface KmipServerSpec {
  readonly servers: readonly { readonly name: string; readonly address: NetworkAddress }[];
  readonly username?: string | undefined;
}

/** Where a provider's primary key is kept. */
export interface KeyServerSpec {
  readonly type: 'KMIP';
  readonly description?: string | undefined;
  readonly proxy_server?: NetworkAddress | undefined;
  /** Seconds. */
  readonly connection_timeout?: number | undefined;
  readonly kmip_server?: KmipServerSpec | undefined;
}

/** A new trusted key provider. */
export interface KmsProviderCreateSpec {
  readonly provider: string;
  /** Unique identifier of the primary key in the key server. */
  readonly master_key_id: string;
  readonly key_server: KeyServerSpec;
}

/** Changes to a trusted key provider; what is missing stays. */
export interface KmsProviderUpdateSpec {
  readonly master_key_id?: string;
  readonly key_server?: Partial<KeyServerSpec>;
}

/** A trusted key provider as the service answers. */
export interface KmsProviderInfo {
  readonly provider: string;
  readonly master_key_id: string;
  readonly key_server: KeyServerSpec;
  /** Health as in `status`, and why it is not OK. */
  readonly status: ServiceStatus['health'];
  readonly details: ServiceStatus['details'];
}

/** How one key server of a provider stands (`Providers.ServerInfo`). */
export interface KeyServerStatus {
  readonly name: string;
  readonly health: ServiceStatus['health'];
  readonly details: ServiceStatus['details'];
  /** The service trusts the certificate that the server shows. */
  readonly client_trust_server: boolean;
  /** The server answered the service in KMIP, and not that it does not accept it. */
  readonly server_trust_client: boolean;
}

/** How a provider stands (`Providers.Status`): OK, WARNING if some of its key servers fail, ERROR if all do. */
export interface KmsProviderStatus extends ServiceStatus {
  readonly servers: readonly KeyServerStatus[];
}

/** A certificate that a key server shows right now. */
export interface RemoteServerCertificate {
  readonly server: string;
  readonly certificate: string;
  readonly trusted: boolean;
}

/** A consumer principal and whether the certificates of its issuer are valid (`ConsumerPrincipals.Info`). */
export interface ConsumerPrincipalInfo extends ConsumerPrincipal {
  readonly health: ServiceStatus['health'];
  readonly details: ServiceStatus['details'];
}

/** Another key provider service of the same cluster. Own choice. */
export interface KmsClusterMember {
  readonly address: NetworkAddress;
  /** Its TLS certificate in PEM, by which it is recognized. */
  readonly certificate: string;
}

/** How another service of the cluster stands. */
export interface KmsMemberState extends KmsClusterMember {
  readonly reachable: boolean;
  /** Of its raw-config, if it was reached. */
  readonly fingerprint?: string;
  /** `ERROR` if it is configured differently, or cannot be asked. */
  readonly health: 'OK' | 'ERROR';
}

/** A cluster as one of its services sees it. */
export interface KmsClusterInfo {
  readonly members: readonly KmsMemberState[];
  /** Of this service's own configuration. */
  readonly fingerprint: string;
  /** `OK` if every member is. */
  readonly health: 'OK' | 'ERROR';
}

/** What a host shows to get keys. */
export interface KeyRequestTokens {
  /** The KMS_AUTH_JWT of an attestation service. */
  readonly token: string;
  /** The principal token of its vCenter, where the service asks for one. */
  readonly principal?: string | undefined;
}

/** An attestation service whose documents the key provider service accepts, if it is of its own group. */
export interface AttestationServiceInfo {
  readonly address: NetworkAddress;
  /** Authorities of the attestation service's TLS certificate. */
  readonly trusted_CA: X509CertChain;
  readonly group: string;
}

/** A key that was released to its holder. */
export interface ReleasedKey {
  /** The key as a compact JWE (ECDH-ES+A256KW, A256GCM) to the `cnf.jwk` of the token. */
  readonly plaintextJwe: string;
}

/** A key that was made for its holder. */
export interface GeneratedKey extends ReleasedKey {
  /** The wrapped key in base64: the key's id. */
  readonly ciphertext: string;
}

/** Client of a key provider service, `/api/esx/kms`. */
export class KeyProviderServiceClient {
  readonly #rest: TrustAuthorityRestClient;

  constructor(options: TrustAuthorityClientOptions) {
    this.#rest = new TrustAuthorityRestClient(options, '/api/esx/kms');
  }

  /**
   * Makes a key of `numOfBytes` bytes (16, 24, 32, 48 or 64).
   *
   * @param tokens a KMS_AUTH_JWT, alone or with a principal token
   * @throws AttestationError with the reason for which token or primary key were refused
   */
  async generateKey(
    spec: { readonly provider: string; readonly numOfBytes: number },
    tokens: string | KeyRequestTokens,
  ): Promise<GeneratedKey> {
    const body = { provider: spec.provider, num_of_bytes: spec.numOfBytes };
    const { ciphertext, plaintext } = await this.#keyOperation('generate-key', body, tokens);
    return { ciphertext: text(ciphertext), plaintextJwe: text(plaintext) };
  }

  /** Unwraps a key. @throws as `generateKey` */
  async decrypt(
    spec: { readonly provider: string; readonly ciphertext: string },
    tokens: string | KeyRequestTokens,
  ): Promise<ReleasedKey> {
    const { plaintext } = await this.#keyOperation('decrypt', spec, tokens);
    return { plaintextJwe: text(plaintext) };
  }

  /** Wraps a key that the host has (base64). @throws as `generateKey` */
  async encrypt(
    spec: { readonly provider: string; readonly plaintext: string },
    tokens: string | KeyRequestTokens,
  ): Promise<{ readonly ciphertext: string }> {
    const { ciphertext } = await this.#keyOperation('encrypt', spec, tokens);
    return { ciphertext: text(ciphertext) };
  }

  readonly providers = {
    list: (): Promise<readonly { readonly provider: string; readonly status: ServiceStatus['health'] }[]> =>
      this.#rest.list('providers'),
    get: (provider: string): Promise<KmsProviderInfo> => this.#rest.get(`providers/${segment(provider)}`),
    create: (spec: KmsProviderCreateSpec): Promise<void> => this.#rest.tell('POST', 'providers', spec),
    update: (provider: string, spec: KmsProviderUpdateSpec): Promise<void> =>
      this.#rest.tell('PATCH', `providers/${segment(provider)}`, spec),
    delete: (provider: string): Promise<void> => this.#rest.tell('DELETE', `providers/${segment(provider)}`),
    /** The certificate with which the service shows itself to the key server. */
    clientCertificate: (provider: string): Promise<{ readonly certificate: string }> =>
      this.#rest.get(`providers/${segment(provider)}/client-certificate`),
    /** Replaces it; without a private key it must be for the pending CSR. */
    setClientCertificate: (
      provider: string,
      spec: { readonly certificate: string; readonly private_key?: string },
    ): Promise<void> => this.#rest.tell('PUT', `providers/${segment(provider)}/client-certificate`, spec),
    /** Makes a new self-signed client certificate, and returns it. */
    createClientCertificate: (provider: string): Promise<{ readonly certificate: string }> =>
      this.#rest.call('POST', `providers/${segment(provider)}/client-certificate`),
    /** Makes a new key and the CSR for it, in PEM. */
    createClientCertificateCsr: (provider: string): Promise<{ readonly csr: string }> =>
      this.#rest.call('POST', `providers/${segment(provider)}/client-certificate/csr`),
    /** The pending CSR, in PEM. */
    clientCertificateCsr: (provider: string): Promise<{ readonly csr: string }> =>
      this.#rest.get(`providers/${segment(provider)}/client-certificate/csr`),
    /** The certificates of the key servers that are trusted, in PEM. */
    serverCertificates: (provider: string): Promise<{ readonly certificates: readonly string[] }> =>
      this.#rest.get(`providers/${segment(provider)}/server-certificates`),
    setServerCertificates: (provider: string, certificates: readonly string[]): Promise<void> =>
      this.#rest.tell('PUT', `providers/${segment(provider)}/server-certificates`, { certificates }),
    /** The certificates that the key servers show right now, whether trusted or not. */
    remoteServerCertificates: (provider: string): Promise<readonly RemoteServerCertificate[]> =>
      this.#rest.list(`providers/${segment(provider)}/server-certificates/remote`),
    /** Sets the password for the provider's user name at the key server. */
    setCredential: (provider: string, password: string): Promise<void> =>
      this.#rest.tell('PUT', `providers/${segment(provider)}/credential`, { password }),
    status: (provider: string): Promise<KmsProviderStatus> =>
      this.#rest.get(`providers/${segment(provider)}/status`),
  };

  /** Consumer principals whose hosts may get keys. */
  readonly principals = {
    list: (): Promise<readonly ConsumerPrincipal[]> => this.#rest.list(PRINCIPALS),
    get: (profile: string): Promise<ConsumerPrincipalInfo> =>
      this.#rest.get(`${PRINCIPALS}/${segment(profile)}`),
    /** Registers one; returns its profile. */
    create: (spec: ConsumerPrincipalSpec): Promise<string> => this.#rest.call('POST', PRINCIPALS, spec),
    /** Removes one, from entitlements too. */
    delete: (profile: string): Promise<void> =>
      this.#rest.tell('DELETE', `${PRINCIPALS}/${segment(profile)}`),
  };

  /** Which consumer principals may use a provider. */
  readonly entitlements = {
    /** Without `profiles` the provider is not limited. */
    get: (provider: string): Promise<{ readonly profiles?: readonly string[] }> =>
      this.#rest.get(entitlementsOf(provider)),
    /** Limits a provider to these consumer principals, whether or not the service asks every host for a principal. */
    set: (provider: string, profiles: readonly string[]): Promise<void> =>
      this.#rest.tell('PUT', entitlementsOf(provider), { profiles }),
    /** Lifts the limit. */
    clear: (provider: string): Promise<void> => this.#rest.tell('DELETE', entitlementsOf(provider)),
  };

  /** The other key provider services of the cluster. */
  readonly cluster = {
    get: (): Promise<KmsClusterInfo> => this.#rest.get(CLUSTER),
    set: (spec: { readonly members: readonly KmsClusterMember[] }): Promise<void> =>
      this.#rest.tell('PUT', CLUSTER, spec),
    /** The fingerprint of this service's raw-config; any client with a trusted certificate may ask. */
    fingerprint: async (): Promise<string> =>
      (await this.#rest.get<{ fingerprint: string }>(`${CLUSTER}/fingerprint`)).fingerprint,
  };

  /** Attestation services whose documents are accepted. */
  readonly attestationServices = {
    list: (): Promise<readonly (AttestationServiceInfo & { readonly service: string })[]> =>
      this.#rest.list('/api/esx/trusted-infrastructure/attestation/services'),
    /** Registers one; returns its id. */
    register: (info: AttestationServiceInfo): Promise<string> =>
      this.#rest.call('POST', '/api/esx/trusted-infrastructure/attestation/services', info),
    delete: (service: string): Promise<void> =>
      this.#rest.tell('DELETE', `/api/esx/trusted-infrastructure/attestation/services/${segment(service)}`),
  };

  rawConfig(): Promise<AppliedConfiguration> {
    return this.#rest.configuration('raw-config');
  }

  /** Replaces the whole configuration by what `rawConfig` of another service of the cluster answered. */
  replaceRawConfig(configuration: string): Promise<void> {
    return this.#rest.tell('PUT', 'raw-config', { configuration });
  }

  status(): Promise<ServiceStatus> {
    return this.#rest.get('status');
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#rest.close();
  }

  /** The answer of a key operation; of what else answers, nothing that it should have is a text. */
  async #keyOperation(
    operation: string,
    body: unknown,
    tokens: string | KeyRequestTokens,
  ): Promise<{ readonly ciphertext?: unknown; readonly plaintext?: unknown }> {
    const { token, principal }: KeyRequestTokens = typeof tokens === 'string' ? { token: tokens } : tokens;
    const answer = await this.#rest.call<object | null | undefined>('POST', operation, body, {
      authorization: `Bearer ${token}`,
      ...(principal !== undefined && { [PRINCIPAL_HEADER]: principal }),
    });
    return { ...answer };
  }
}

const PRINCIPALS = '/api/kpsim/kms/consumer-principals';
const CLUSTER = '/api/kpsim/kms/cluster';

/** @throws KpsimError `answer_invalid` */
function text(value: unknown): string {
  if (typeof value === 'string') return value;
  throw new KpsimError('answer_invalid', 'The key provider service did not answer with a key.');
}

function entitlementsOf(provider: string): string {
  return `/api/kpsim/kms/providers/${segment(provider)}/entitlements`;
}
