import type { Logger } from '../../core/logging.js';

/** The certificate that the fault `expiredCertificate` presents. */
export class ExpiredCertificate {
  #pem: string | undefined;
  #isBeingMade = false;

  /** @param pem undefined if it is to be made, or if there is none */
  constructor(pem: string | undefined) {
    this.#pem = pem;
  }

  /** Undefined if there is none, or none yet. */
  get pem(): string | undefined {
    return this.#pem;
  }

  /** Whether it is just being made; the fault has to wait for it. */
  get isBeingMade(): boolean {
    return this.#isBeingMade;
  }

  /** Makes it, if it was not given. Never rejects. */
  async make(twin: () => string | Promise<string>, log: Logger): Promise<void> {
    this.#isBeingMade = true;
    try {
      this.#pem ??= await twin();
    } catch (error) {
      log.error({ err: error }, 'the expired certificate could not be made');
    }
    this.#isBeingMade = false;
  }
}
