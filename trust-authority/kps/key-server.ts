import { KpsimError } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import { parsePemChain, shownCertificate } from '../../core/pki/index.js';
import { zeroise } from '../../core/secret.js';
import { KmipClient, KmipConnectionError, KmipError } from '../../kms/client.js';
import type { KmipClientOptions, KmipClientTls } from '../../kms/client.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type { NetworkAddress } from '../../wire/attestation/index.js';
import type { KeyPair } from '../pki/key-pairs.js';
import type { KeyServerSpec } from './client.js';

/** Port of KMIP (KMIP Profiles 1.4 §4.1.2). */
const KMIP_PORT = 5696;
const PRIMARY_KEY_BYTES = 32;
const DEFAULT_TIMEOUT_SECONDS = 10;

/** Reasons with which a key server says that there is no such key, or no key any more. */
const MISSING_REASONS: ReadonlySet<string> = new Set(['ItemNotFound', 'ObjectDestroyed', 'ObjectArchived']);

/** States in which a key is gone (KMIP 1.4 §3.22). */
const DESTROYED_STATES: ReadonlySet<unknown> = new Set(['Destroyed', 'DestroyedCompromised']);

/** What a provider's key servers are reached with. */
export interface KeyServerAccess {
  readonly spec: KeyServerSpec;
  readonly clientCertificate: KeyPair;
  /** Certificates of the key servers, or of their authorities, in PEM. */
  readonly trustedCertificates: readonly string[];
  readonly password: string | undefined;
}

/** One key server of a provider. Everything that is asked of it ends within `connection_timeout`. */
export class KeyServer {
  readonly name: string;
  readonly #options: KmipClientOptions;
  readonly #timeoutMs: number;
  #client: KmipClient;

  /** @throws AttestationError `key_server_unavailable` if no certificate is trusted yet */
  constructor(
    server: NamedServer,
    { spec, clientCertificate, trustedCertificates, password }: KeyServerAccess,
  ) {
    const { address } = server;
    const username = spec.kmip_server?.username;
    this.name = server.name;
    this.#timeoutMs = (spec.connection_timeout ?? DEFAULT_TIMEOUT_SECONDS) * 1000;
    this.#options = {
      servers: [{ host: address.hostname, port: address.port ?? KMIP_PORT }],
      tls: {
        certificatePem: clientCertificate.certificateChainPem,
        privateKeyPem: clientCertificate.privateKeyPem,
        ...trustOf(trustedCertificates),
      },
      ...(username !== undefined && password !== undefined && { credential: { username, password } }),
      timeoutMs: this.#timeoutMs,
    };
    this.#client = new KmipClient(this.#options);
  }

  /**
   * Fetches a primary key: an active AES-256 key.
   *
   * @returns 32 bytes, for the caller to zeroise
   * @throws AttestationError `WrappingKeyMissingInKMS`, `WrappingKeyNotActiveOrEnabled`, `key_server_unavailable`
   */
  primaryKey(id: string): Promise<Buffer> {
    return this.#bounded(async (client) => {
      await demandActive(client, id);
      const { keyBytes } = await client.get(id);
      if (keyBytes.length === PRIMARY_KEY_BYTES) return keyBytes;
      zeroise(keyBytes);
      throw new AttestationError('WrappingKeyNotActiveOrEnabled', 'It is not an AES key of 256 bits.');
    });
  }

  /** Looks whether a primary key is there and active, without fetching it. @throws as {@link primaryKey} */
  async checkPrimaryKey(id: string): Promise<void> {
    await this.#bounded((client) => demandActive(client, id));
  }

  /** Connects and verifies the server's certificate, and sends nothing. @throws AttestationError `key_server_unavailable` */
  async checkTrust(): Promise<void> {
    await this.#bounded((client) => client.probe());
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#client.close();
  }

  /**
   * Every step of `work` could take the whole timeout: it is given up when their sum has, and its connections with it.
   */
  async #bounded<T>(work: (client: KmipClient) => Promise<T>): Promise<T> {
    const client = this.#client;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
      if (this.#client === client) this.#client = new KmipClient(this.#options);
      void client.close();
    }, this.#timeoutMs);
    try {
      return await work(client);
    } catch (error) {
      throw refusalOf(
        late.signal.aborted
          ? new KmipConnectionError(`${this.name} did not answer within ${this.#timeoutMs} ms`, {
              cause: error,
              mayHaveBeenPerformed: true,
            })
          : error,
        this.name,
      );
    } finally {
      clearTimeout(timer);
    }
  }
}

/** A server of `kmip_server.servers`. */
export interface NamedServer {
  readonly name: string;
  readonly address: NetworkAddress;
}

/** The certificate that a key server shows, whether it is trusted or not. @throws KpsimError `unreachable` */
export function remoteCertificate(address: NetworkAddress, timeoutMs: number): Promise<string> {
  return shownCertificate({ host: address.hostname, port: address.port ?? KMIP_PORT, timeoutMs });
}

/** The servers of a provider. @throws VapiError `UNSUPPORTED` for a proxy, `NOT_ALLOWED_IN_CURRENT_STATE` if there is none */
export function serversOf(spec: KeyServerSpec): readonly NamedServer[] {
  if (spec.proxy_server) {
    throw new VapiError('UNSUPPORTED', 'Key servers are reached directly; leave proxy_server out.');
  }
  const servers = spec.kmip_server?.servers ?? [];
  if (servers.length === 0) {
    throw new VapiError('NOT_ALLOWED_IN_CURRENT_STATE', 'The provider has no key server; set kmip_server.');
  }
  return servers;
}

/** @throws AttestationError `WrappingKeyMissingInKMS`, `WrappingKeyNotActiveOrEnabled`; KmipError, KmipConnectionError */
async function demandActive(client: KmipClient, id: string): Promise<void> {
  const attributes = await client.getAttributes(id, ['State']);
  const state: unknown = attributes.find(({ name }) => name === 'State')?.value;
  if (state === 'Active') return;
  if (DESTROYED_STATES.has(state)) {
    throw new AttestationError('WrappingKeyMissingInKMS', `Its state is ${String(state)}.`);
  }
  throw new AttestationError('WrappingKeyNotActiveOrEnabled', `Its state is ${String(state)}.`);
}

/**
 * How the key servers are recognized: by their authority if one is among the certificates, which also checks their
 * names, otherwise by the very certificates, as vSphere trusts the certificate of a key server.
 */
function trustOf(certificates: readonly string[]): Pick<KmipClientTls, 'caPem' | 'pinnedThumbprintsSha256'> {
  const parsed = certificates.flatMap(parsePemChain);
  if (parsed.length === 0) {
    throw new AttestationError(
      'key_server_unavailable',
      'No certificate of the key server is trusted yet; set server-certificates.',
    );
  }
  return parsed.some(({ ca }) => ca)
    ? { caPem: certificates.join('\n') }
    : { pinnedThumbprintsSha256: parsed.map(({ fingerprint256 }) => fingerprint256) };
}

function refusalOf(error: unknown, server: string): unknown {
  if (error instanceof AttestationError) return error;
  if (error instanceof KmipError && MISSING_REASONS.has(error.reason)) {
    return new AttestationError('WrappingKeyMissingInKMS', undefined, { cause: error });
  }
  if (error instanceof KpsimError) {
    return new AttestationError('key_server_unavailable', `${server}: ${error.message}.`, { cause: error });
  }
  return error;
}
