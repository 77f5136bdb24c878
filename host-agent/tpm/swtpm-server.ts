import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { KpsimError } from '../../core/errors.js';
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES, TPM_RC, encodeErrorResponse } from '../../wire/tpm2/index.js';
import { OneAtATime } from './one-at-a-time.js';
import type { SoftwareTpm } from './software-tpm.js';
import { SWTPM_RESULT, swtpmControlOf } from './swtpm-control.js';
import { answerControl, controlRequestBytes } from './swtpm-control-answers.js';

const MOST_PORT_ATTEMPTS = 20;
const HIGHEST_PORT = 65_534;
/** A client that has the TPM and is silent for so long makes way for the next (own choice; swtpm waits for ever). */
const IDLE_MS = 120_000;
/** A client that does not read its answers is cut when so much waits for it. */
const MOST_UNREAD_BYTES = 1024 * 1024;

/** Settings of a {@link SwtpmServer}. */
export interface SwtpmServerOptions {
  /** After how long without a word a client is cut, in milliseconds. */
  readonly idleMs?: number;
  /** Hears that a client has cut the power and given it back (INIT): `TPM2_Startup` must follow. */
  readonly onPowerCycle?: () => void;
  /** Hears that a client has ended the TPM (SHUTDOWN): the power is off, and the server has stopped. */
  readonly onShutdown?: () => void;
}

/**
 * Lets other programs use a software TPM as if it were a swtpm: TPM frames on one TCP port, control commands on
 * the next, one client at a time on each. tpm2-tools reach it with `TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=…`.
 */
export class SwtpmServer {
  readonly #tpm: SoftwareTpm;
  readonly #options: SwtpmServerOptions;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(tpm: SoftwareTpm, options: SwtpmServerOptions = {}) {
    this.#tpm = tpm;
    this.#options = options;
  }

  /**
   * Starts to listen on a port and the one after it.
   *
   * @param port 0 for any two
   * @returns the first port
   * @throws KpsimError `port_in_use`
   */
  async start(host = '127.0.0.1', port = 0): Promise<number> {
    for (let attempt = 0; attempt < MOST_PORT_ATTEMPTS; attempt += 1) {
      const data = await this.#listen(host, port, (socket) => {
        this.#serveFrames(socket);
      });
      const first = data === undefined ? undefined : portOf(data);
      const control =
        first === undefined || first > HIGHEST_PORT
          ? undefined
          : await this.#listen(host, first + 1, (socket) => {
              this.#serveControl(socket);
            });
      if (data !== undefined && control !== undefined && first !== undefined) {
        this.#servers.push(data, control);
        return first;
      }
      await closed(data);
      if (port !== 0) break;
    }
    throw new KpsimError(
      'port_in_use',
      `Port ${port} or the one after it is in use. Choose others, or 0 for any.`,
    );
  }

  /** Stops listening and closes all connections. */
  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(this.#servers.splice(0).map(closed));
  }

  #listen(host: string, port: number, serve: (socket: Socket) => void): Promise<Server | undefined> {
    const turns = new OneAtATime(serve, this.#options.idleMs ?? IDLE_MS);
    return new Promise((resolve) => {
      const server = createServer({ pauseOnConnect: true }, (socket) => {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        // A client that breaks off is no concern of the TPM.
        socket.on('error', () => socket.destroy());
        socket.on('close', () => this.#sockets.delete(socket));
        turns.enter(socket);
      });
      server.once('error', () => {
        resolve(undefined);
      });
      server.listen(port, host, () => {
        resolve(server);
      });
    });
  }

  #serveFrames(socket: Socket): void {
    onMessages(socket, (received) => {
      if (received.length < FRAME_HEADER_BYTES) return undefined;
      const size = received.readUInt32BE(2);
      if (size < FRAME_HEADER_BYTES || size > MAX_FRAME_BYTES) {
        socket.end(encodeErrorResponse(TPM_RC.COMMAND_SIZE));
        return received.length;
      }
      if (received.length < size) return undefined;
      answer(socket, this.#tpm.execute(Buffer.from(received.subarray(0, size))));
      return size;
    });
  }

  #serveControl(socket: Socket): void {
    onMessages(socket, (received) => {
      if (received.length < 4) return undefined;
      const name = swtpmControlOf(received.readUInt32BE(0));
      const size = name === undefined ? undefined : controlRequestBytes(name, received);
      if (name === undefined || size === 'too long') {
        // What follows cannot be told from the next command, so nothing more can be understood.
        socket.end(resultOf(name === undefined ? SWTPM_RESULT.BAD_ORDINAL : SWTPM_RESULT.BAD_PARAMETER));
        return received.length;
      }
      if (size === undefined || received.length < size) return undefined;
      const given = answerControl(this.#tpm, name, received.subarray(4, size));
      if (name === 'INIT') this.#options.onPowerCycle?.();
      if (name === 'SHUTDOWN') {
        socket.end(given, () => {
          void this.stop().then(this.#options.onShutdown);
        });
        return received.length;
      }
      answer(socket, given);
      return size;
    });
  }
}

function answer(socket: Socket, bytes: Buffer): void {
  if (socket.writableLength > MOST_UNREAD_BYTES) socket.destroy();
  else socket.write(bytes);
}

function resultOf(result: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(result, 0);
  return bytes;
}

/** Hands what has been received to `take` until it takes nothing; `take` says how many bytes it has used. */
function onMessages(socket: Socket, take: (received: Buffer) => number | undefined): void {
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let used = take(received); used !== undefined && used > 0; used = take(received)) {
      received = received.subarray(used);
      if (socket.destroyed || socket.writableEnded) return;
    }
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}

function closed(server: Server | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (server === undefined) resolve();
    else
      server.close(() => {
        resolve();
      });
  });
}
