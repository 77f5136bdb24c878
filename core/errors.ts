/**
 * The root of every error that kpsim raises on purpose.
 *
 * Each wire dialect has one subclass that carries the exact wire reason (`KmipError`, `VimFault`,
 * `VapiError`, `TpmError`, `AttestationError`). They are converted once, at the protocol's edge; whatever
 * is not a `KpsimError` there is a defect and becomes the dialect's general failure with generic text.
 */
export class KpsimError extends Error {
  /** Stable, machine-readable reason in `lower_snake_case`, for example `config_invalid`. */
  readonly code: string;

  /**
   * @param code stable reason in `lower_snake_case`
   * @param message what went wrong and what to do next; never holds a secret
   * @param options the `cause`, kept for the log and never sent to a client
   */
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
    this.code = code;
  }
}

/** The text of anything thrown, for a log line or for the cause part of a message. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
