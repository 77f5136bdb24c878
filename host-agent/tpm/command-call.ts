import { TPM_RC, TpmError, TpmReader, handleRc, isFormatOne, parameterRc } from '../../wire/tpm2/index.js';
import type { CommandName, TpmWriter } from '../../wire/tpm2/index.js';
import type { TpmDevice } from './device.js';
import type { TpmSession } from './session.js';

/** One command being carried out: its handles, its authorizations, its parameters in order. */
export class CommandCall {
  readonly name: CommandName;
  readonly handles: readonly number[];
  /** The session that authorized each handle; undefined for a password. */
  readonly authorizedBy: readonly (TpmSession | undefined)[];
  readonly #reader: TpmReader;
  #parameters = 0;

  constructor(
    name: CommandName,
    handles: readonly number[],
    authorizedBy: readonly (TpmSession | undefined)[],
    parameters: Buffer,
  ) {
    this.name = name;
    this.handles = handles;
    this.authorizedBy = authorizedBy;
    this.#reader = new TpmReader(parameters);
  }

  /** The handle at `position`, from 1. */
  handle(position: number): number {
    const handle = this.handles[position - 1];
    // The frame decoder has read as many handles as the command's row says.
    if (handle === undefined) throw new RangeError(`TPM2_${this.name} has no handle ${position}`);
    return handle;
  }

  /** Reads the next parameter. @throws TpmError what `read` throws, with the number of the parameter */
  parameter<T>(read: (reader: TpmReader) => T): T {
    this.#parameters += 1;
    const number = this.#parameters;
    return inParameter(number, () => read(this.#reader));
  }

  /** Says that all parameters were read. @throws TpmError TPM_RC_SIZE if bytes are left over */
  end(): void {
    if (this.#reader.remaining !== 0) throw new TpmError(TPM_RC.SIZE);
  }
}

/** Runs `work` and adds the number of the parameter (from 1) to a format-1 error that it throws. */
export function inParameter<T>(number: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TpmError && isFormatOne(error.rc)) {
      throw new TpmError(parameterRc(error.rc, number), undefined, { cause: error });
    }
    throw error;
  }
}

/** Runs `work` and adds the number of the handle (from 1) to a format-1 error that it throws. */
export function inHandle<T>(number: number, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof TpmError && isFormatOne(error.rc)) {
      throw new TpmError(handleRc(error.rc, number), undefined, { cause: error });
    }
    throw error;
  }
}

/** What a command answers. */
export interface CommandResult {
  /** For a command whose row says `responseHandle`. */
  readonly handle?: number;
  /** Writes the response parameters. */
  readonly parameters?: (writer: TpmWriter) => void;
}

/**
 * One command of the TPM. It checks everything before it changes anything, so that a refused command leaves no trace.
 *
 * @throws TpmError the response code
 */
export type CommandHandler = (device: TpmDevice, call: CommandCall) => CommandResult;
