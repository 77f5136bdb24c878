import type {
  Attribute,
  EnumerationValue,
  ManagedObjectValue,
  NameIn,
  ObjectTypeName,
  OperationName,
  ProtocolVersion,
  ProtocolVersionName,
  RequestPayload,
  ResponsePayload,
  TypedOperation,
  UsernameAndPassword,
} from '../wire/kmip/index.js';
import { attributeOf, keyMaterialBytes, KmipError } from '../wire/kmip/index.js';
import type { Connection, KmipClientTls, KmipServerAddress } from './client/connection.js';
import { ClientConnection } from './client/connection.js';
import { KmipConnectionError } from './client/errors.js';
import type { HttpsForm } from './client/https-connection.js';
import { httpsConnector } from './client/https-connection.js';
import { ConnectionPool } from './client/pool.js';
import type { BatchRequest, BatchResult, HeaderOptions, RequestForm } from './client/session.js';
import { batchResults, onlyPayload, requestBytes } from './client/session.js';

export type { KmipClientTls, KmipServerAddress } from './client/connection.js';
export { KmipConnectionError } from './client/errors.js';
export type { HttpsForm } from './client/https-connection.js';
export type { BatchRequest, BatchResult, HeaderOptions } from './client/session.js';
export { KmipError } from '../wire/kmip/errors.js';

/** What a {@link KmipClient} is made from. */
export interface KmipClientOptions {
  /** The servers of one cluster, the preferred first. */
  readonly servers: readonly KmipServerAddress[];
  readonly tls: KmipClientTls;
  readonly credential?: UsernameAndPassword | undefined;
  /** Operations that carry the credential; all if absent. */
  readonly credentialOperations?: readonly OperationName[] | undefined;
  /** Speak KMIP over HTTPS, and how; TTLV over TLS if absent. The servers' ports are those of HTTPS then. */
  readonly https?: HttpsForm | undefined;
  /** Version in the request header; 1.4 if absent. */
  readonly protocolVersion?: ProtocolVersionName | undefined;
  /** For connecting, and for each answer; 10 000 if absent. */
  readonly timeoutMs?: number | undefined;
  /** Connections at most; 4 if absent. */
  readonly poolSize?: number | undefined;
  /** Makes Unique Batch Item IDs; see {@link vcenterBatchItemIds}. Without it single items carry none. */
  readonly batchItemId?: (() => Buffer) | undefined;
}

/** A key to be created. */
export interface KeyRequest {
  /** AES if absent. */
  readonly algorithm?: EnumerationValue<'CryptographicAlgorithm'>;
  /** 256 if absent. */
  readonly lengthBits?: number;
  /** Cryptographic Usage Mask; Encrypt and Decrypt if absent. */
  readonly usageMask?: number;
  readonly name?: string;
  /** Further attributes. */
  readonly attributes?: readonly AttributeInput[];
}

/** An attribute as callers write it: custom ones may be plain text. */
export type AttributeInput = Attribute | { readonly name: `${string}-${string}`; readonly value: string };

/** Key bytes with what they are; clear the bytes after use. */
export interface RetrievedKey {
  readonly keyBytes: Buffer;
  readonly algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  readonly lengthBits: number;
}

const ENCRYPT_AND_DECRYPT = 0x0000000c;

/** Operations that change nothing and may be sent again when an idle connection turns out to be dead. */
const REPEATABLE: ReadonlySet<OperationName> = new Set<OperationName>([
  'Get',
  'GetAttributes',
  'GetAttributeList',
  'Locate',
  'Query',
  'DiscoverVersions',
]);

/** Something that carries batches: the client itself (any pooled connection) or one connection of its own. */
export interface BatchCarrier {
  /** @throws KmipError if the whole message is refused, KmipConnectionError if no answer comes */
  request(batch: readonly BatchRequest[], options?: HeaderOptions): Promise<readonly BatchResult[]>;
}

/** A KMIP client: a pool of connections over the servers of a cluster, and the operations as methods. */
export class KmipClient implements BatchCarrier {
  readonly #pool: ConnectionPool;
  readonly #form: RequestForm;
  readonly #timeoutMs: number;
  /** How many servers there are. */
  readonly #servers: number;

