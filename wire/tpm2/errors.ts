import { KpsimError } from '../../core/errors.js';
import { decodeRc } from './response-codes.js';

/** An error with the exact TPM response code: a TPM answered with it, or a decoder found the structure wrong. */
export class TpmError extends KpsimError {
  /** TPM_RC as sent, with the number of the handle, session or parameter if there is one. */
  readonly rc: number;

  /**
   * The stable code is `tpm_` and the name of the response code in lower case, for example `tpm_object_memory`.
   *
   * @param rc response code (TPM 2.0 Part 2 §6.6)
   * @param about which structure or command it is about, for the message
   */
  constructor(rc: number, about?: string, options?: ErrorOptions) {
    const { name, subject, number, text } = decodeRc(rc);
    const where = subject === undefined ? '' : ` (${subject} ${number})`;
    const prefix = about === undefined ? '' : `${about}: `;
    super(
      `tpm_${name === undefined ? 'unknown' : name.toLowerCase()}`,
      `${prefix}TPM_RC_${name ?? `0x${rc.toString(16)}`}${where}: ${text}`,
      options,
    );
    this.rc = rc;
  }
}

/** A TCG event log that cannot be read; its code is `log_malformed`. */
export class EventLogError extends KpsimError {
  /** @param message what is wrong, and where in the log */
  constructor(message: string) {
    super('log_malformed', message);
  }
}
