import type { KeyObject } from 'node:crypto';

import { VapiError } from '../../core/http/index.js';
import { parsePemChain } from '../../core/pki/index.js';
import { AttestationError, httpsUrlOf } from '../../wire/attestation/index.js';
import { DocumentTable } from '../documents.js';
import type { TableReplacement } from '../documents.js';
import type { TrustAuthorityStore } from '../store.js';
import type { AttestationServiceInfo } from './client.js';
import { IssuerKey } from './issuer-key.js';
import type { IssuerKeyOptions } from './issuer-key.js';

/** Most attestation services that are registered. */
const SERVICE_LIMIT = 64;

/** What {@link TrustedIssuers} stand on. */
export interface TrustedIssuersOptions extends IssuerKeyOptions {
  readonly store: TrustAuthorityStore;
  /** The group of the key provider service. */
  readonly group: string;
}

/**
 * The attestation services whose documents a key provider service accepts: those registered with it that are of
 * its own group. Their signing certificates are fetched over verified TLS, never taken from a token.
 */
export class TrustedIssuers {
  readonly #options: TrustedIssuersOptions;
  readonly #services: DocumentTable<AttestationServiceInfo>;
  /** Services that are accepted without being registered. */
  readonly #own = new Set<AttestationServiceInfo>();
  /** By the URL of the service. */
  readonly #issuers = new Map<string, { readonly group: string; readonly key: IssuerKey }>();

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
    this.#own.add(info);
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
   * The signing certificate of an issuer as an identity, if it is accepted and need not be fetched again: a token that
   * was verified under the same one is still good.
   */
  currentGeneration(issuer: string): object | undefined {
    const found = this.#issuers.get(issuer);
    return found?.group === this.#options.group ? found.key.generation : undefined;
  }

  /**
   * The key that an issuer signs with under a key id. See {@link IssuerKey.publicKey}.
   *
   * @throws AttestationError `issuer_not_in_group`, `token_key_untrusted`, `attestation_service_unreachable`
   */
  async signingKey(issuer: string, kid: string): Promise<KeyObject> {
    const found = this.#issuers.get(issuer);
    if (found?.group !== this.#options.group) throw new AttestationError('issuer_not_in_group');
    return found.key.publicKey(kid);
  }

  /** All registered services anew, as a part of a configuration that is replaced; those that stay keep their ids. */
  replacement(services: readonly AttestationServiceInfo[]): TableReplacement {
    const ids = new Map(this.#services.entries().map(([id, { address }]) => [httpsUrlOf(address), id]));
    const rows = services.map((info): [string, AttestationServiceInfo] => {
      parsePemChain(info.trusted_CA.cert_chain.join('\n'));
      return [ids.get(httpsUrlOf(info.address)) ?? this.#options.context.rng.uuid(), info];
    });
    return this.#services.replacement(new Map(rows));
  }

  /** Takes up a {@link replacement}: nothing that was fetched before is believed. */
  async reload(): Promise<void> {
    for (const url of [...this.#issuers.keys()]) await this.#dismiss(url);
    for (const info of this.#own) this.admitOwn(info);
    for (const [, info] of this.#services.entries()) this.#admit(info);
  }

  /** Closes the connections to all services. */
  async close(): Promise<void> {
    await Promise.all([...this.#issuers.values()].map(({ key }) => key.close()));
    this.#issuers.clear();
  }

  #admit(info: AttestationServiceInfo): void {
    const key = new IssuerKey(info, this.#options);
    this.#issuers.set(httpsUrlOf(info.address), { group: info.group, key });
  }

  async #dismiss(url: string): Promise<void> {
    const found = this.#issuers.get(url);
    this.#issuers.delete(url);
    await found?.key.close();
  }
}
