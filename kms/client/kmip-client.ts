import type {
  Credential,
  OperationName,
  ProtocolVersionName,
  UsernameAndPassword,
} from '../../wire/kmip/index.js';
import type { KmipClientTls, KmipServerAddress } from './connection.js';
import { ClientConnection } from './connection.js';
import { KmipConnectionError } from './errors.js';
import type { HttpsForm } from './https-connection.js';
import { httpsConnector } from './https-connection.js';
import { KmipOperations } from './operations.js';
import type { BatchCarrier } from './performer.js';
import { ConnectionPool } from './pool.js';
import { isRepeatable } from './repeatable.js';
import type { BatchRequest, BatchResult, HeaderOptions, RequestForm } from './session.js';
import { batchResults, dressedBatch } from './session.js';
import { Turns } from './turns.js';

/** What a {@link KmipClient} is made from. */
export interface KmipClientOptions {
  /** The servers of one cluster, the preferred first. */
  readonly servers: readonly KmipServerAddress[];
  readonly tls: KmipClientTls;
  /** User name and password, or another credential with its type. */
  readonly credential?: UsernameAndPassword | Credential | undefined;
  /** Operations that carry the credential; all if absent. */
  readonly credentialOperations?: readonly OperationName[] | undefined;
  /** Speak KMIP over HTTPS, and how; TTLV over TLS if absent. The servers' ports are those of HTTPS then. */
  readonly https?: HttpsForm | undefined;
  /** Version in the request header; 1.4 if absent. */
  readonly protocolVersion?: ProtocolVersionName | undefined;
  /** For connecting, and for each answer; 10 000 if absent. */
  readonly timeoutMs?: number | undefined;
  /** Connections at most; 4 if absent. Further requests wait for one. */
  readonly poolSize?: number | undefined;
  /** Makes Unique Batch Item IDs; see {@link vcenterBatchItemIds}. Without it single items carry none. */
  readonly batchItemId?: (() => Buffer) | undefined;
}

/** The operations of KMIP over something that carries batches. */
class OperationsOver extends KmipOperations {
  readonly protocolVersion: ProtocolVersionName;
  readonly #carry: BatchCarrier['request'];

  constructor(protocolVersion: ProtocolVersionName, carry: BatchCarrier['request']) {
    super();
    this.protocolVersion = protocolVersion;
    this.#carry = carry;
  }

  request(batch: readonly BatchRequest[], options?: HeaderOptions): Promise<readonly BatchResult[]> {
    return this.#carry(batch, options);
  }
}

/**
 * A KMIP client: a pool of connections over the servers of a cluster, and the operations as methods.
 *
 * ```ts
 * const client = new KmipClient({ servers: [{ host: '127.0.0.1', port: 5696 }], tls: { certificatePem, privateKeyPem, caPem } });
 * const id = await client.create({ name: 'kek' });
 * await client.activate(id);
 * const { keyBytes } = await client.get(id);
 * await client.close();
 * ```
 */
export class KmipClient extends KmipOperations {
  readonly protocolVersion: ProtocolVersionName;
  readonly #pool: ConnectionPool;
  readonly #form: RequestForm;
  readonly #timeoutMs: number;
  /** How many servers there are. */
  readonly #servers: number;

  constructor(options: KmipClientOptions) {
    super();
    this.protocolVersion = options.protocolVersion ?? '1.4';
    this.#servers = options.servers.length;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#form = { ...options, protocolVersion: this.protocolVersion };
    const { servers, tls } = options;
    this.#pool = new ConnectionPool({
      servers,
      tls,
      connector: options.https
        ? httpsConnector(options.https)
        : (...where) => ClientConnection.open(...where),
      timeoutMs: this.#timeoutMs,
      size: options.poolSize ?? 4,
    });
  }

  /**
   * Sends a batch over a pooled connection. If no answer comes, a batch that only reads is sent again over new
   * connections: once if the connection had been idle, and to the other servers of the cluster. One that changes
   * something is not, once any of it was sent, for it may have been performed.
   *
   * @returns what became of each item, in order; fewer than asked if the server stopped at a failure
   * @throws KmipError if the whole message is refused, KmipConnectionError if no answer comes
   */
  request(batch: readonly BatchRequest[], options?: HeaderOptions): Promise<readonly BatchResult[]> {
    return this.#request(this.#form, batch, options);
  }

  /** The same client, pool and all, in the name of another credential: a ticket, say. */
  withCredential(credential: UsernameAndPassword | Credential): KmipOperations {
    const form = { ...this.#form, credential, credentialOperations: undefined };
    return new OperationsOver(this.protocolVersion, (batch, options) => this.#request(form, batch, options));
  }

  /**
   * Lends a new connection of its own to `work` and closes it afterwards, as clients do that do not pool. Requests go
   * one after another; none is sent again.
   */
  async withConnection<T>(work: (connection: KmipOperations) => Promise<T>): Promise<T> {
    const connection = await this.#pool.connect();
    const turns = new Turns();
    const operations = new OperationsOver(this.protocolVersion, (batch, options) =>
      turns.take(async () => {
        const { bytes, ids } = dressedBatch(this.#form, batch, options);
        return batchResults(batch, await connection.exchange(bytes, this.#timeoutMs), ids);
      }),
    );
    try {
      return await work(operations);
    } finally {
      await this.#pool.discard(connection);
    }
  }

  /** Connects, verifies the server and closes without a byte of KMIP, as vCenter's health check does. */
  async probe(): Promise<void> {
    await this.withConnection(() => Promise.resolve());
  }

  /** Closes all connections; requests under way fail, those that wait for a connection are refused. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  async #request(
    form: RequestForm,
    batch: readonly BatchRequest[],
    options: HeaderOptions | undefined,
  ): Promise<readonly BatchResult[]> {
    const repeatable = isRepeatable(batch, options);
    let left = this.#servers;
    for (let isFirst = true; ; isFirst = false) {
      const { bytes, ids } = dressedBatch(form, batch, options);
      const { connection, reused } = await this.#pool.lend(!isFirst);
      try {
        return batchResults(batch, await connection.exchange(bytes, this.#timeoutMs), ids);
      } catch (error) {
        if (!(error instanceof KmipConnectionError)) throw error;
        // A connection may end while it is idle without anything being wrong with its server.
        if (!reused) {
          this.#pool.noteFailure(connection);
          left -= 1;
        }
        if (left === 0 || (!repeatable && error.mayHaveBeenPerformed)) throw error;
      } finally {
        this.#pool.giveBack(connection);
      }
    }
  }
}
