import { KpsimError } from '../../core/errors.js';
import { FRAME_HEADER_BYTES, MAX_FRAME_BYTES } from '../../wire/tpm2/index.js';
import { SocketExchange } from './socket-exchange.js';
import type { AnswerLength } from './socket-exchange.js';
import { DEFAULT_SWTPM_TIMEOUT_MS, SwtpmControlClient } from './swtpm-control-client.js';
import type { SwtpmAddress } from './swtpm-control-client.js';
import type { TpmTransport } from './transport.js';

/**
 * The way to a swtpm over TCP. It serves one client at a time, so the connection is made with the first command and
 * let go by `close`; the next command makes another.
 */
export class SwtpmTransport implements TpmTransport {
  /** The control port, which can be used at any time. */
  readonly control: SwtpmControlClient;
  readonly #address: SwtpmAddress;
  #data: Promise<SocketExchange> | undefined;

  constructor(address: SwtpmAddress) {
    this.#address = address;
    this.control = new SwtpmControlClient(address);
  }

  /** Connects to the data port at once. @throws KpsimError `tpm_unavailable` */
  static async connect(address: SwtpmAddress): Promise<SwtpmTransport> {
    const transport = new SwtpmTransport(address);
    await transport.#connected();
    return transport;
  }

  async transmit(command: Buffer): Promise<Buffer> {
    const data = this.#data ?? this.#connected();
    try {
      return await (await data).exchange(command, frameLength);
    } catch (error) {
      // A broken connection stays broken; swtpm may be back for the next command.
      if (error instanceof KpsimError && this.#data === data) this.#data = undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    const data = this.#data;
    this.#data = undefined;
    await (await data?.catch(() => undefined))?.close();
  }

  #connected(): Promise<SocketExchange> {
    const { host, port, timeoutMs = DEFAULT_SWTPM_TIMEOUT_MS } = this.#address;
    const opening = SocketExchange.open(`swtpm ${host}:${port}`, host, port, timeoutMs);
    this.#data = opening;
    return opening;
  }
}

const frameLength: AnswerLength = (received) => {
  if (received.length < FRAME_HEADER_BYTES) return undefined;
  return Math.max(FRAME_HEADER_BYTES, Math.min(received.readUInt32BE(2), MAX_FRAME_BYTES));
};
