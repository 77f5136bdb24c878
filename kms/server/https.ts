import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';

import { zeroise } from '../../core/secret.js';
import { KmipError, MESSAGE_ENCODINGS, encodingOfContentType } from '../../wire/kmip/index.js';
import type { MessageEncoding } from '../../wire/kmip/index.js';
import type { AdmissionParts } from './admission.js';
import { admit, noteRefusals, mutualTls, peerOf } from './admission.js';
import type { Answer } from './answers.js';
import type { BatchProcessor } from './batch.js';
import type { Client } from './identity.js';
import { Port } from './port.js';

/** How often Node looks for slow requests, in milliseconds. */
const SWEEP_MS = 250;
/** Answers under way may take this long when the server stops, in milliseconds. */
const STOP_GRACE_MS = 2000;
/** Largest head of a request, in bytes. */
const HEAD_LIMIT_BYTES = 16 * 1024;

interface HttpsParts extends AdmissionParts {
  readonly processor: BatchProcessor;
}

/** Requests that may be sent ahead on one connection; what follows them waits in the kernel. */
const REQUESTS_AHEAD = 32;

/** A client's connection. */
interface Session {
  readonly client: Client;
  /** The TCP connection below; a TLS socket cannot send a reset itself. */
  readonly transport: Socket | undefined;
  /** Settled once the requests that came before have been answered. */
  turn: Promise<void>;
  /** Requests that are not answered yet. */
  waiting: number;
}

/**
 * KMIP over HTTPS (KMIP Profiles, HTTPS): requests are posted in TTLV, XML or JSON, and answered in the encoding they
 * came in. Whatever KMIP can say is said in KMIP, with status 200.
 */
export class HttpsListener {
  readonly #parts: HttpsParts;
  readonly #endpoint: { readonly port: number; readonly path: string };
  readonly #server: Server;
  readonly #port: Port;
  readonly #sessions = new Map<Socket, Session>();
  /** TCP connections, by the client's address and port. */
  readonly #transports = new Map<string, Socket>();

  constructor(parts: HttpsParts, endpoint: { readonly port: number; readonly path: string }) {
    this.#parts = parts;
    this.#endpoint = endpoint;
    this.#server = this.#createServer();
    this.#port = new Port(this.#server, parts);
  }

  /** Binds the port and returns the one really bound. @throws KpsimError `port_in_use`, `listen_failed` */
  async listen(): Promise<number> {
    const { context } = this.#parts;
    const port = await this.#port.listen(this.#endpoint.port);
    this.#server.on('error', (error) => context.log.error({ err: error }, 'the HTTPS listener failed'));
    return port;
  }

