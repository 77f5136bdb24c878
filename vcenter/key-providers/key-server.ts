import { parseCertificate } from '../../core/pki/index.js';
import type { BatchCarrier, BatchRequest } from '../../kms/client.js';
import { KmipClient, payloadOf, vcenterBatchItemIds } from '../../kms/client.js';
import type { Attribute } from '../../wire/kmip/index.js';
import { attributeOf, keyMaterialBytes } from '../../wire/kmip/index.js';
import type { ClientIdentity } from './client-identity.js';
import type { KeyOwner } from './key-provider.js';
import type { KmipServerRecord } from './standard-record.js';

/** Encrypt and Decrypt. */
const USAGE_MASK = 12;
const LENGTH_BITS = 256;
const DEFAULT_TIMEOUT_MS = 10_000;

/** Operations on which vCenter sends user name and password. */
const CREDENTIAL_OPERATIONS = ['Create', 'Get', 'GetAttributes', 'Activate'] as const;

/** What a vCenter writes on each key that it makes. */
export interface ProductTags {
  readonly version: string;
  readonly build: string;
}

/**
 * One key server as a vCenter speaks to it: always in KMIP 1.1, one connection for each phase, each begun by an empty
 * Discover Versions without batch item id. Source: captures of 7.0.3 and 8.0.1 (facts: vCenter as a KMIP client).
 */
export class KeyServer {
  readonly record: KmipServerRecord;
  readonly #client: KmipClient;

  constructor(record: KmipServerRecord, identity: ClientIdentity, trustedCertificates: readonly string[]) {
    this.record = record;
    const { address, port, userName, password } = record;
    this.#client = new KmipClient({
      servers: [{ host: address, port }],
      tls: { ...identity, ...trustOf(trustedCertificates) },
      protocolVersion: '1.1',
      timeoutMs: record.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      batchItemId: vcenterBatchItemIds(),
      ...(userName !== undefined && {
        credential: { username: userName, password: password ?? '' },
        credentialOperations: CREDENTIAL_OPERATIONS,
      }),
    });
  }

  /** Phase "new key": the server makes an AES-256 key; returns its Unique Identifier. */
  createKey(): Promise<string> {
    return this.#phase(async (carrier) => {
      const attributes = [
        attributeOf('CryptographicAlgorithm', 'AES'),
        attributeOf('CryptographicUsageMask', USAGE_MASK),
        attributeOf('CryptographicLength', LENGTH_BITS),
      ];
      const payload = { objectType: 'SymmetricKey', templateAttribute: { attributes }, attributes } as const;
      return (await one(carrier, 'Create', payload)).uniqueIdentifier;
    });
  }

  /** Phase "tag the product". A failure is tolerated: tags are for people only. */
  tagProduct(uniqueIdentifier: string, { version, build }: ProductTags): Promise<void> {
    return this.#tag(uniqueIdentifier, [
      ['x-Product_Version', `${version} build-${build}`],
      ['x-Vendor', 'VMware, Inc.'],
      ['x-Product', 'VMware vSphere'],
    ]);
  }

  /** Phase "tag the owner". */
  tagOwner(uniqueIdentifier: string, owner: KeyOwner): Promise<void> {
    return this.#tag(uniqueIdentifier, [
      ['x-Identifier', owner.identifier],
      ['x-Component', owner.component],
      ['x-Name', owner.name],
    ]);
  }

  /**
   * Phase "use the key": its bytes, after a Pre-Active key was made Active. Clear the bytes after use.
   *
   * @throws KmipError, KmipConnectionError
   */
  useKey(uniqueIdentifier: string): Promise<{ readonly keyBytes: Buffer; readonly state: string }> {
    return this.#phase(async (carrier) => {
      const { object } = await one(carrier, 'Get', { uniqueIdentifier });
      const state = await stateOf(carrier, uniqueIdentifier);
      if (state === 'PreActive') await one(carrier, 'Activate', { uniqueIdentifier });
      const keyBytes =
        object.objectType === 'SymmetricKey'
          ? Buffer.from(keyMaterialBytes(object.keyBlock))
          : Buffer.alloc(0);
      return { keyBytes, state: state === 'PreActive' ? 'Active' : state };
    });
  }

  /** The key's state, for example `Active`. @throws KmipError, KmipConnectionError */
  keyState(uniqueIdentifier: string): Promise<string> {
    return this.#phase((carrier) => stateOf(carrier, uniqueIdentifier));
  }

  /** Writes further custom attributes on a key. @throws KmipError, KmipConnectionError */
  setAttributes(uniqueIdentifier: string, attributes: Readonly<Record<string, string>>): Promise<void> {
    return this.#tag(
      uniqueIdentifier,
      Object.entries(attributes).map(([name, value]) => [`x-${name}`, value]),
    );
  }

  /** The check of every five minutes: a connection without a byte, then Discover Versions twice. */
  async checkHealth(): Promise<void> {
    await this.#client.probe();
    await this.#phase((carrier) => greet(carrier));
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  #phase<T>(work: (carrier: BatchCarrier) => Promise<T>): Promise<T> {
    return this.#client.withConnection(async (carrier) => {
      await greet(carrier);
      return work(carrier);
    });
  }

  /** Looks for each tag, then adds in one batch those that are not there. */
  #tag(
    uniqueIdentifier: string,
    tags: readonly (readonly [name: `x-${string}`, value: string])[],
  ): Promise<void> {
    return this.#phase(async (carrier) => {
      const missing: BatchRequest[] = [];
      for (const [name, value] of tags) {
        const found = await attributesOf(carrier, uniqueIdentifier, name);
        if (found.some((attribute) => attribute.name === name)) continue;
        const attribute: Attribute = { name, value: { type: 'TextString', value } };
        missing.push({
          operation: 'AddAttribute',
          payload: { uniqueIdentifier, attribute, newAttribute: attribute },
        });
      }
      if (missing.length === 0) return;
      const failed = (await carrier.request(missing)).find((result) => result.error);
      if (failed?.error) throw failed.error;
    });
  }
}

