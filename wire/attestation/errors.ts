import { KpsimError } from '../../core/errors.js';
import { reasonRow } from './reasons.js';
import type { AttestationReason } from './reasons.js';

/** Attestation, or the use of its result, was refused for one reason of the catalogue. */
export class AttestationError extends KpsimError {
  readonly reason: AttestationReason;

  /**
   * The stable code is the reason; the message is its sentence and its remedy.
   *
   * @param detail what exactly, between the two; never a secret
   */
  constructor(reason: AttestationReason, detail?: string, options?: ErrorOptions) {
    const { sentence, remedy } = reasonRow(reason);
    super(reason, [sentence, ...(detail === undefined ? [] : [detail]), remedy].join(' '), options);
    this.reason = reason;
  }
}
