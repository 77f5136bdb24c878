import { KpsimError } from '../../core/errors.js';
import type { ResultReasonName } from './schema/enumeration.js';

/** A failure in KMIP's own terms: what a server answers, or what a client was answered. */
export class KmipError extends KpsimError {
  /** Result Reason under its name in the XML encoding, for example `ItemNotFound` (KMIP 1.4 §9.1.3.2.28). */
  readonly reason: ResultReasonName;

  /**
   * @param reason the Result Reason
   * @param message the Result Message: what is wrong and what to do about it; never holds key material
   */
  constructor(reason: ResultReasonName, message: string, options?: ErrorOptions) {
    super('kmip_error', message, options);
    this.reason = reason;
  }
}
