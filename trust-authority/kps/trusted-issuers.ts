import type { KeyObject } from 'node:crypto';

import type { ServiceContext } from '../../core/context.js';
import { errorText } from '../../core/errors.js';
import { VapiError } from '../../core/http/index.js';
import { certificateX5tS256, parsePemChain } from '../../core/pki/index.js';
import { AttestationError, httpsUrlOf, x509CertChain } from '../../wire/attestation/index.js';
import { AttestationClient } from '../attestation/client.js';
import { DocumentTable } from '../documents.js';
import type { TrustAuthorityStore } from '../store.js';
import type { AttestationServiceInfo } from './client.js';

/** Most attestation services that are registered. */
const SERVICE_LIMIT = 64;
/** Fetches of one service's signing certificate within {@link FETCH_WINDOW_MS}, whatever tokens say. */
const FETCH_LIMIT = 10;
const FETCH_WINDOW_MS = 60_000;
const FETCH_TIMEOUT_MS = 5_000;

/** What the issuers are fetched with. */
export interface TrustedIssuersOptions {
  readonly context: ServiceContext;
  readonly store: TrustAuthorityStore;
  /** The group of the key provider service. */
  readonly group: string;
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  readonly cacheSeconds: number;
}

/** The signing keys of one attestation service as they were last fetched. */
class IssuerKeys {
  readonly #options: TrustedIssuersOptions;
  readonly #client: AttestationClient;
  #keys: ReadonlyMap<string, KeyObject> = new Map();
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #windowBeganMs = Number.NEGATIVE_INFINITY;
  #fetchesInWindow = 0;

  constructor(info: AttestationServiceInfo, options: TrustedIssuersOptions) {
    this.#options = options;
    this.#client = new AttestationClient({
      baseUrl: httpsUrlOf(info.address),
      caPem: info.trusted_CA.cert_chain.join('\n'),
      clientCertificate: options.tls,
      timeoutMs: FETCH_TIMEOUT_MS,
    });
  }

  find(kid: string): KeyObject | undefined {
    return this.#keys.get(kid);
  }

  /** The set of keys as an identity: a new object whenever it was fetched anew with another content. */
  get generation(): object {
    return this.#keys;
  }

  get fresh(): boolean {
    const ageMs = this.#options.context.clock.now() - this.#fetchedAtMs;
    return ageMs >= 0 && ageMs < this.#options.cacheSeconds * 1000;
  }

  /** Fetches the keys, unless that was done too often of late. Requests that come meanwhile wait for the same fetch. */
  async refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #fetch(): Promise<void> {
    if (!this.#mayFetch()) return;
    try {
      const chain = x509CertChain.parse(await this.#client.certificate.get());
      const [leaf] = parsePemChain(chain.cert_chain.join('\n'));
      const kid = leaf && certificateX5tS256(leaf);
      this.#fetchedAtMs = this.#options.context.clock.now();
      if (leaf && kid !== undefined && !this.#keys.has(kid)) this.#keys = new Map([[kid, leaf.publicKey]]);
    } catch (error) {
      this.#options.context.log.warn(
        { err: error },
        'cannot fetch the certificate of an attestation service',
      );
      // Keys that were fetched stay in use, so that an outage does not stop hosts that attested before it.
      if (this.#keys.size === 0) {
        throw new AttestationError('attestation_service_unreachable', `${errorText(error)}.`, {
          cause: error,
        });
      }
    }
  }

  #mayFetch(): boolean {
    const now = this.#options.context.clock.now();
    if (Math.abs(now - this.#windowBeganMs) > FETCH_WINDOW_MS) {
      this.#windowBeganMs = now;
      this.#fetchesInWindow = 0;
    }
    this.#fetchesInWindow += 1;
    return this.#fetchesInWindow <= FETCH_LIMIT;
  }
}

/**
 * The attestation services whose documents a key provider service accepts: those registered with it that are of
 * its own group. Their signing certificates are fetched over verified TLS, never taken from a token.
 */
export class TrustedIssuers {
  readonly #options: TrustedIssuersOptions;
  readonly #services: DocumentTable<AttestationServiceInfo>;
  /** By the URL of the service. */
  readonly #issuers = new Map<string, { readonly group: string; readonly keys: IssuerKeys }>();

  constructor(options: TrustedIssuersOptions) {
    this.#options = options;
    this.#services = new DocumentTable(
      options.store,
      'attestation-service',
      'attestation service',
      SERVICE_LIMIT,
    );
    for (const [, info] of this.#services.entries()) this.#admit(info);
  }

  /** Accepts a service that is not in the store, for as long as this one runs: the one beside it. */
  admitOwn(info: AttestationServiceInfo): void {
    if (!this.#issuers.has(httpsUrlOf(info.address))) this.#admit(info);
  }

  list(): (AttestationServiceInfo & { readonly service: string })[] {
    return this.#services.entries().map(([service, info]) => ({ service, ...info }));
  }

  /** Registers a service and returns its id. @throws VapiError `ALREADY_EXISTS`, KpsimError `certificate_invalid` */
  async register(info: AttestationServiceInfo): Promise<string> {
    const url = httpsUrlOf(info.address);
    parsePemChain(info.trusted_CA.cert_chain.join('\n'));
    if (this.#services.entries().some(([, known]) => httpsUrlOf(known.address) === url)) {
      throw new VapiError('ALREADY_EXISTS', `The attestation service ${url} is registered already.`);
    }
    const id = this.#options.context.rng.uuid();
    await this.#services.create(id, info);
    await this.#dismiss(url);
    this.#admit(info);
    return id;
  }

  /** @throws VapiError `NOT_FOUND` */
  async remove(id: string): Promise<void> {
    const url = httpsUrlOf(this.#services.get(id).address);
    await this.#services.delete(id);
    await this.#dismiss(url);
  }

  /**
   * The current set of keys of an issuer, if it is accepted and its keys need not be fetched again: a token that
   * was verified under the same set is still good.
   */
  currentGeneration(issuer: string): object | undefined {
    const found = this.#issuers.get(issuer);
    return found?.group === this.#options.group && found.keys.fresh ? found.keys.generation : undefined;
  }

  /**
   * The key that an issuer signs with under a key id. An unknown id causes one fetch, within bounds.
   *
   * @throws AttestationError `issuer_not_in_group`, `token_key_untrusted`, `attestation_service_unreachable`
   */
  async signingKey(issuer: string, kid: string): Promise<KeyObject> {
    const found = this.#issuers.get(issuer);
    if (found?.group !== this.#options.group) throw new AttestationError('issuer_not_in_group');
    const { keys } = found;
    if (!keys.fresh || keys.find(kid) === undefined) await keys.refresh();
    const key = keys.find(kid);
    if (key === undefined) throw new AttestationError('token_key_untrusted');
    return key;
  }

  /** Closes the connections to all services. */
  async close(): Promise<void> {
    await Promise.all([...this.#issuers.values()].map(({ keys }) => keys.close()));
    this.#issuers.clear();
  }

  #admit(info: AttestationServiceInfo): void {
    const keys = new IssuerKeys(info, this.#options);
    this.#issuers.set(httpsUrlOf(info.address), { group: info.group, keys });
  }

  async #dismiss(url: string): Promise<void> {
    const found = this.#issuers.get(url);
    this.#issuers.delete(url);
    await found?.keys.close();
  }
}
