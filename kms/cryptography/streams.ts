import type { Clock } from '../../core/clock.js';
import type { Rng } from '../../core/rng.js';
import type { OperationName } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import { Refusal } from '../refusals.js';

const CORRELATION_VALUE_BYTES = 16;
const SWEEP_MS = 10_000;

/** A computation whose input may come in several requests. */
export interface Stream<C = unknown> {
  readonly owner: string;
  readonly operation: OperationName;
  /** The key; undefined for operations without one. */
  readonly uniqueIdentifier: string | undefined;
  readonly computation: C;
}

/** A stream that is kept for further parts. */
export interface OpenStream<C = unknown> extends Stream<C> {
  /** What the client names it by (KMIP 1.4 §2.1.15). */
  readonly correlationValue: Buffer;
}

interface Entry {
  readonly stream: OpenStream;
  readonly usedMs: number;
}

/**
 * The multi-part operations under way. They are kept in memory, as many as the limits allow, and forgotten when nobody
 * has sent a part for `limits.streamSeconds`; a restart forgets all.
 */
export class Streams {
  readonly #limits: KmsConfig['limits'];
  readonly #clock: Clock;
  readonly #rng: Rng;
  /** By correlation value in hex, the one used longest ago first. */
  readonly #entries = new Map<string, Entry>();
  #sweep: NodeJS.Timeout | undefined;

  constructor(limits: KmsConfig['limits'], { clock, rng }: { readonly clock: Clock; readonly rng: Rng }) {
    this.#limits = limits;
    this.#clock = clock;
    this.#rng = rng;
  }

  /** Streams under way. */
  get size(): number {
    return this.#entries.size;
  }

  /** Keeps a stream for further parts. @throws Refusal `tooManyStreams` */
  open<C>(begun: Stream<C>): OpenStream<C> {
    this.#forgetOld();
    const { streams, streamsPerOwner } = this.#limits;
    let own = 0;
    for (const { stream } of this.#entries.values()) own += Number(stream.owner === begun.owner);
    if (this.#entries.size >= streams || own >= streamsPerOwner) {
      throw new Refusal(
        'tooManyStreams',
        'As many multi-part operations are under way as this server keeps. End some, or wait until they expire.',
      );
    }
    const stream = { ...begun, correlationValue: this.#rng.bytes(CORRELATION_VALUE_BYTES) };
    this.#entries.set(keyOf(stream.correlationValue), { stream, usedMs: this.#clock.now() });
    this.#sweep ??= setInterval(() => this.#forgetOld(), SWEEP_MS).unref();
    return stream;
  }

  /**
   * The stream that a request continues.
   *
   * @throws Refusal `correlationUnknown`, also for streams of other owners and other operations
   */
  find(correlationValue: Buffer, owner: string, operation: OperationName): OpenStream {
    this.#forgetOld();
    const stream = this.#entries.get(keyOf(correlationValue))?.stream;
    if (stream?.owner === owner && stream.operation === operation) return stream;
    throw unknown(operation);
  }

  /** Notes that a stream that was found is used. @throws Refusal `correlationUnknown` if it was closed meanwhile */
  use(stream: OpenStream): void {
    const key = keyOf(stream.correlationValue);
    if (!this.#entries.delete(key)) throw unknown(stream.operation);
    this.#entries.set(key, { stream, usedMs: this.#clock.now() });
  }

  /** Forgets a stream. */
  close({ correlationValue }: OpenStream): void {
    this.#entries.delete(keyOf(correlationValue));
    if (this.#entries.size > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }

  /** Forgets all streams. */
  closeAll(): void {
    for (const { stream } of [...this.#entries.values()]) this.close(stream);
  }

  #forgetOld(): void {
    const oldest = this.#clock.now() - this.#limits.streamSeconds * 1000;
    for (const { stream, usedMs } of this.#entries.values()) {
      if (usedMs > oldest) return;
      this.close(stream);
    }
  }
}

function unknown(operation: OperationName): Refusal {
  return new Refusal(
    'correlationUnknown',
    `No ${operation} with this Correlation Value is under way. Begin a new one with Init Indicator.`,
  );
}

function keyOf(correlationValue: Buffer): string {
  return correlationValue.toString('hex');
}
