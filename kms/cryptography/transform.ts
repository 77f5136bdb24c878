import { zeroise } from '../../core/secret.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';

/** A computation from bytes to bytes that takes its input in parts. */
export interface Transform {
  /** Takes a part of the input and returns the output that is ready, often none. @throws KmipError */
  update(part: Buffer): Buffer;
  /** Ends the input and returns the rest of the output. @throws KmipError `CryptographicFailure` */
  final(): Buffer;
}

/** No bytes. */
export const NOTHING = Buffer.alloc(0);

/** Input of at most `limitBytes` kept until its end, for algorithms that need all of it at once. */
export class Collector {
  readonly #limitBytes: number;
  #parts: Buffer[] = [];
  #heldBytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes kept now. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Keeps a copy of a part. @throws Refusal `streamTooLong` */
  add(part: Buffer): void {
    if (this.#heldBytes + part.length > this.#limitBytes) {
      this.clear();
      throw new Refusal(
        'streamTooLong',
        `This algorithm needs its whole input at once, and more than ${this.#limitBytes} bytes are not kept. Use another mode, or less data.`,
      );
    }
    this.#parts.push(Buffer.from(part));
    this.#heldBytes += part.length;
  }

  /** All parts in a row, to `use`; cleared afterwards. */
  consume<T>(use: (whole: Buffer) => T): T {
    const whole = Buffer.concat(this.#parts);
    this.clear();
    try {
      return use(whole);
    } finally {
      zeroise(whole);
    }
  }

  /** Clears what is kept. */
  clear(): void {
    zeroise(...this.#parts);
    this.#parts = [];
    this.#heldBytes = 0;
  }
}

/** A transform that computes nothing before it has all of its input. */
export function collecting(limitBytes: number, compute: (whole: Buffer) => Buffer): Transform {
  const collector = new Collector(limitBytes);
  return {
    update(part) {
      collector.add(part);
      return NOTHING;
    },
    final: () => collector.consume(compute),
  };
}

/** Runs a transform over data that is there as a whole. @throws KmipError as the transform does */
export function runWhole(transform: Transform, data: Buffer): Buffer {
  const begin = transform.update(data);
  return joined(begin, transform.final());
}

/** Pieces of an output in one buffer; the pieces are cleared. */
export function joined(...pieces: readonly Buffer[]): Buffer {
  const [only = NOTHING, ...more] = pieces.filter(({ length }) => length > 0);
  if (more.length === 0) return only;
  const whole = Buffer.concat([only, ...more]);
  zeroise(only, ...more);
  return whole;
}

/**
 * Runs cryptography of the library. Whatever it says about its input becomes one and the same refusal: neither the
 * data nor what exactly is wrong with it is told.
 *
 * @throws KmipError `CryptographicFailure`
 */
export function guarded<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof KmipError) throw error;
    throw new KmipError(
      'CryptographicFailure',
      `${what} failed; check the data, the key and the parameters.`,
    );
  }
}
