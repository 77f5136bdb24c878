import { KpsimError } from '../../core/errors.js';

/** No key server could be asked, or the answer did not come; whether the request was performed is not known. */
export class KmipConnectionError extends KpsimError {
  /** Whether the request may have reached a server. */
  readonly mayHaveBeenPerformed: boolean;

  constructor(message: string, options: ErrorOptions & { readonly mayHaveBeenPerformed: boolean }) {
    super('kmip_connection_failed', message, options);
    this.mayHaveBeenPerformed = options.mayHaveBeenPerformed;
  }
}