async function greet(carrier: BatchCarrier): Promise<void> {
  const greeting: BatchRequest = { operation: 'DiscoverVersions', payload: {} };
  payloadOf('DiscoverVersions', await carrier.request([greeting], { withoutBatchItemId: true }));
}

async function one<O extends BatchRequest['operation']>(
  carrier: BatchCarrier,
  operation: O,
  payload: Extract<BatchRequest, { readonly operation: O }>['payload'],
): Promise<ReturnType<typeof payloadOf<O>>> {
  return payloadOf(operation, await carrier.request([{ operation, payload } as BatchRequest]));
}

async function attributesOf(
  carrier: BatchCarrier,
  uniqueIdentifier: string,
  name: string,
): Promise<readonly Attribute[]> {
  const { attributes } = await one(carrier, 'GetAttributes', { uniqueIdentifier, attributeNames: [name] });
  return attributes ?? [];
}

async function stateOf(carrier: BatchCarrier, uniqueIdentifier: string): Promise<string> {
  const state = (await attributesOf(carrier, uniqueIdentifier, 'State')).find(({ name }) => name === 'State');
  return typeof state?.value === 'string' ? state.value : 'unknown';
}

/** Authorities are trusted for what they issue, other certificates for themselves alone. */
function trustOf(
  trusted: readonly string[],
): { readonly caPem: string } | { readonly pinnedThumbprintsSha256: readonly string[] } {
  const certificates = trusted.map((pem) => ({ pem, certificate: parseCertificate(pem) }));
  if (certificates.some(({ certificate }) => certificate.ca)) return { caPem: trusted.join('\n') };
  return { pinnedThumbprintsSha256: certificates.map(({ certificate }) => certificate.fingerprint256) };
}