  /** Stops accepting, lets answers under way go out, and closes every connection. */
  async close(): Promise<void> {
    const closed = this.#port.close();
    this.#server.closeIdleConnections();
    for (const transport of this.#transports.values()) if (!this.#isServed(transport)) transport.destroy();
    const impatient = setTimeout(() => this.#server.closeAllConnections(), STOP_GRACE_MS);
    await closed;
    clearTimeout(impatient);
  }

  #createServer(): Server {
    const { limits } = this.#parts.config;
    const server = createServer(
      {
        ...mutualTls(this.#parts),
        headersTimeout: milliseconds(limits.frameSeconds),
        requestTimeout: milliseconds(limits.frameSeconds),
        keepAliveTimeout: milliseconds(limits.idleSeconds),
        connectionsCheckingInterval: SWEEP_MS,
        maxHeaderSize: HEAD_LIMIT_BYTES,
        noDelay: true,
      },
      (request, response) => this.#receive(request, response),
    );
    server.maxConnections = limits.connections;
    server.on('connection', (socket: Socket) => {
      const peer = peerOf(socket);
      this.#transports.set(peer, socket);
      socket.once('close', () => this.#transports.delete(peer));
    });
    server.on('secureConnection', (socket) => this.#accept(socket));
    noteRefusals(server, this.#parts);
    return server;
  }

  #accept(socket: TLSSocket): void {
    const client = admit(socket, this.#parts);
    if (!client) return;
    const transport = this.#transports.get(peerOf(socket));
    this.#sessions.set(socket, { client, transport, turn: Promise.resolve(), waiting: 0 });
    this.#parts.metrics.connections.inc();
    socket.once('close', () => {
      this.#sessions.delete(socket);
      this.#parts.metrics.connections.dec();
    });
  }

  #isServed(transport: Socket): boolean {
    return [...this.#sessions.values()].some((session) => session.transport === transport);
  }

  /** Requests of one connection are performed one after another, in their order, also if they are sent ahead. */
  #receive(request: IncomingMessage, response: ServerResponse): void {
    const session = this.#sessions.get(request.socket);
    if (!session) {
      request.socket.destroy();
      return;
    }
    const { socket } = request;
    session.waiting += 1;
    // Read before its turn, as reading it makes the socket flow, also one that is held back.
    const body = readBody(request, this.#parts.config.limits.messageBytes);
    const held = (): void => holdBack(socket, session);
    body.then(held, held);
    session.turn = session.turn
      .then(() => this.#serve(request, body, response, session))
      .catch((error: unknown) => {
        this.#parts.context.log.debug({ err: error }, 'a request over HTTPS was cut off');
        socket.destroy();
      })
      .finally(() => {
        session.waiting -= 1;
        if (session.waiting === REQUESTS_AHEAD) socket.resume();
      });
  }

  async #serve(
    request: IncomingMessage,
    arriving: Promise<Buffer | KmipError>,
    response: ServerResponse,
    session: Session,
  ): Promise<void> {
    const encoding = this.#encodingOf(request, response);
    if (!encoding) return;
    const body = await arriving;
    const started = performance.now();
    const answer = await this.#answer(body, encoding, session.client);
    this.#parts.metrics.took((performance.now() - started) / 1000);
    if (body instanceof KmipError || !this.#server.listening) response.setHeader('connection', 'close');
    response.setHeader('content-type', request.headers['content-type'] ?? encoding.contentTypes[0]);
    await this.#deliver(answer, response, session);
  }

  /** How the request is encoded; undefined if it was answered as no request of KMIP. */
  #encodingOf(request: IncomingMessage, response: ServerResponse): MessageEncoding | undefined {
    const { path } = this.#endpoint;
    if (request.url?.split('?', 1)[0] !== path) {
      refuse(response, 404, `KMIP is spoken at ${path}.`);
      return undefined;
    }
    if (request.method !== 'POST') {
      response.setHeader('allow', 'POST');
      refuse(response, 405, 'Post a KMIP request message.');
      return undefined;
    }
    const encoding = encodingOfContentType(request.headers['content-type']);
    if (!encoding) {
      const taken = Object.values(MESSAGE_ENCODINGS).flatMap(({ contentTypes }) => contentTypes);
      refuse(response, 415, `Use one of these content types: ${taken.join(', ')}.`);
    }
    return encoding;
  }

  async #answer(body: Buffer | KmipError, encoding: MessageEncoding, client: Client): Promise<Answer> {
    const answer = await this.#perform(body, encoding, client);
    if (answer.bytes.length === 0) return answer;
    try {
      return { ...answer, bytes: encoded(answer.bytes, encoding) };
    } catch (error) {
      const refusal = this.#parts.processor.answerGarbage(asKmipError(error), client);
      return { ...refusal, bytes: encoded(refusal.bytes, encoding) };
    }
  }

  /** The answer in TTLV. */
  async #perform(body: Buffer | KmipError, encoding: MessageEncoding, client: Client): Promise<Answer> {
    const { processor } = this.#parts;
    if (body instanceof KmipError) return processor.answerGarbage(body, client);
    let message: Buffer;
    try {
      message = encoding.toTtlv(body);
    } catch (error) {
      return processor.answerGarbage(asKmipError(error), client);
    }
    // Objects may be kept as views on the TTLV, so only the text around it can be cleared.
    if (message !== body) zeroise(body);
    return processor.answer(message, client);
  }

  /** Sends the answer, waits until the client took it, and clears the keys it may hold. */
  async #deliver({ bytes, delivery }: Answer, response: ServerResponse, session: Session): Promise<void> {
    switch (delivery) {
      case 'send':
        await this.#send(response, bytes);
        break;
      case 'truncate':
        response.setHeader('content-length', bytes.length);
        await new Promise<void>((resolve) => {
          response.write(bytes.subarray(0, bytes.length >> 1), () => resolve());
        });
        response.destroy();
        break;
      case 'reset':
        session.transport?.resetAndDestroy();
        break;
      case 'hangUp':
        session.transport?.destroy();
        break;
      case 'drop':
        break;
    }
    zeroise(bytes);
  }

  /** A client that does not take its answer in time, or goes away, ends the wait. */
  async #send(response: ServerResponse, bytes: Buffer): Promise<void> {
    const { socket } = response;
    if (!socket) return;
    const { frameSeconds } = this.#parts.config.limits;
    const overdue = setTimeout(() => socket.destroy(), milliseconds(frameSeconds));
    await new Promise<void>((resolve) => {
      response.once('close', () => resolve());
      response.setHeader('cache-control', 'no-cache');
      response.setHeader('content-length', bytes.length);
      response.end(bytes);
    });
    await taken(socket);
    clearTimeout(overdue);
  }
}

/** A connection with many requests waiting is read no further for now. */
function holdBack(socket: Socket, { waiting }: Session): void {
  if (waiting > REQUESTS_AHEAD) socket.pause();
}

/** Resolves when what was written is on its way: Node closes a response as soon as its socket has it in memory. */
function taken(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    if (socket.destroyed || socket.writableLength === 0) resolve();
    else if (socket.writableEnded) socket.once('close', () => resolve());
    else socket.write('', () => resolve());
  });
}

/** A request's body, or why it is not taken; throws if the connection ends first. */
async function readBody(request: IncomingMessage, limitBytes: number): Promise<Buffer | KmipError> {
  const tooLarge = (): KmipError =>
    new KmipError(
      'InvalidMessage',
      `The message has more than ${limitBytes} bytes; that is all that is taken.`,
    );
  if (Number(request.headers['content-length'] ?? 0) > limitBytes) return tooLarge();
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > limitBytes) return tooLarge();
  }
  return Buffer.concat(chunks);
}

function encoded(message: Buffer, encoding: MessageEncoding): Buffer {
  const bytes = encoding.fromTtlv(message);
  if (bytes !== message) zeroise(message);
  return bytes;
}

/** @throws whatever else it is, as a defect */
function asKmipError(error: unknown): KmipError {
  if (error instanceof KmipError) return error;
  throw error;
}

/** Node takes whole milliseconds only. */
function milliseconds(seconds: number): number {
  return Math.ceil(seconds * 1000);
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', connection: 'close' });
  response.end(`${text}\n`);
}
