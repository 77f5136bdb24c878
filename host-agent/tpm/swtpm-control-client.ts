import { KpsimError } from '../../core/errors.js';
import { SocketExchange } from './socket-exchange.js';
import type { AnswerLength } from './socket-exchange.js';
import {
  MAX_SWTPM_STATE_BYTES,
  SWTPM_CONTROL,
  SWTPM_RESULT,
  SWTPM_STATE,
  SWTPM_STATE_DECRYPTED,
} from './swtpm-control.js';
import type { SwtpmControlName, SwtpmStateType } from './swtpm-control.js';

/** Where a swtpm listens: `swtpm socket --server type=tcp --ctrl type=tcp`. */
export interface SwtpmAddress {
  readonly host: string;
  readonly port: number;
  /** The port after `port` by default, as tpm2-tools expect it. */
  readonly controlPort?: number;
  readonly timeoutMs?: number;
}

/** An RSA key takes swtpm up to a few seconds. */
export const DEFAULT_SWTPM_TIMEOUT_MS = 30_000;

const NOTHING = Buffer.alloc(0);
const RESULT_BYTES = 4;
/** Result, flags, total length, length. */
const STATE_HEADER_BYTES = 16;

/** The control port of a swtpm; every method throws KpsimError `tpm_unavailable` if it is refused or not reached. */
export class SwtpmControlClient {
  readonly #address: SwtpmAddress;

  constructor(address: SwtpmAddress) {
    this.#address = address;
  }

  /** Cuts the power and gives it back; `TPM2_Startup` must follow. */
  async init(): Promise<void> {
    await this.#send('INIT', Buffer.alloc(4), resultOnly);
  }

  /** Cuts the power: state can be set until `init`. */
  async stop(): Promise<void> {
    await this.#send('STOP', NOTHING, resultOnly);
  }

  /** Ends the swtpm process in an orderly way. */
  async shutdown(): Promise<void> {
    await this.#send('SHUTDOWN', NOTHING, resultOnly);
  }

  /** Sets the locality of the commands that follow, 0 to 4. */
  async setLocality(locality: number): Promise<void> {
    await this.#send('SET_LOCALITY', Buffer.from([locality]), resultOnly);
  }

  /** A copy of the TPM's state in the clear, which is secret; undefined if there is none of this type. */
  async stateBlob(type: SwtpmStateType): Promise<Buffer | undefined> {
    const request = Buffer.alloc(12);
    request.writeUInt32BE(SWTPM_STATE_DECRYPTED, 0);
    request.writeUInt32BE(SWTPM_STATE[type], 4);
    const accepted = [SWTPM_RESULT.SUCCESS, SWTPM_RESULT.NO_STATE];
    const answer = await this.#send('GET_STATEBLOB', request, stateBlobLength, accepted);
    if (answer.readUInt32BE(0) === SWTPM_RESULT.NO_STATE) return undefined;
    return answer.subarray(STATE_HEADER_BYTES);
  }

  /** Replaces the TPM's state, in the clear; an empty blob removes it. The TPM must be stopped. */
  async setStateBlob(type: SwtpmStateType, blob: Buffer): Promise<void> {
    const request = Buffer.alloc(12 + blob.length);
    request.writeUInt32BE(SWTPM_STATE[type], 4);
    request.writeUInt32BE(blob.length, 8);
    blob.copy(request, 12);
    try {
      await this.#send('SET_STATEBLOB', request, resultOnly);
    } finally {
      request.fill(0);
    }
  }

  async #send(
    name: SwtpmControlName,
    body: Buffer,
    lengthOf: AnswerLength,
    accepted: readonly number[] = [SWTPM_RESULT.SUCCESS],
  ): Promise<Buffer> {
    const { host, port, controlPort = port + 1, timeoutMs = DEFAULT_SWTPM_TIMEOUT_MS } = this.#address;
    const about = `swtpm control ${host}:${controlPort}`;
    const exchange = await SocketExchange.open(about, host, controlPort, timeoutMs);
    const request = Buffer.alloc(4 + body.length);
    try {
      request.writeUInt32BE(SWTPM_CONTROL[name], 0);
      body.copy(request, 4);
      const answer = await exchange.exchange(request, lengthOf);
      const result = answer.readUInt32BE(0);
      if (!accepted.includes(result)) {
        throw new KpsimError(
          'tpm_unavailable',
          `${about} refused ${name} with 0x${result.toString(16)}. Power the TPM on, or restart the host.`,
        );
      }
      return answer;
    } finally {
      await exchange.close();
      request.fill(0);
    }
  }
}

const resultOnly: AnswerLength = (received) => (received.length < RESULT_BYTES ? undefined : RESULT_BYTES);

const stateBlobLength: AnswerLength = (received) => {
  if (received.length < RESULT_BYTES) return undefined;
  const result = received.readUInt32BE(0);
  if (result !== SWTPM_RESULT.SUCCESS && result !== SWTPM_RESULT.NO_STATE) return RESULT_BYTES;
  if (received.length < STATE_HEADER_BYTES) return undefined;
  return STATE_HEADER_BYTES + Math.min(received.readUInt32BE(12), MAX_SWTPM_STATE_BYTES);
};
