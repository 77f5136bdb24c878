import type { RequestPayload, ResponsePayload } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { Performer } from './performer.js';
import { Turns } from './turns.js';

/** Operations that may come in several parts. KMIP 1.4 §2.1.15 to §2.1.17, since 1.3. */
export type StreamedOperation =
  'Encrypt' | 'Decrypt' | 'Sign' | 'SignatureVerify' | 'MAC' | 'MACVerify' | 'Hash';

/** The fields of any of their answers. */
export type PartAnswer = Partial<
  ResponsePayload<'Encrypt'> &
    ResponsePayload<'SignatureVerify'> &
    ResponsePayload<'Sign'> &
    ResponsePayload<'MAC'>
>;

/** The fields of any of their requests. */
type PartRequest = RequestPayload<'Decrypt'> &
  RequestPayload<'SignatureVerify'> &
  RequestPayload<'MACVerify'>;

const NOTHING = Buffer.alloc(0);

/**
 * A cryptographic operation whose data come in several parts, which the server keeps together by a Correlation Value;
 * KMIP 1.3 and later. Parts are sent one after another, in the order of the calls. A failure ends the operation.
 *
 * ```ts
 * const stream = client.encryptStream(id);
 * for await (const chunk of file) out.write(await stream.update(chunk));
 * const { data, ivCounterNonce } = await stream.final();
 * ```
 */
export class OperationStream<R> {
  readonly #performer: Performer;
  readonly #operation: StreamedOperation;
  readonly #begin: PartRequest;
  readonly #result: (answer: PartAnswer) => R;
  readonly #turns = new Turns();
  #state: 'new' | 'begun' | 'over' = 'new';
  #correlationValue: Buffer | undefined;
  /** What the answers said besides Data. */
  #told: PartAnswer = {};

  /**
   * @param begin what the first part says besides its data
   * @param result what {@link final} returns: made of the last answer's Data and the other fields of all answers
   */
  constructor(
    performer: Performer,
    operation: StreamedOperation,
    begin: PartRequest,
    result: (answer: PartAnswer) => R,
  ) {
    this.#performer = performer;
    this.#operation = operation;
    this.#begin = begin;
    this.#result = result;
  }

  /** Sends a part; returns the output that is ready, which may be empty. @throws KmipError, KmipConnectionError */
  update(data: Buffer): Promise<Buffer> {
    return this.#turns.take(async () => {
      const isFirst = this.#state === 'new';
      const part = isFirst ? { ...this.#begin, initIndicator: true } : this.#continuation();
      const answer = await this.#send({ ...part, data });
      this.#state = 'begun';
      return answer.data ?? NOTHING;
    });
  }

  /** Sends the last part, if there is more data; returns the result. @throws KmipError, KmipConnectionError */
  final(data?: Buffer): Promise<R> {
    return this.#turns.take(async () => {
      const isOnly = this.#state === 'new';
      const part = isOnly ? { ...this.#begin, data: data ?? NOTHING } : { ...this.#continuation(), data };
      const answer = await this.#send(isOnly ? part : { ...part, finalIndicator: true });
      return this.#result({ ...this.#told, data: answer.data });
    });
  }

  async #send(part: PartRequest): Promise<PartAnswer> {
    if (this.#state === 'over') {
      throw new KmipError('InvalidField', `This ${this.#operation} is over; begin another stream.`);
    }
    this.#state = 'over';
    // The fields of an operation are among those of all.
    const answer = (await this.#performer.perform(this.#operation, part)) as PartAnswer;
    this.#correlationValue = answer.correlationValue ?? this.#correlationValue;
    const { data: _output, ...told } = answer;
    this.#told = {
      ...this.#told,
      ...Object.fromEntries(Object.entries(told).filter(([, it]) => it !== undefined)),
    };
    return answer;
  }

  #continuation(): PartRequest {
    const { uniqueIdentifier, cryptographicParameters } = this.#begin;
    return { uniqueIdentifier, cryptographicParameters, correlationValue: this.#correlationValue };
  }
}
