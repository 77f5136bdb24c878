import { once } from 'node:events';
import { Agent, request } from 'node:https';
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

import { createContext } from '../../core/context.js';
import { makeDataDir } from '../../core/data-dir.js';
import type { DataDir } from '../../core/data-dir.js';
import { createLogger } from '../../core/logging.js';
import { CertificateAuthority } from '../../core/pki/index.js';
import type { KeyAndCertificate } from '../../core/pki/index.js';
import { parseKmsConfig } from '../../kms/config.js';
import { MessageFramer } from '../../kms/server/framing.js';
import { KmsService } from '../../kms/service.js';
import { MESSAGE_ENCODINGS, tagValue } from '../../wire/kmip/index.js';
import type { EncodingName } from '../../wire/kmip/index.js';
import type { DamagedMessage } from './mutations.js';

/** Largest message that the server takes; damage makes larger ones too. */
const MESSAGE_BYTES = 64 * 1024;
const RESPONSE_LIMIT_BYTES = 64 * 1024 * 1024;

/** What a server under test logs at the levels of warnings and errors. */
export interface LoggedProblem {
  readonly level: number;
  readonly msg: string;
  readonly stack: string | undefined;
}

/** A key server in this process, over TLS, with bounds that are soon reached, and a client of it. */
export class FuzzTarget implements AsyncDisposable {
  /** What the server could not explain: lines of its log at level error. */
  readonly problems: LoggedProblem[] = [];
  readonly #service: KmsService;
  readonly #dataDir: DataDir;
  readonly #tls: { readonly ca: string; readonly cert: string; readonly key: string };
  readonly #agent: Agent;
  #ports = { kmip: 0, https: 0 };

  private constructor(dataDir: DataDir, ca: string, server: KeyAndCertificate, client: KeyAndCertificate) {
    this.#dataDir = dataDir;
    this.#tls = { ca, cert: client.certificatePem, key: client.privateKeyPem };
    this.#agent = new Agent({ keepAlive: true, ...this.#tls });
    const stream = { write: (line: string) => this.#note(line) };
    this.#service = new KmsService(
      parseKmsConfig({
        port: 0,
        https: { port: 0 },
        tls: { certificatePem: server.certificatePem, privateKeyPem: server.privateKeyPem },
        trustedCaPem: ca,
        limits: {
          messageBytes: MESSAGE_BYTES,
          cachedObjects: 64,
          streams: 32,
          streamsPerOwner: 16,
          locatedItems: 100,
        },
        asynchronous: { requests: 64, resultSeconds: 5 },
        tickets: { limit: 64 },
      }),
      createContext({ dataDir: dataDir.path, log: createLogger({ name: 'fuzz', level: 'error', stream }) }),
    );
  }

  /** Starts a server on files of its own. */
  static async start(): Promise<FuzzTarget> {
    const authority = await CertificateAuthority.create({ commonName: 'fuzz CA' });
    const [server, client] = await Promise.all([
      authority.issueServer({ commonName: 'kms-1', ipAddresses: ['127.0.0.1'] }),
      authority.issueClient({ commonName: 'fuzz' }),
    ]);
    const target = new FuzzTarget(await makeDataDir(), authority.caPem, server, client);
    const [kmip, https] = await target.#service.start();
    target.#ports = { kmip: kmip?.port ?? 0, https: https?.port ?? 0 };
    return target;
  }

  /** A connection that sends one message after another. */
  lane(): FuzzLane {
    return new FuzzLane(
      () => connect({ host: '127.0.0.1', port: this.#ports.kmip, ...this.#tls }),
      (body, encoding) => this.#post(body, encoding),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#agent.destroy();
    await this.#service.stop();
    await this.#dataDir.remove();
  }

  #note(line: string): void {
    const { level, msg, err } = JSON.parse(line) as {
      readonly level: number;
      readonly msg: string;
      readonly err?: { readonly stack?: string };
    };
    this.problems.push({ level, msg, stack: err?.stack });
  }

  #post(body: Buffer, encoding: EncodingName): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': MESSAGE_ENCODINGS[encoding].contentTypes[0] };
      const url = { host: '127.0.0.1', port: this.#ports.https, path: '/kmip', method: 'POST' };
      const sent = request({ agent: this.#agent, ...url, headers }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.once('error', reject);
        answer.once('end', () => resolve(Buffer.concat(chunks)));
      });
      sent.once('error', reject);
      sent.end(body);
    });
  }
}

/** One line of work: a TLS connection, renewed when it ends, and requests over HTTPS. */
export class FuzzLane {
  readonly #connect: () => TLSSocket;
  readonly #post: (body: Buffer, encoding: EncodingName) => Promise<Buffer>;
  #socket: TLSSocket | undefined;

  constructor(connect: () => TLSSocket, post: (body: Buffer, encoding: EncodingName) => Promise<Buffer>) {
    this.#connect = connect;
    this.#post = post;
  }

  /** Sends a message. @returns the answers in TTLV; none to bytes that end in the middle of a message */
  async send({ encoding, bytes }: DamagedMessage): Promise<readonly Buffer[]> {
    if (encoding === 'ttlv') return isFramed(bytes) ? this.#exchange(bytes) : this.#sendLast(bytes);
    const answer = await this.#post(bytes, encoding);
    return [MESSAGE_ENCODINGS[encoding].toTtlv(answer)];
  }

  /** Ends the connection. */
  close(): void {
    this.#socket?.destroy();
  }

  /** One message, one answer; the connection goes on. */
  async #exchange(bytes: Buffer): Promise<readonly Buffer[]> {
    const socket = await this.#connected();
    return new Promise((resolve) => {
      const answers = new Answers();
      const done = (): void => {
        socket.off('data', receive);
        socket.off('close', done);
        resolve(answers.found);
      };
      const receive = (chunk: Buffer): void => {
        answers.push(chunk);
        if (answers.found.length > 0) done();
      };
      socket.on('data', receive);
      socket.on('close', done);
      socket.write(bytes);
    });
  }

  /** Bytes after which there is no telling where a message begins: the connection ends with them. */
  async #sendLast(bytes: Buffer): Promise<readonly Buffer[]> {
    const socket = await this.#connected();
    this.#socket = undefined;
    const answers = new Answers();
    socket.on('data', (chunk: Buffer) => answers.push(chunk));
    const closed = once(socket, 'close');
    socket.end(bytes);
    await closed;
    return answers.found;
  }

  async #connected(): Promise<TLSSocket> {
    if (this.#socket && !this.#socket.destroyed && !this.#socket.writableEnded) return this.#socket;
    const socket = this.#connect();
    socket.on('error', () => undefined);
    await once(socket, 'secureConnect');
    this.#socket = socket;
    return socket;
  }
}

/** Response messages out of what arrives. */
class Answers {
  readonly found: Buffer[] = [];
  readonly #framer = new MessageFramer(tagValue('ResponseMessage'), RESPONSE_LIMIT_BYTES);

  push(chunk: Buffer): void {
    this.#framer.push(chunk);
    // The framer's views are on chunks that nobody changes.
    for (let one = this.#framer.next(); one; one = this.#framer.next()) this.found.push(one);
  }
}

/** Whether bytes are one message by their outermost header, and of a size that is taken. */
export function isFramed(bytes: Buffer): boolean {
  return (
    bytes.length >= 8 &&
    bytes.length % 8 === 0 &&
    bytes.length <= MESSAGE_BYTES &&
    bytes.readUInt32BE(0) === 0x42007801 &&
    bytes.readUInt32BE(4) === bytes.length - 8
  );
}
