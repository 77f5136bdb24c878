import * as z from 'zod';

import type { HttpAnswer } from '../core/http/index.js';
import { HttpClient, HttpStatusError } from '../core/http/index.js';
import { KpsimError } from '../core/errors.js';
import { AttestationError, isAttestationReason } from '../wire/attestation/index.js';
import type { X509CertChain } from '../wire/attestation/index.js';

/** How to reach a service of a Trust Authority cluster. */
export interface TrustAuthorityClientOptions {
  /** For example `https://ta-1.example:40123`. */
  readonly baseUrl: string;
  /** Authorities that the service's certificate must come from. */
  readonly caPem?: string | undefined;
  /** Instead of authorities: the one certificate that is trusted, as vSphere writes thumbprints (SHA-256). */
  readonly pinnedThumbprintSha256?: string | undefined;
  /** The caller's own certificate; administration and key operations need one. */
  readonly clientCertificate?:
    { readonly certificatePem: string; readonly privateKeyPem: string } | undefined;
  readonly timeoutMs?: number | undefined;
}

/** Health of a service, as `…/status` answers. */
export interface ServiceStatus {
  readonly health: 'NONE' | 'OK' | 'WARNING' | 'ERROR';
  readonly details: readonly {
    readonly id: string;
    readonly default_message: string;
    readonly args: readonly string[];
  }[];
}

/** A service's configuration, as `…/raw-config` answers; secrets are left out. */
export interface AppliedConfiguration {
  /** JSON text. */
  readonly configuration: string;
  /** SHA-256 of that text, hex; equal for services that are configured alike. */
  readonly fingerprint: string;
  /** ISO 8601. */
  readonly last_update_time: string;
}

const appliedConfiguration = z.object({
  configuration: z.string(),
  fingerprint: z.string(),
  last_update_time: z.string(),
});

/** The calls both services have in common: JSON over HTTPS below one path. */
export class TrustAuthorityRestClient {
  readonly #http: HttpClient;
  readonly #root: string;

  /** @param root path below which all calls are */
  constructor(options: TrustAuthorityClientOptions, root: string) {
    this.#http = new HttpClient(options);
    this.#root = root;
  }

  /**
   * One call; `T` is what the service documents to answer.
   *
   * @throws AttestationError if the service refused for a reason of the catalogue
   * @throws HttpStatusError for any other refusal, KpsimError `unreachable`
   */
  async call<T>(
    method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<T> {
    try {
      return (await this.#http.json(method, this.#pathOf(path), body, headers)) as T;
    } catch (error) {
      throw reasonOfAnswer(error) ?? error;
    }
  }

  /** Reads one thing. @throws as `call`; KpsimError `answer_invalid` if it is no object */
  async get<T extends object>(path: string): Promise<T> {
    const answer = await this.call<unknown>('GET', path);
    if (isObject(answer)) return answer as T;
    throw this.#invalid('GET', path, 'with an object');
  }

  /** Reads a list of things. @throws as `call`; KpsimError `answer_invalid` if it is none */
  async list<T extends object>(path: string): Promise<readonly T[]> {
    const answer = await this.call<unknown>('GET', path);
    if (Array.isArray(answer) && answer.every(isObject)) return answer as readonly T[];
    throw this.#invalid('GET', path, 'with a list');
  }

  /**
   * A call that is answered with nothing but that it was done.
   *
   * @throws as `call`; KpsimError `answer_invalid` if something is answered, which no service of a Trust Authority does
   */
  async tell(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: unknown): Promise<void> {
    const answer = await this.call<unknown>(method, path, body);
    if (answer === undefined) return;
    throw this.#invalid(method, path, 'without content');
  }

  /** Reads a whole configuration. @throws as `call`; KpsimError `answer_invalid` if it is none */
  async configuration(path: string): Promise<AppliedConfiguration> {
    const answer = appliedConfiguration.safeParse(await this.call('GET', path));
    if (answer.success) return answer.data;
    throw this.#invalid('GET', path, 'with a configuration');
  }

  /** Sends bytes and reads the JSON answer. @throws as `call` */
  async sendBytes<T>(path: string, bytes: Uint8Array): Promise<T> {
    const headers = { 'content-type': 'application/octet-stream', accept: 'application/json' };
    const answer: HttpAnswer = await this.#http.raw('POST', this.#pathOf(path), bytes, headers);
    const body: unknown = parseJson(answer.body);
    if (answer.status >= 300) {
      const error = new HttpStatusError(`POST ${this.#pathOf(path)}`, answer.status, body);
      throw reasonOfAnswer(error) ?? error;
    }
    return body as T;
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.#http.close();
  }

  #invalid(method: string, path: string, expected: string): KpsimError {
    return new KpsimError('answer_invalid', `${method} ${this.#pathOf(path)} was not answered ${expected}.`);
  }

  #pathOf(path: string): string {
    return path.startsWith('/') ? path : `${this.#root}/${path}`;
  }
}

/** A path segment. */
export function segment(value: string): string {
  return encodeURIComponent(value);
}

/** A chain of certificates out of one PEM text. */
export function chainOf(pem: string): X509CertChain {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return { cert_chain: blocks.map((block) => `${block}\n`) };
}

/** The refusal as the service meant it, if its answer names a reason of the catalogue. */
function reasonOfAnswer(error: unknown): AttestationError | undefined {
  if (!(error instanceof HttpStatusError)) return undefined;
  const { body } = error;
  if (typeof body !== 'object' || body === null || !('data' in body)) return undefined;
  const { data } = body;
  if (typeof data !== 'object' || data === null || !('reason' in data)) return undefined;
  const { reason } = data;
  return typeof reason === 'string' && isAttestationReason(reason)
    ? new AttestationError(reason, undefined, { cause: error })
    : undefined;
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(body: Buffer): unknown {
  if (body.length === 0) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new KpsimError('answer_invalid', 'The service did not answer JSON.', { cause: error });
  }
}
