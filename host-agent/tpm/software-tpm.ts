import type { Clock } from '../../core/clock.js';
import { systemClock } from '../../core/clock.js';
import { errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import {
  TPM_RC,
  TpmError,
  decodeCommand,
  encodeErrorResponse,
  encodeResponse,
  encodeWhole,
} from '../../wire/tpm2/index.js';
import type { TpmCommandFrame } from '../../wire/tpm2/index.js';
import { answerAuthorizations, authValueOf, checkAuthorizations, responseKeys } from './authorization.js';
import { CommandCall } from './command-call.js';
import { COMMAND_HANDLERS } from './commands/index.js';
import { TpmDevice } from './device.js';
import { decryptParameter, encryptParameter } from './parameter-encryption.js';
import { loadPermanentState, savePermanentState } from './permanent-state.js';
import type { PermanentState } from './permanent-state.js';
import type { TpmTransport } from './transport.js';

/** Settings of a software TPM that are not part of its state. */
export interface SoftwareTpmOptions {
  readonly clock?: Clock;
  /** Locality of the caller at first, 0 to 4. */
  readonly locality?: number;
  /** Hears of defects; a command that hits one answers TPM_RC_FAILURE. */
  readonly log?: Logger;
}

const NOTHING = Buffer.alloc(0);

/** A TPM 2.0 in software: real command frames in, real response frames out. */
export class SoftwareTpm {
  #permanent: PermanentState;
  #locality: number;
  #powered = true;
  readonly #clock: Clock;
  readonly #log: Logger | undefined;
  #device: TpmDevice;

  /** Powers a TPM on that has this state; `TPM2_Startup` must follow, as on any TPM. */
  constructor(permanent: PermanentState, options: SoftwareTpmOptions = {}) {
    this.#permanent = permanent;
    this.#clock = options.clock ?? systemClock;
    this.#locality = options.locality ?? 0;
    this.#log = options.log;
    this.#device = this.#newDevice();
  }

  /** A TPM from what `saveState` returned. @throws KpsimError `tpm_state_invalid` */
  static load(saved: Buffer, options: SoftwareTpmOptions = {}): SoftwareTpm {
    return new SoftwareTpm(loadPermanentState(saved), options);
  }

  /** Everything that the TPM keeps without power. It is secret: store it with mode 0600 or sealed. */
  saveState(): Buffer {
    return savePermanentState(this.#permanent);
  }

  /** Cuts the power and gives it back, as `_TPM_Init` does; `TPM2_Startup` must follow. */
  reset(): void {
    this.powerOff();
    this.#device = this.#newDevice();
    this.#powered = true;
  }

  /** Cuts the power. Until {@link reset} every command is answered TPM_RC_FAILURE, as by a stopped swtpm. */
  powerOff(): void {
    this.#device.powerOff();
    this.#powered = false;
  }

  /** Whether it has power. */
  get powered(): boolean {
    return this.#powered;
  }

  /** Locality of the commands that follow, 0 to 4; PCR 0 starts with that of TPM2_Startup. */
  setLocality(locality: number): void {
    this.#locality = locality;
    this.#device.locality = locality;
  }

  /** Cuts the power and takes over what {@link saveState} returned. @throws KpsimError `tpm_state_invalid` */
  restoreState(saved: Buffer): void {
    const permanent = loadPermanentState(saved);
    this.powerOff();
    this.#permanent = permanent;
  }

  /** Carries out one command. Whatever the bytes are, a response frame comes back. */
  execute(command: Buffer): Buffer {
    if (!this.#powered) return encodeErrorResponse(TPM_RC.FAILURE);
    try {
      // A copy: what the TPM keeps of a command must not change with the caller's buffer, nor be overwritten in it.
      return this.#execute(decodeCommand(Buffer.from(command)));
    } catch (error) {
      if (error instanceof TpmError) return encodeErrorResponse(error.rc);
      this.#log?.error({ error: errorText(error) }, 'the software TPM failed on a command');
      return encodeErrorResponse(TPM_RC.FAILURE);
    }
  }

  #newDevice(): TpmDevice {
    return new TpmDevice(this.#permanent, this.#clock, this.#locality);
  }

  #execute(frame: TpmCommandFrame): Buffer {
    const device = this.#device;
    if (device.started === (frame.name === 'Startup')) throw new TpmError(TPM_RC.INITIALIZE);
    const checked = checkAuthorizations(device, frame);
    const before = checked.map(({ session, entity }) =>
      session && entity !== undefined ? authValueOf(device, entity) : NOTHING,
    );
    const parameters = decryptParameter(device, checked, frame.parameters);
    const call = new CommandCall(
      frame.name,
      frame.handles,
      checked.map(({ session }) => session),
      parameters,
    );
    const result = COMMAND_HANDLERS[frame.name](device, call);
    const plain = encodeWhole((writer) => result.parameters?.(writer));
    if (checked.length === 0)
      return encodeResponse({ handle: result.handle, parameters: plain, sessions: [] });
    const keys = responseKeys(device, checked, before);
    for (const { auth, session } of checked) session?.rollNonces(auth.nonce);
    const sent = encryptParameter(device, checked, plain);
    const sessions = answerAuthorizations(device, frame, checked, keys, sent);
    for (const { session, entity } of checked) if (entity !== undefined) session?.restartPolicy();
    return encodeResponse({ handle: result.handle, parameters: sent, sessions });
  }
}

/** The way to a software TPM in the same process. */
export class SoftwareTpmTransport implements TpmTransport {
  readonly tpm: SoftwareTpm;

  constructor(tpm: SoftwareTpm) {
    this.tpm = tpm;
  }

  transmit(command: Buffer): Promise<Buffer> {
    return Promise.resolve(this.tpm.execute(command));
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
