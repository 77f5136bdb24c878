import type { Logger } from '../../core/logging.js';

/** The certificate that the fault `expiredCertificate` presents. */
export class ExpiredCertificate {
  #pem: string | undefined;
  readonly #make: (() => string) | undefined;
  readonly #log: Logger;

  /**
   * @param pem undefined if it is to be made, or if there is none
   * @param make makes it; called when the fault first strikes, as few servers ever have it
   */
  constructor(pem: string | undefined, make: (() => string) | undefined, log: Logger) {
    this.#pem = pem;
    this.#make = make;
    this.#log = log;
  }

  /** Undefined if there is none, or if it cannot be made. */
  get pem(): string | undefined {
    try {
      this.#pem ??= this.#make?.();
    } catch (error) {
      this.#log.error({ err: error }, 'the expired certificate could not be made');
    }
    return this.#pem;
  }
}
