import type { KeyObject, X509Certificate } from 'node:crypto';

import type { ServiceContext } from '../../core/context.js';
import { errorText } from '../../core/errors.js';
import { certificateX5tS256, parsePemChain } from '../../core/pki/index.js';
import { AttestationError, httpsUrlOf, x509CertChain } from '../../wire/attestation/index.js';
import { AttestationClient } from '../attestation/client.js';
import { isChainValidAt, signingChainProblem } from '../pki/signing-chain.js';
import type { AttestationServiceInfo } from './client.js';

/** Fetches of one service's signing certificate within {@link FETCH_WINDOW_MS}, whatever tokens say. */
const FETCH_LIMIT = 10;
const FETCH_WINDOW_MS = 60_000;
const FETCH_TIMEOUT_MS = 5_000;
/** After a fetch that failed, a known key is used that long before the next attempt. */
const RETRY_MS = 10_000;

/** What signing certificates are fetched with, and how long they are believed. */
export interface IssuerKeyOptions {
  readonly context: ServiceContext;
  readonly tls: { readonly certificatePem: string; readonly privateKeyPem: string };
  /** Time after which a certificate is fetched again. */
  readonly cacheSeconds: number;
  /** Time for which it is believed beyond that if it cannot be. */
  readonly outageSeconds: number;
}

interface FetchedKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
  /** The signing certificate first. */
  readonly chain: readonly X509Certificate[];
}

/**
 * The signing certificate of one attestation service as it was last fetched over verified TLS. There is one at a time:
 * what the service no longer shows is no longer believed once the new one is known.
 */
export class IssuerKey {
  readonly #options: IssuerKeyOptions;
  readonly #client: AttestationClient;
  #fetched: FetchedKey | undefined;
  #fetchedAtMs = Number.NEGATIVE_INFINITY;
  #failedAtMs = Number.NEGATIVE_INFINITY;
  #failure: unknown;
  #fetching: Promise<void> | undefined;
  #windowBeganMs = Number.NEGATIVE_INFINITY;
  #fetchesInWindow = 0;

  constructor(info: AttestationServiceInfo, options: IssuerKeyOptions) {
    this.#options = options;
    this.#client = new AttestationClient({
      baseUrl: httpsUrlOf(info.address),
      caPem: info.trusted_CA.cert_chain.join('\n'),
      clientCertificate: options.tls,
      timeoutMs: FETCH_TIMEOUT_MS,
    });
  }

  /**
   * An identity of the certificate: another object once another certificate was fetched. Undefined if it has to be
   * asked for with {@link publicKey}, because it is due to be fetched or not valid.
   */
  get generation(): object | undefined {
    return this.#fetched && !this.#isDue() && isChainValidAt(this.#fetched.chain, this.#now())
      ? this.#fetched
      : undefined;
  }

  /**
   * The key of a signing certificate by its `x5t#S256`. An id that is not the known one causes a fetch, within bounds.
   *
   * @throws AttestationError `token_key_untrusted`, `attestation_service_unreachable`
   */
  async publicKey(kid: string): Promise<KeyObject> {
    if (this.#fetched?.kid !== kid || (this.#isDue() && !this.#failedLately())) await this.#refresh();
    const fetched = this.#believed();
    if (fetched?.kid !== kid) throw new AttestationError('token_key_untrusted');
    if (!isChainValidAt(fetched.chain, this.#now())) {
      throw new AttestationError('token_key_untrusted', 'The signing certificate is not valid now.');
    }
    return fetched.publicKey;
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  /** @throws AttestationError `attestation_service_unreachable` if the service could not be asked for too long */
  #believed(): FetchedKey | undefined {
    const { cacheSeconds, outageSeconds } = this.#options;
    const ageMs = this.#now() - this.#fetchedAtMs;
    if (this.#fetched && ageMs <= (cacheSeconds + outageSeconds) * 1000) return this.#fetched;
    if (this.#failure === undefined) return undefined;
    if (this.#failure instanceof AttestationError) throw this.#failure;
    throw new AttestationError('attestation_service_unreachable', `${errorText(this.#failure)}.`, {
      cause: this.#failure,
    });
  }

  #isDue(): boolean {
    return !isWithin(this.#now(), this.#fetchedAtMs, this.#options.cacheSeconds * 1000);
  }

  #failedLately(): boolean {
    return isWithin(this.#now(), this.#failedAtMs, RETRY_MS);
  }

  #now(): number {
    return this.#options.context.clock.now();
  }

  /** Fetches the certificate, unless that was done too often of late. Requests that come meanwhile wait for the same fetch. */
  async #refresh(): Promise<void> {
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    await this.#fetching;
  }

  async #fetch(): Promise<void> {
    if (!this.#mayFetch()) return;
    try {
      const answer = x509CertChain.parse(await this.#client.certificate.get());
      const fetched = checkedKey(parsePemChain(answer.cert_chain.join('\n')));
      this.#fetchedAtMs = this.#now();
      this.#failure = undefined;
      if (this.#fetched?.kid !== fetched.kid) this.#fetched = fetched;
    } catch (error) {
      // What the service shows counts, also if it is of no use: only a service that does not answer keeps its last one.
      if (error instanceof AttestationError) this.#fetched = undefined;
      this.#failure = error;
      this.#failedAtMs = this.#now();
      this.#options.context.log.warn(
        { err: error },
        'cannot fetch the certificate of an attestation service',
      );
    }
  }

  #mayFetch(): boolean {
    const now = this.#now();
    if (Math.abs(now - this.#windowBeganMs) > FETCH_WINDOW_MS) {
      this.#windowBeganMs = now;
      this.#fetchesInWindow = 0;
    }
    this.#fetchesInWindow += 1;
    return this.#fetchesInWindow <= FETCH_LIMIT;
  }
}

/** A clock that was set back must not prolong anything. */
function isWithin(nowMs: number, sinceMs: number, lengthMs: number): boolean {
  return nowMs >= sinceMs && nowMs < sinceMs + lengthMs;
}

/** @throws AttestationError `token_key_untrusted` */
function checkedKey(chain: readonly X509Certificate[]): FetchedKey {
  const problem = signingChainProblem(chain);
  const [leaf] = chain;
  if (leaf === undefined || problem !== undefined) {
    throw new AttestationError('token_key_untrusted', `The signing certificate is unfit: ${problem ?? ''}.`);
  }
  return { kid: certificateX5tS256(leaf), publicKey: leaf.publicKey, chain };
}
