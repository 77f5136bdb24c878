import { Agent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';

import { errorText } from '../../core/errors.js';
import type { EncodingName } from '../../wire/kmip/index.js';
import { MESSAGE_ENCODINGS } from '../../wire/kmip/index.js';
import type { Connection, Connector, KmipServerAddress } from './connection.js';
import { RESPONSE_LIMIT_BYTES, nameOf, openTls } from './connection.js';
import { KmipConnectionError } from './errors.js';

/** How KMIP is spoken over HTTPS. */
export interface HttpsForm {
  readonly encoding: EncodingName;
  /** Path that requests are posted to; `/kmip` if absent. */
  readonly path?: string | undefined;
}

/** Opens connections that speak KMIP over HTTPS (KMIP Profiles, HTTPS). */
export function httpsConnector(form: HttpsForm): Connector {
  return async (server, tls, timeoutMs, signal) =>
    new HttpsConnection(server, form, await openTls(server, tls, timeoutMs, signal));
}

/** One TLS connection to a key server's HTTPS port; each exchange is a POST. */
class HttpsConnection implements Connection {
  readonly #server: KmipServerAddress;
  readonly #form: HttpsForm;
  readonly #socket: TLSSocket;
  readonly #agent: Agent;
  #usable = true;

  constructor(server: KmipServerAddress, form: HttpsForm, socket: TLSSocket) {
    this.#server = server;
    this.#form = form;
    this.#socket = socket;
    socket.setNoDelay(true);
    // Errors between exchanges show as a closed connection.
    socket.on('error', () => undefined);
    this.#agent = new Agent({ keepAlive: true, maxSockets: 1 });
    this.#agent.createConnection = () => socket;
  }

  get usable(): boolean {
    return this.#usable && !this.#socket.destroyed;
  }

  async exchange(request: Buffer, timeoutMs: number): Promise<Buffer> {
    const encoding = MESSAGE_ENCODINGS[this.#form.encoding];
    try {
      const { status, body } = await this.#post(
        encoding.fromTtlv(request),
        encoding.contentTypes[0],
        timeoutMs,
      );
      if (status === 200) return encoding.toTtlv(body);
      throw new Error(`it answers HTTP status ${status} instead of KMIP`);
    } catch (error) {
      this.#usable = false;
      this.#socket.destroy();
      const message = `The exchange with ${nameOf(this.#server)} failed: ${errorText(error)}`;
      throw new KmipConnectionError(message, { cause: error, mayHaveBeenPerformed: true });
    }
  }

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#usable = false;
      if (this.#socket.destroyed) {
        resolve();
        return;
      }
      this.#socket.once('close', () => resolve());
      this.#agent.destroy();
      this.#socket.destroySoon();
    });
  }

  #post(
    body: Buffer,
    contentType: string,
    timeoutMs: number,
  ): Promise<{ readonly status: number; readonly body: Buffer }> {
    const { host, port } = this.#server;
    return new Promise((resolve, reject) => {
      const sent = httpsRequest(
        {
          agent: this.#agent,
          host,
          port,
          path: this.#form.path ?? '/kmip',
          method: 'POST',
          headers: { 'content-type': contentType, 'content-length': body.length },
          signal: AbortSignal.timeout(timeoutMs),
        },
        (answer) => {
          readWhole(answer).then((whole) => resolve({ status: answer.statusCode ?? 0, body: whole }), reject);
        },
      );
      sent.once('error', reject);
      sent.end(body);
    });
  }
}

async function readWhole(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > RESPONSE_LIMIT_BYTES)
      throw new Error(`its answer has more than ${RESPONSE_LIMIT_BYTES} bytes`);
  }
  return Buffer.concat(chunks);
}
