import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { KpsimError } from '../../core/errors.js';
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES, TPM_RC, encodeErrorResponse } from '../../wire/tpm2/index.js';
import type { SoftwareTpm } from './software-tpm.js';
import { SWTPM_REQUEST_BYTES, swtpmControlOf } from './swtpm-control.js';
import type { SwtpmControlName } from './swtpm-control.js';

/** Capabilities that the control channel names: INIT, SHUTDOWN, SET_LOCALITY, STOP (bits of PTM_CAP). */
const CAPABILITIES = 0x0001n | 0x0002n | 0x0010n | 0x0080n;
const RESULT_OK = Buffer.alloc(4);
const RESULT_NOT_SUPPORTED = Buffer.from([0, 0, 0, 0x0a]);
const MOST_PORT_ATTEMPTS = 20;
const HIGHEST_PORT = 65_534;

/**
 * Lets other programs use a software TPM as if it were a swtpm: TPM frames on one TCP port, control commands on
 * the next. tpm2-tools reach it with `TPM2TOOLS_TCTI=swtpm:host=127.0.0.1,port=…`.
 */
export class SwtpmServer {
  readonly #tpm: SoftwareTpm;
  readonly #servers: Server[] = [];
  readonly #sockets = new Set<Socket>();

  constructor(tpm: SoftwareTpm) {
    this.#tpm = tpm;
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
    return new Promise((resolve) => {
      const server = createServer((socket) => {
        this.#sockets.add(socket);
        socket.setNoDelay(true);
        // A client that breaks off is no concern of the TPM.
        socket.on('error', () => socket.destroy());
        socket.on('close', () => this.#sockets.delete(socket));
        serve(socket);
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
      socket.write(this.#tpm.execute(Buffer.from(received.subarray(0, size))));
      return size;
    });
  }

  #serveControl(socket: Socket): void {
    onMessages(socket, (received) => {
      if (received.length < 4) return undefined;
      const name = swtpmControlOf(received.readUInt32BE(0));
      if (name === undefined) {
        // The length of what follows is not known, so nothing more can be understood.
        socket.end(RESULT_NOT_SUPPORTED);
        return received.length;
      }
      const size = 4 + SWTPM_REQUEST_BYTES[name];
      if (received.length < size) return undefined;
      socket.write(this.#carryOut(name));
      return size;
    });
  }

  #carryOut(name: SwtpmControlName): Buffer {
    switch (name) {
      case 'GET_CAPABILITY': {
        const answer = Buffer.alloc(8);
        answer.writeBigUInt64BE(CAPABILITIES, 0);
        return answer;
      }
      case 'INIT':
        this.#tpm.reset();
        return RESULT_OK;
      case 'SET_LOCALITY':
      case 'SHUTDOWN':
      case 'STOP':
        return RESULT_OK;
      case 'GET_STATEBLOB':
        return RESULT_NOT_SUPPORTED;
    }
  }
}

/** Hands what has been received to `take` until it takes nothing; `take` says how many bytes it has used. */
function onMessages(socket: Socket, take: (received: Buffer) => number | undefined): void {
  let received: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
    for (let used = take(received); used !== undefined && used > 0; used = take(received)) {
      received = received.subarray(used);
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
