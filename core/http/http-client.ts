import { TLSSocket, createSecureContext } from 'node:tls';
import type { PeerCertificate } from 'node:tls';

import { Agent, buildConnector } from 'undici';
import type { Dispatcher } from 'undici';

import { KpsimError, errorText } from '../errors.js';
import { certificateThumbprintSha256 } from '../pki/certificate.js';

/** Choices for an {@link HttpClient}. */
export interface HttpClientOptions {
  /** For example `https://127.0.0.1:40123`; paths are added to it. */
  readonly baseUrl: string;
  /** Authorities the server's certificate must come from. */
  readonly caPem?: string | undefined;
  /** Instead of authorities: the one certificate that is trusted, as vSphere writes thumbprints (SHA-256). */
  readonly pinnedThumbprintSha256?: string | undefined;
  readonly clientCertificate?:
    { readonly certificatePem: string; readonly privateKeyPem: string } | undefined;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Longest wait for an answer's head and between two pieces of its body; 30,000 unless told. */
  readonly timeoutMs?: number | undefined;
}

/** JSON that was written already, to be sent as it is. */
export class JsonText {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** An answer, whole. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** The server answered with a status of 300 or more: it refused, or sends elsewhere, where nobody is to follow. */
export class HttpStatusError extends KpsimError {
  readonly status: number;
  /** The body parsed as JSON, or as text where it is not JSON. */
  readonly body: unknown;

  constructor(request: string, status: number, body: unknown) {
    super('http_status', `${request} answered ${status}${firstMessage(body)}`);
    this.status = status;
    this.body = body;
  }
}

/** Largest answer read, in bytes; a peer that sends more is cut off. */
const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;

/** A client of one HTTPS server: connections are kept open and verified, TLS sessions reused. */
export class HttpClient {
  readonly #options: HttpClientOptions;
  readonly #agent: Agent;

  constructor(options: HttpClientOptions) {
    this.#options = options;
    const timeoutMs = options.timeoutMs ?? 30_000;
    this.#agent = new Agent({
      connections: 16,
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      keepAliveTimeout: 30_000,
      maxResponseSize: ANSWER_LIMIT_BYTES,
      connect: connectorFor(options, Math.min(timeoutMs, 10_000)),
    });
  }

  /** The server's address. */
  get baseUrl(): string {
    return this.#options.baseUrl;
  }

  /**
   * Sends a JSON request and returns the JSON answer; undefined for an empty one.
   *
   * @param body what is written as JSON, or {@link JsonText}
   * @throws HttpStatusError for a status of 300 or more
   * @throws KpsimError `unreachable` if there is no answer, `answer_invalid` if it is not JSON
   */
  async json(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<unknown> {
    const sent = body instanceof JsonText ? body.text : body === undefined ? undefined : JSON.stringify(body);
    const answer = await this.raw(method, path, sent, {
      accept: 'application/json',
      ...(sent !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    });
    if (answer.status >= 300) {
      throw new HttpStatusError(`${method} ${this.baseUrl}${path}`, answer.status, jsonOrText(answer.body));
    }
    if (answer.body.length === 0) return undefined;
    try {
      return JSON.parse(answer.body.toString('utf8')) as unknown;
    } catch (error) {
      throw new KpsimError('answer_invalid', `${method} ${this.baseUrl}${path} did not answer JSON.`, {
        cause: error,
      });
    }
  }

  /** Sends bytes and returns the answer whatever its status. @throws KpsimError `unreachable` */
  async raw(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: string | Uint8Array,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<HttpAnswer> {
    try {
      return await this.#exchange({
        origin: this.baseUrl,
        path,
        method,
        headers: { ...this.#options.headers, ...headers },
        ...(body !== undefined && { body }),
      });
    } catch (error) {
      throw new KpsimError('unreachable', `${method} ${this.baseUrl}${path}: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  /** Takes the answer as it comes: undici's stream of a body takes as long as all else that it does for an exchange. */
  #exchange(request: Dispatcher.DispatchOptions): Promise<HttpAnswer> {
    return new Promise((resolve, reject) => {
      let head: Omit<HttpAnswer, 'body'> = { status: 0, headers: {} };
      const chunks: Buffer[] = [];
      this.#agent.dispatch(request, {
        // By this method undici tells handlers of this kind from those of before.
        onRequestStart: () => undefined,
        // Informational answers may come before the one that counts.
        onResponseStart: (_controller, status, headers) => (head = { status, headers }),
        onResponseData: (_controller, chunk) => chunks.push(chunk),
        onResponseEnd: () => resolve({ ...head, body: Buffer.concat(chunks) }),
        onResponseError: (_controller, error) => reject(error),
      });
    });
  }
}

/** Opens TLS connections that are verified against the authorities or, where one is pinned, the certificate. */
function connectorFor(options: HttpClientOptions, timeoutMs: number): buildConnector.connector {
  const pinned = options.pinnedThumbprintSha256?.toUpperCase();
  const connect = buildConnector({
    timeout: timeoutMs,
    rejectUnauthorized: pinned === undefined, // a pinned certificate is compared below, before any byte is sent
    ...(pinned !== undefined && { maxCachedSessions: 0 }),
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      ...(options.caPem !== undefined && { ca: options.caPem }),
      ...(options.clientCertificate && {
        cert: options.clientCertificate.certificatePem,
        key: options.clientCertificate.privateKeyPem,
      }),
    }),
  });
  if (pinned === undefined) return connect;
  return (target, callback) => {
    connect(target, (...result) => {
      const [error, socket] = result;
      if (error !== null || thumbprintOf(socket) === pinned) callback(...result);
      else {
        socket.destroy();
        callback(new Error(`the server's certificate does not have the thumbprint ${pinned}`), null);
      }
    });
  };
}

function thumbprintOf(socket: unknown): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const peer: Partial<PeerCertificate> = socket.getPeerCertificate();
  return peer.raw && certificateThumbprintSha256(peer.raw);
}

function jsonOrText(body: Buffer): unknown {
  const text = body.toString('utf8');
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The first message of a vAPI error body or a fault, so that whoever reads the error need not dig for it. */
function firstMessage(body: unknown): string {
  if (typeof body !== 'object' || body === null) return '';
  const messages: unknown = 'messages' in body ? body.messages : undefined;
  const first: unknown = Array.isArray(messages) ? messages[0] : undefined;
  if (typeof first === 'object' && first !== null && 'default_message' in first) {
    return `: ${String(first.default_message)}`;
  }
  return 'message' in body && typeof body.message === 'string' ? `: ${body.message}` : '';
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(errorText).join('; ');
  return error instanceof Error && error.cause !== undefined
    ? `${error.message} (${errorText(error.cause)})`
    : errorText(error);
}
