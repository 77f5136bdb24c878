import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from '../../wire/tpm2/index.js';
import { KpsimError } from '../../core/errors.js';
import { SocketExchange } from './socket-exchange.js';
import type { AnswerLength } from './socket-exchange.js';
import { SWTPM_CONTROL, SWTPM_STATE } from './swtpm-control.js';
import type { SwtpmControlName } from './swtpm-control.js';
import type { TpmTransport } from './transport.js';

/** Where a swtpm listens: `swtpm socket --server type=tcp --ctrl type=tcp`. */
export interface SwtpmAddress {
  readonly host: string;
  readonly port: number;
  /** The port after `port` by default, as tpm2-tools expect it. */
  readonly controlPort?: number;
  readonly timeoutMs?: number;
}

/** An RSA key takes swtpm up to a few seconds. */
const DEFAULT_TIMEOUT_MS = 30_000;
const MAX_STATE_BYTES = 1024 * 1024;

/** The way to a swtpm over TCP. It serves one client at a time. */
export class SwtpmTransport implements TpmTransport {
  readonly #address: SwtpmAddress;
  readonly #data: SocketExchange;

  private constructor(address: SwtpmAddress, data: SocketExchange) {
    this.#address = address;
    this.#data = data;
  }

  /** Connects to the data port. @throws KpsimError `tpm_unavailable` */
  static async connect(address: SwtpmAddress): Promise<SwtpmTransport> {
    const { host, port, timeoutMs = DEFAULT_TIMEOUT_MS } = address;
    return new SwtpmTransport(
      address,
      await SocketExchange.open(`swtpm ${host}:${port}`, host, port, timeoutMs),
    );
  }

  transmit(command: Buffer): Promise<Buffer> {
    return this.#data.exchange(command, frameLength);
  }

  close(): Promise<void> {
    return this.#data.close();
  }

  /** Cuts the power and gives it back; `TPM2_Startup` must follow. @throws KpsimError `tpm_unavailable` */
  async reset(): Promise<void> {
    await this.#control('INIT', Buffer.alloc(4), resultOnly);
  }

  /** Ends the swtpm process in an orderly way. @throws KpsimError `tpm_unavailable` */
  async shutdownProcess(): Promise<void> {
    await this.#control('SHUTDOWN', Buffer.alloc(0), resultOnly);
  }

  /** A copy of the TPM's state; it is secret. @throws KpsimError `tpm_unavailable` */
  async stateBlob(type: keyof typeof SWTPM_STATE): Promise<Buffer> {
    const request = Buffer.alloc(12);
    request.writeUInt32BE(SWTPM_STATE[type], 4);
    const answer = await this.#control('GET_STATEBLOB', request, stateBlobLength);
    return answer.subarray(STATE_HEADER_BYTES);
  }

  async #control(name: SwtpmControlName, body: Buffer, lengthOf: AnswerLength): Promise<Buffer> {
    const { host, port, controlPort = port + 1, timeoutMs = DEFAULT_TIMEOUT_MS } = this.#address;
    const about = `swtpm control ${host}:${controlPort}`;
    const exchange = await SocketExchange.open(about, host, controlPort, timeoutMs);
    try {
      const request = Buffer.alloc(4 + body.length);
      request.writeUInt32BE(SWTPM_CONTROL[name], 0);
      body.copy(request, 4);
      const answer = await exchange.exchange(request, lengthOf);
      const result = answer.readUInt32BE(0);
      if (result !== 0) {
        throw new KpsimError('tpm_unavailable', `${about} refused ${name} with 0x${result.toString(16)}.`);
      }
      return answer;
    } finally {
      await exchange.close();
    }
  }
}

const RESULT_BYTES = 4;
/** Result, flags, total length, length. */
const STATE_HEADER_BYTES = 16;

const resultOnly: AnswerLength = (received) => (received.length < RESULT_BYTES ? undefined : RESULT_BYTES);

const stateBlobLength: AnswerLength = (received) => {
  if (received.length < RESULT_BYTES) return undefined;
  if (received.readUInt32BE(0) !== 0) return RESULT_BYTES;
  if (received.length < STATE_HEADER_BYTES) return undefined;
  return STATE_HEADER_BYTES + Math.min(received.readUInt32BE(12), MAX_STATE_BYTES);
};

const frameLength: AnswerLength = (received) => {
  if (received.length < FRAME_HEADER_BYTES) return undefined;
  return Math.max(FRAME_HEADER_BYTES, Math.min(received.readUInt32BE(2), MAX_FRAME_BYTES));
};
