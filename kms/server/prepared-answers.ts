import { zeroise } from '../../core/secret.js';
import { takeBuffer } from '../../wire/kmip/index.js';
import type { RequestHeader, RequestMessage, RequestPayload } from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { Client } from './identity.js';
import type { StandingRecord } from './request-record.js';

/** Answers kept at once. Own choice. */
const KEPT_ANSWERS = 4096;
/** Largest answer that is kept, in bytes: those about keys take a kilobyte or two. Own choice. */
const ANSWER_BYTES = 8192;
/** Largest request whose answer is kept, in bytes: Gets are smaller. Own choice. */
const REQUEST_BYTES = 512;
/** Where the Time Stamp is in every response: Response Header and Protocol Version before it have fixed lengths. */
const TIME_STAMP_OFFSET = 64;

/** An answer to a Get that can be given again as it is, but for its time. */
export class PreparedAnswer {
  readonly object: ManagedObject;
  /** What is recorded each time. */
  readonly record: StandingRecord;
  /** The response message; it holds the key. */
  readonly bytes: Buffer;
  /** The time in {@link bytes}, in seconds since 1970. */
  #timeStamp = NaN;

  /** @param answer its bytes are copied */
  constructor(answer: Pick<PreparedAnswer, 'object' | 'record' | 'bytes'>) {
    this.object = answer.object;
    this.record = answer.record;
    this.bytes = Buffer.from(answer.bytes);
  }

  /** A copy of the message with the time of now, for one client to take. @param nowSeconds since 1970 */
  messageAt(nowSeconds: number): Buffer {
    const { bytes } = this;
    if (nowSeconds !== this.#timeStamp) {
      bytes.writeBigInt64BE(BigInt(nowSeconds), TIME_STAMP_OFFSET);
      this.#timeStamp = nowSeconds;
    }
    const room = takeBuffer();
    const message = bytes.length <= room.length ? room.subarray(0, bytes.length) : Buffer.alloc(bytes.length);
    message.set(bytes);
    return message;
  }
}

/** Answers to all clients of the same rights. */
interface AnswersOfRights {
  readonly rights: string;
  /** By the bytes of the request, as a Latin-1 text. */
  readonly byRequest: Map<string, PreparedAnswer>;
}

interface Place {
  readonly answers: AnswersOfRights;
  readonly key: string;
}

/**
 * Answers that were given before: to the same bytes, from a client of the same rights, for an object that has not
 * changed since. Beside TLS, most of what a Get costs is reading the request and writing the answer.
 *
 * An answer is kept that depends on nothing but the request and its object: that to a Get of an object as it is stored,
 * without credentials, time stamp or correlation value. It is cleared and forgotten as soon as its object leaves the
 * memory of the server or changes.
 */
export class PreparedAnswers {
  /** Those that are not empty, so that clients of the past leave nothing here. */
  readonly #byRights = new Map<string, AnswersOfRights>();
  /** A connection has one client for its whole life. */
  readonly #byClient = new WeakMap<Client, AnswersOfRights>();
  /** Where the answers about an object are. */
  readonly #places = new Map<ManagedObject, Place[]>();
  /** Walks over the oldest first; a new walk would first pass over the places of all that went before. */
  #oldest = this.#places.keys();
  #count = 0;

  /** The answer to these bytes; undefined if none is kept. */
  find(request: Buffer, client: Client): PreparedAnswer | undefined {
    if (this.#count === 0 || request.length > REQUEST_BYTES) return undefined;
    return this.#answersFor(client).byRequest.get(request.toString('latin1'));
  }

  /** Keeps the answer to a request that was received, if it {@link isRepeatable}. */
  keep(
    received: Buffer,
    client: Client,
    request: RequestMessage,
    answer: Pick<PreparedAnswer, 'object' | 'record' | 'bytes'>,
  ): void {
    if (received.length > REQUEST_BYTES || answer.bytes.length > ANSWER_BYTES || !isRepeatable(request))
      return;
    const answers = this.#answersFor(client);
    const key = received.toString('latin1');
    if (answers.byRequest.has(key)) return;
    if (this.#count >= KEPT_ANSWERS) this.#forgetOldest();
    const kept = new PreparedAnswer(answer);
    answers.byRequest.set(key, kept);
    this.#byRights.set(answers.rights, answers);
    this.#count += 1;
    const place = { answers, key };
    const places = this.#places.get(kept.object);
    if (places) places.push(place);
    else this.#places.set(kept.object, [place]);
  }

  /** Clears and forgets all answers about an object: it changed, or is out of memory. */
  forget(object: ManagedObject): void {
    for (const { answers, key } of this.#places.get(object) ?? []) {
      zeroise(answers.byRequest.get(key)?.bytes);
      answers.byRequest.delete(key);
      this.#count -= 1;
      if (answers.byRequest.size === 0) this.#byRights.delete(answers.rights);
    }
    this.#places.delete(object);
  }

  /** Clears and forgets everything. */
  clear(): void {
    for (const object of [...this.#places.keys()]) this.forget(object);
  }

  #forgetOldest(): void {
    let { value: oldest } = this.#oldest.next();
    if (!oldest) {
      this.#oldest = this.#places.keys();
      ({ value: oldest } = this.#oldest.next());
    }
    if (oldest) this.forget(oldest);
  }

  #answersFor(client: Client): AnswersOfRights {
    const known = this.#byClient.get(client);
    if (known) return known;
    const rights = JSON.stringify([client.owner, client.name, client.groups]);
    const answers = this.#byRights.get(rights) ?? { rights, byRequest: new Map<string, PreparedAnswer>() };
    this.#byClient.set(client, answers);
    return answers;
  }
}

/** Fields of a request header with which the answer is the same each time. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set<keyof RequestHeader>([
  'protocolVersion',
  'maximumResponseSize',
  'batchErrorContinuationOption',
  'batchOrderOption',
  'batchCount',
]);

/** Whether nothing but the object decides about the answer. */
function isRepeatable({ header, batchItems }: RequestMessage): boolean {
  const [item, ...others] = batchItems;
  if (item?.operation !== 'Get' || others.length > 0) return false;
  if (Object.entries(header).some(([field, value]) => value !== undefined && !PLAIN_FIELDS.has(field))) {
    return false;
  }
  if (item.ephemeral !== undefined || item.messageExtensions !== undefined) return false;
  const { uniqueIdentifier, ...form } = item.requestPayload as RequestPayload<'Get'>;
  return typeof uniqueIdentifier === 'string' && Object.values(form).every((value) => value === undefined);
}
