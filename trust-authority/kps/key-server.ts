import { KpsimError } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import { parsePemChain, shownCertificate } from '../../core/pki/index.js';
import { KmipClient, KmipError } from '../../kms/client.js';
import type { KmipClientTls } from '../../kms/client.js';
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

/** What a key server is reached with. */
export interface KeyServerAccess {
  readonly spec: KeyServerSpec;
  readonly clientCertificate: KeyPair;
  /** Certificates of the key servers, or of their authorities, in PEM. */
  readonly trustedCertificates: readonly string[];
  readonly password: string | undefined;
}

/** The key server of one provider. */
export class KeyServer {
  readonly #client: KmipClient;

  /** @throws VapiError `UNSUPPORTED` for a proxy, `NOT_ALLOWED_IN_CURRENT_STATE` if something is not set yet */
  constructor({ spec, clientCertificate, trustedCertificates, password }: KeyServerAccess) {
    const username = spec.kmip_server?.username;
    this.#client = new KmipClient({
      servers: serversOf(spec).map(({ address }) => ({
        host: address.hostname,
        port: address.port ?? KMIP_PORT,
      })),
      tls: {
        certificatePem: clientCertificate.certificateChainPem,
        privateKeyPem: clientCertificate.privateKeyPem,
        ...trustOf(trustedCertificates),
      },
      ...(username !== undefined && password !== undefined && { credential: { username, password } }),
      timeoutMs: (spec.connection_timeout ?? DEFAULT_TIMEOUT_SECONDS) * 1000,
    });
  }

  /**
   * Fetches a primary key: an active AES-256 key.
   *
   * @returns 32 bytes, for the caller to zeroise
   * @throws AttestationError `WrappingKeyMissingInKMS`, `WrappingKeyNotActiveOrEnabled`, `key_server_unavailable`
   */
  async primaryKey(id: string): Promise<Buffer> {
    try {
      const attributes = await this.#client.getAttributes(id, ['State']);
      const state: unknown = attributes.find(({ name }) => name === 'State')?.value;
      if (state === 'Destroyed' || state === 'DestroyedCompromised') {
        throw new AttestationError('WrappingKeyMissingInKMS', `Its state is ${state}.`);
      }
      if (state !== 'Active') {
        throw new AttestationError('WrappingKeyNotActiveOrEnabled', `Its state is ${String(state)}.`);
      }
      const { keyBytes } = await this.#client.get(id);
      if (keyBytes.length === PRIMARY_KEY_BYTES) return keyBytes;
      throw new AttestationError('WrappingKeyNotActiveOrEnabled', 'It is not an AES key of 256 bits.');
    } catch (error) {
      throw refusal(error);
    }
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#client.close();
  }
}

/** The certificate that a key server shows, whether it is trusted or not. @throws KpsimError `unreachable` */
export function remoteCertificate(address: NetworkAddress, timeoutMs: number): Promise<string> {
  return shownCertificate({ host: address.hostname, port: address.port ?? KMIP_PORT, timeoutMs });
}

/** The servers of a provider. @throws VapiError */
export function serversOf(spec: KeyServerSpec): readonly { name: string; address: NetworkAddress }[] {
  if (spec.proxy_server) {
    throw new VapiError('UNSUPPORTED', 'Key servers are reached directly; leave proxy_server out.');
  }
  const servers = spec.kmip_server?.servers ?? [];
  if (servers.length === 0) {
    throw new VapiError('NOT_ALLOWED_IN_CURRENT_STATE', 'The provider has no key server; set kmip_server.');
  }
  return servers;
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

function refusal(error: unknown): unknown {
  if (error instanceof AttestationError) return error;
  if (error instanceof KmipError && MISSING_REASONS.has(error.reason)) {
    return new AttestationError('WrappingKeyMissingInKMS', undefined, { cause: error });
  }
  if (error instanceof KpsimError) {
    return new AttestationError('key_server_unavailable', `${error.message}.`, { cause: error });
  }
  return error;
}
