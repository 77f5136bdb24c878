import type { Clock } from '../../core/clock.js';
import { KpsimError, errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import { certificateThumbprintSha256, parseCertificate } from '../../core/pki/index.js';
import { zeroise } from '../../core/secret.js';
import type { CryptoKeyPlain } from '../../host-agent/client.js';
import { KmipConnectionError, KmipError } from '../../kms/client.js';
import type { VimObject } from '../../wire/vim25/index.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { ProviderFacts } from '../migration/rule-facts.js';
import { certificateInfo } from './client-identity.js';
import type { KeyAvailability, KeyOwner, KeyProvider } from './key-provider.js';
import { KEK_ALGORITHM, KeyUnavailable, cryptoKeyId } from './key-provider.js';
import type { ProductTags } from './key-server.js';
import { KeyServer } from './key-server.js';
import type { StandardProviderRecord } from './standard-record.js';

const KEK_BYTES = 32;

/** A standard key provider: KMIP key servers that this vCenter asks, and from which it supplies its hosts. */
export class StandardKeyProvider implements KeyProvider {
  readonly kind = 'standard';
  readonly name: string;
  readonly #parts: { readonly clock: Clock; readonly log: Logger; readonly product: ProductTags };
  #record: StandardProviderRecord;
  #servers: readonly KeyServer[];
  /** The server that answered last is asked first. */
  #preferred = 0;

  constructor(
    name: string,
    record: StandardProviderRecord,
    parts: { readonly clock: Clock; readonly log: Logger; readonly product: ProductTags },
  ) {
    this.name = name;
    this.#record = record;
    this.#parts = parts;
    this.#servers = serversOf(record);
  }

  /** What is kept of the provider, secrets included. */
  get record(): StandardProviderRecord {
    return this.#record;
  }

  /** Takes up changed servers or certificates; calls under way end with the old ones. */
  async replace(record: StandardProviderRecord): Promise<void> {
    const before = this.#servers;
    this.#record = record;
    this.#servers = serversOf(record);
    this.#preferred = 0;
    await Promise.all(before.map((server) => server.close()));
  }

  facts(): Promise<ProviderFacts> {
    const only = pinnedThumbprint(this.#record);
    const servers = this.#record.servers.map(({ address, port }) => ({
      host: address,
      port,
      ...(only !== undefined && { thumbprintSha256: only }),
    }));
    return Promise.resolve({ kind: 'standard', name: this.name, servers });
  }

  info(): ReturnType<KeyProvider['info']> {
    return Promise.resolve({
      _typeName: 'KmipClusterInfo',
      clusterId: { _typeName: 'KeyProviderId', id: this.name },
      managementType: 'vCenter',
      servers: this.#record.servers.map(({ name, address, port, userName, timeoutMs }) => ({
        _typeName: 'KmipServerInfo',
        name,
        address,
        port,
        protocol: 'KMIP',
        ...(userName !== undefined && { userName }),
        ...(timeoutMs !== undefined && { timeout: Math.ceil(timeoutMs / 1000) }),
      })),
    });
  }

  async status(): Promise<VimObject<'CryptoManagerKmipClusterStatus'>> {
    const servers = await Promise.all(this.#servers.map((server) => this.#serverStatus(server)));
    const up = servers.filter(({ status }) => status === 'green').length;
    return {
      _typeName: 'CryptoManagerKmipClusterStatus',
      clusterId: { _typeName: 'KeyProviderId', id: this.name },
      overallStatus: up === servers.length ? 'green' : up > 0 ? 'yellow' : 'red',
      managementType: 'vCenter',
      servers,
      clientCertInfo: certificateInfo(this.#record.identity.certificatePem, this.#parts.clock),
    };
  }

  async newKey(owner: KeyOwner): Promise<CryptoKeyPlain> {
    try {
      return await this.#anyServer(async (server) => {
        const keyId = await server.createKey();
        await this.#tolerated(() => server.tagProduct(keyId, this.#parts.product));
        const key = await this.#plain(server, keyId);
        await this.#tolerated(() => server.tagOwner(keyId, owner));
        return key;
      });
    } catch (error) {
      const reason = `Key provider ${this.name} makes no key: ${errorText(error)}`;
      throw new VimFault('SystemError', reason, { fields: { reason }, cause: error });
    }
  }

  async fetchKey(keyId: string): Promise<CryptoKeyPlain> {
    return this.#available(() => this.#anyServer((server) => this.#plain(server, keyId)));
  }

  async keyStatus(keyId: string): Promise<KeyAvailability> {
    try {
      const state = await this.#available(() => this.#anyServer((server) => server.keyState(keyId)));
      return state === 'Active'
        ? { available: true }
        : { available: false, reason: 'KeyStateNotActiveOrEnabled' };
    } catch (error) {
      if (error instanceof KeyUnavailable) return { available: false, reason: error.reason };
      throw error;
    }
  }

  /** Writes custom attributes on a key. @throws KeyUnavailable */
  setAttributes(keyId: string, attributes: Readonly<Record<string, string>>): Promise<void> {
    return this.#available(() => this.#anyServer((server) => server.setAttributes(keyId, attributes)));
  }

  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** Asks the servers in turn until one can be reached. @throws KmipError, KmipConnectionError */
  async #anyServer<T>(ask: (server: KeyServer) => Promise<T>): Promise<T> {
    const servers = this.#servers;
    let last: unknown = new KmipConnectionError(`Key provider ${this.name} has no key servers.`, {
      mayHaveBeenPerformed: false,
    });
    for (let turn = 0; turn < servers.length; turn += 1) {
      const index = (this.#preferred + turn) % servers.length;
      const server = servers[index];
      if (!server) continue;
      try {
        const answer = await ask(server);
        this.#preferred = index;
        return answer;
      } catch (error) {
        if (!(error instanceof KmipConnectionError)) throw error;
        this.#parts.log.warn(
          { err: error, provider: this.name, server: server.record.name },
          'key server failed',
        );
        last = error;
      }
    }
    throw last;
  }

  async #plain(server: KeyServer, keyId: string): Promise<CryptoKeyPlain> {
    const { keyBytes, state } = await server.useKey(keyId);
    try {
      if (keyBytes.length !== KEK_BYTES) {
        throw new KeyUnavailable(
          'KeyStateMissingInKMS',
          `Object ${keyId} of ${this.name} is no AES-256 key.`,
        );
      }
      if (state !== 'Active') {
        throw new KeyUnavailable('KeyStateNotActiveOrEnabled', `Key ${keyId} of ${this.name} is ${state}.`);
      }
      return {
        keyId: cryptoKeyId(this.name, keyId),
        algorithm: KEK_ALGORITHM,
        keyData: keyBytes.toString('base64'),
      };
    } finally {
      zeroise(keyBytes);
    }
  }

  async #available<T>(ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof KmipConnectionError) {
        throw new KeyUnavailable(
          'KeyStateClusterUnreachable',
          `No key server of ${this.name} can be reached; check that they run, and that both sides trust each other.`,
          { cause: error },
        );
      }
      if (error instanceof KmipError) {
        throw new KeyUnavailable(
          'KeyStateMissingInKMS',
          `Key provider ${this.name} does not give this key: ${error.message}`,
          { cause: error },
        );
      }
      throw error;
    }
  }

  async #tolerated(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof KpsimError)) throw error;
      this.#parts.log.warn({ err: error, provider: this.name }, 'a key could not be tagged');
    }
  }

  async #serverStatus(server: KeyServer): Promise<VimObject<'CryptoManagerKmipServerStatus'>> {
    const { name } = server.record;
    try {
      await server.checkHealth();
      return {
        _typeName: 'CryptoManagerKmipServerStatus',
        name,
        status: 'green',
        connectionStatus: 'KMSHealthy',
        clientTrustServer: true,
        serverTrustClient: true,
      };
    } catch (error) {
      return {
        _typeName: 'CryptoManagerKmipServerStatus',
        name,
        status: 'red',
        connectionStatus: errorText(error).slice(0, 500),
        clientTrustServer: this.#record.trustedCertificates.length > 0,
        serverTrustClient: false,
      };
    }
  }
}

/** Thumbprint of the only server's certificate, where that certificate and not its authority is trusted. */
function pinnedThumbprint({ trustedCertificates, servers }: StandardProviderRecord): string | undefined {
  const [only] = trustedCertificates;
  if (only === undefined || trustedCertificates.length > 1 || servers.length > 1) return undefined;
  const certificate = parseCertificate(only);
  return certificate.ca ? undefined : certificateThumbprintSha256(certificate);
}

function serversOf(record: StandardProviderRecord): readonly KeyServer[] {
  return record.servers.map((server) => new KeyServer(server, record.identity, record.trustedCertificates));
}
