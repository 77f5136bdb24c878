import type { TLSSocket } from 'node:tls';

import type { ServiceContext } from '../../core/context.js';
import type { KmsMetrics } from './metrics.js';

/** Why a connection was refused, as the metric has it. */
export type ConnectionRefusal = 'certificate' | 'handshake' | 'too_many';

/** Entries of the journal about refused connections in a minute, so that a flood does not wash the others out. Own choice. */
const JOURNALED_A_MINUTE = 20;
const MINUTE_MS = 60_000;

/** Counts the connections that a key server refuses, and journals them, of many only the first of each minute. */
export class RefusedConnections {
  readonly #context: ServiceContext;
  readonly #metrics: KmsMetrics;
  /** When the running minute began, which is with its first refusal. */
  #sinceMs = Number.NEGATIVE_INFINITY;
  #inMinute = 0;
  #leftOut = 0;

  constructor(context: ServiceContext, metrics: KmsMetrics) {
    this.#context = context;
    this.#metrics = metrics;
  }

  /**
   * A connection is about to be refused.
   *
   * @param problem what is wrong, and what to do about it
   * @param socket the connection, where there is one yet; what its certificate says is not proven
   */
  note(refusal: ConnectionRefusal, problem: string, socket?: TLSSocket): void {
    this.#metrics.refusedConnections.inc({ reason: refusal });
    const nowMs = this.#context.clock.now();
    // A clock that was put back must not silence the journal for as long as that.
    if (Math.abs(nowMs - this.#sinceMs) >= MINUTE_MS) {
      this.#sinceMs = nowMs;
      this.#inMinute = 0;
    }
    this.#inMinute += 1;
    if (this.#inMinute > JOURNALED_A_MINUTE) {
      this.#leftOut += 1;
      return;
    }
    const certificate = socket?.getPeerX509Certificate();
    this.#context.journal.record({
      operation: 'connect',
      outcome: refusal,
      details: {
        problem,
        ...(socket?.remoteAddress !== undefined && { address: socket.remoteAddress }),
        ...(certificate && {
          subject: certificate.subject,
          issuer: certificate.issuer,
          thumbprint: certificate.fingerprint256,
        }),
        ...(this.#leftOut > 0 && { leftOutBefore: this.#leftOut }),
      },
    });
    this.#leftOut = 0;
  }
}