  constructor(options: KmipClientOptions) {
    this.#servers = options.servers.length;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#form = { ...options, protocolVersion: options.protocolVersion ?? '1.4' };
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
   * something is not, for it may have been performed.
   *
   * @returns what became of each item, in order; fewer than asked if the server stopped at a failure
   * @throws KmipError if the whole message is refused, KmipConnectionError if no answer comes
   */
  async request(batch: readonly BatchRequest[], options?: HeaderOptions): Promise<readonly BatchResult[]> {
    const repeatable = batch.every((item) => REPEATABLE.has(item.operation));
    let left = this.#servers;
    for (let isFirst = true; ; isFirst = false) {
      const bytes = requestBytes(this.#form, batch, options);
      const { connection, reused } = await this.#pool.lend(!isFirst);
      try {
        return batchResults(batch, await connection.exchange(bytes, this.#timeoutMs));
      } catch (error) {
        if (!(error instanceof KmipConnectionError)) throw error;
        // A connection may end while it is idle without anything being wrong with its server.
        if (!reused) {
          this.#pool.noteFailure(connection);
          left -= 1;
        }
        if (!repeatable || left === 0) throw error;
      } finally {
        this.#pool.giveBack(connection);
      }
    }
  }

  /** Sends one operation. @throws KmipError with the server's reason, KmipConnectionError */
  async perform<O extends TypedOperation>(
    operation: O,
    payload: RequestPayload<O>,
  ): Promise<ResponsePayload<O>> {
    return onlyPayload<O>(await this.request([{ operation, payload } as BatchRequest]));
  }

  /** Lends a new connection of its own to `work` and closes it afterwards, as clients do that do not pool. */
  async withConnection<T>(work: (carrier: BatchCarrier) => Promise<T>): Promise<T> {
    const connection = await this.#pool.connect();
    try {
      return await work(this.#carrierOver(connection));
    } finally {
      await this.#pool.discard(connection);
    }
  }

  /** Connects, verifies the server and closes without a byte of KMIP, as vCenter's health check does. */
  async probe(): Promise<void> {
    await this.withConnection(() => Promise.resolve());
  }

  /** Versions that both sides speak, the server's preferred first. */
  async discoverVersions(offered?: readonly ProtocolVersion[]): Promise<readonly ProtocolVersion[]> {
    const { protocolVersions } = await this.perform('DiscoverVersions', { protocolVersions: offered });
    return protocolVersions ?? [];
  }

  /** Asks what the server can do. */
  query(functions: readonly NameIn<'QueryFunction'>[]): Promise<ResponsePayload<'Query'>> {
    return this.perform('Query', { queryFunctions: functions });
  }

  /** Has the server make a symmetric key; returns its Unique Identifier. */
  async create(key: KeyRequest = {}): Promise<string> {
    const attributes: Attribute[] = [
      attributeOf('CryptographicAlgorithm', key.algorithm ?? 'AES'),
      attributeOf('CryptographicUsageMask', key.usageMask ?? ENCRYPT_AND_DECRYPT),
      attributeOf('CryptographicLength', key.lengthBits ?? 256),
      ...named(key.name),
      ...(key.attributes ?? []).map(toAttribute),
    ];
    const payload = { objectType: 'SymmetricKey', templateAttribute: { attributes }, attributes } as const;
    return (await this.perform('Create', payload)).uniqueIdentifier;
  }

  /** Hands an object over; returns its Unique Identifier. */
  async register(
    object: ManagedObjectValue,
    options: { readonly name?: string; readonly attributes?: readonly AttributeInput[] } = {},
  ): Promise<string> {
    const attributes = [...named(options.name), ...(options.attributes ?? []).map(toAttribute)];
    const objectType: ObjectTypeName = object.objectType;
    const payload = { objectType, templateAttribute: { attributes }, attributes, object };
    return (await this.perform('Register', payload)).uniqueIdentifier;
  }

  /** A symmetric key's bytes. @throws KmipError, also if the object is of another kind */
  async get(uniqueIdentifier: string): Promise<RetrievedKey> {
    const { object } = await this.perform('Get', { uniqueIdentifier });
    if (object.objectType !== 'SymmetricKey') {
      throw new KmipError(
        'InvalidField',
        `Object ${uniqueIdentifier} is a ${object.objectType}, not a Symmetric Key.`,
      );
    }
    const { keyBlock } = object;
    const keyBytes = Buffer.from(keyMaterialBytes(keyBlock));
    return {
      keyBytes,
      algorithm: keyBlock.cryptographicAlgorithm,
      lengthBits: keyBlock.cryptographicLength ?? keyBytes.length * 8,
    };
  }

  /** Any object, as it is stored. */
  async getObject(uniqueIdentifier: string): Promise<ManagedObjectValue> {
    return (await this.perform('Get', { uniqueIdentifier })).object;
  }

  /** Attributes by name (`State`, `x-Product`, …); all without names. What the object lacks is left out. */
  async getAttributes(
    uniqueIdentifier: string,
    names: readonly string[] = [],
  ): Promise<readonly Attribute[]> {
    const asked = names.length === 0 ? undefined : names;
    const answer = await this.perform('GetAttributes', {
      uniqueIdentifier,
      attributeNames: asked,
      attributeReferences: asked,
    });
    return answer.attributesStructure ?? answer.attributes ?? [];
  }

  /** Names of an object's attributes. */
  async getAttributeList(uniqueIdentifier: string): Promise<readonly string[]> {
    const answer = await this.perform('GetAttributeList', { uniqueIdentifier });
    return answer.attributeReferences ?? answer.attributeNames ?? [];
  }

  /** Adds one attribute instance. */
  async addAttribute(uniqueIdentifier: string, attribute: AttributeInput): Promise<void> {
    await this.perform('AddAttribute', attributePayload(uniqueIdentifier, attribute));
  }

  /** Adds several attributes in one batch, in their order. @throws KmipError of the first that failed */
  async addAttributes(uniqueIdentifier: string, attributes: readonly AttributeInput[]): Promise<void> {
    if (attributes.length === 0) return;
    const batch = attributes.map((attribute) => ({
      operation: 'AddAttribute' as const,
      payload: attributePayload(uniqueIdentifier, attribute),
    }));
    const failed = (await this.request(batch)).find((result) => result.error);
    if (failed?.error) throw failed.error;
  }

  /** Changes an attribute instance: the one of its index (1.x), or the only one (2.x). */
  async modifyAttribute(uniqueIdentifier: string, attribute: AttributeInput): Promise<void> {
    await this.perform('ModifyAttribute', attributePayload(uniqueIdentifier, attribute));
  }

  /** Deletes an attribute: the instance of an index (1.x), or all instances (2.x). */
  async deleteAttribute(uniqueIdentifier: string, name: string, index?: number): Promise<void> {
    await this.perform('DeleteAttribute', {
      uniqueIdentifier,
      attributeName: name,
      attributeIndex: index,
      attributeReference: name,
    });
  }

  /** Identifiers of the objects that have all these attributes, newest first. */
  async locate(
    attributes: readonly AttributeInput[] = [],
    page: { readonly maximumItems?: number; readonly offsetItems?: number } = {},
  ): Promise<readonly string[]> {
    const wanted = attributes.map(toAttribute);
    const answer = await this.perform('Locate', { ...page, attributes: wanted, attributesStructure: wanted });
    return answer.uniqueIdentifiers ?? [];
  }

  /** Makes a Pre-Active object Active. */
  async activate(uniqueIdentifier: string): Promise<void> {
    await this.perform('Activate', { uniqueIdentifier });
  }

  /** Makes an object Deactivated or, for a compromise, Compromised. */
  async revoke(
    uniqueIdentifier: string,
    code: NameIn<'RevocationReasonCode'> = 'CessationOfOperation',
    message?: string,
  ): Promise<void> {
    await this.perform('Revoke', { uniqueIdentifier, revocationReason: { code, message } });
  }

  /** Destroys an object's key material. */
  async destroy(uniqueIdentifier: string): Promise<void> {
    await this.perform('Destroy', { uniqueIdentifier });
  }

  /** Closes all connections; requests under way fail. */
  close(): Promise<void> {
    return this.#pool.close();
  }

  #carrierOver(connection: Connection): BatchCarrier {
    return {
      request: async (batch, options) =>
        batchResults(
          batch,
          await connection.exchange(requestBytes(this.#form, batch, options), this.#timeoutMs),
        ),
    };
  }
}

/** The payload of an only result of a batch. @throws KmipError if it failed */
export function payloadOf<O extends TypedOperation>(
  _operation: O,
  results: readonly BatchResult[],
): ResponsePayload<O> {
  return onlyPayload<O>(results);
}

/** Unique Batch Item IDs as vCenter numbers them: `51 4c 4b 43 NN 00 00 00`, NN counting on (captures of 7.0.3, 8.0.1). */
export function vcenterBatchItemIds(): () => Buffer {
  let next = 0;
  return () => {
    const id = Buffer.from([0x51, 0x4c, 0x4b, 0x43, next & 0xff, 0, 0, 0]);
    next += 1;
    return id;
  };
}

function attributePayload(uniqueIdentifier: string, input: AttributeInput) {
  const attribute = toAttribute(input);
  return { uniqueIdentifier, attribute, newAttribute: attribute };
}

function toAttribute(input: AttributeInput): Attribute {
  if (typeof input.value !== 'string' || !input.name.includes('-')) return input as Attribute;
  return { name: input.name as `${string}-${string}`, value: { type: 'TextString', value: input.value } };
}

function named(name: string | undefined): Attribute[] {
  return name === undefined ? [] : [attributeOf('Name', { value: name, type: 'UninterpretedTextString' })];
}
