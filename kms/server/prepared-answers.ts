import { zeroise } from '../../core/secret.js';
import { takeBuffer } from '../../wire/kmip/index.js';
import type {
  ProtocolVersionName,
  RequestHeader,
  RequestMessage,
  RequestPayload,
  ResponseBatchItem,
} from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { Client } from './identity.js';

/** Answers kept at once; an answer takes a kilobyte or two. Own choice. */
const KEPT_ANSWERS = 4096;
/** Largest request whose answer is kept, in bytes: Gets are smaller. Own choice. */
const REQUEST_BYTES = 512;
/** Where the Time Stamp is in every response: Response Header and Protocol Version before it have fixed lengths. */
const TIME_STAMP_OFFSET = 64;

/** An answer to a Get that can be given again as it is, but for its time. */
export interface PreparedAnswer {
  readonly object: ManagedObject;
  readonly version: ProtocolVersionName;
  /** What is journaled each time. */
  readonly request: RequestMessage;
  readonly item: ResponseBatchItem;
  /** The response message; it holds the key. */
  readonly bytes: Buffer;
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
  readonly #byRequest = new Map<string, PreparedAnswer>();
  readonly #requests = new Map<ManagedObject, string[]>();
  /** Who a client is, as text; a connection has one client for its whole life. */
  readonly #names = new WeakMap<Client, string>();

  /** The answer to these bytes; undefined if none is kept. */
  find(request: Buffer, client: Client): PreparedAnswer | undefined {
    if (this.#byRequest.size === 0 || request.length > REQUEST_BYTES) return undefined;
    return this.#byRequest.get(this.#keyOf(request, client));
  }

  /** Keeps an answer, if it {@link isRepeatable}. @param answer its bytes are copied */
  keep(received: Buffer, client: Client, answer: PreparedAnswer): void {
    if (received.length > REQUEST_BYTES || !isRepeatable(answer.request)) return;
    const key = this.#keyOf(received, client);
    if (this.#byRequest.has(key)) return;
    if (this.#byRequest.size >= KEPT_ANSWERS) this.#forgetOldest();
    this.#byRequest.set(key, { ...answer, bytes: Buffer.from(answer.bytes) });
    const keys = this.#requests.get(answer.object);
    if (keys) keys.push(key);
    else this.#requests.set(answer.object, [key]);
  }

  /** Clears and forgets all answers about an object: it changed, or is out of memory. */
  forget(object: ManagedObject): void {
    for (const key of this.#requests.get(object) ?? []) this.#remove(key);
    this.#requests.delete(object);
  }

  /** Clears and forgets everything. */
  clear(): void {
    for (const key of [...this.#byRequest.keys()]) this.#remove(key);
    this.#requests.clear();
  }

  #forgetOldest(): void {
    const [oldest] = this.#byRequest.values();
    if (oldest) this.forget(oldest.object);
  }

  #remove(key: string): void {
    zeroise(this.#byRequest.get(key)?.bytes);
    this.#byRequest.delete(key);
  }

  #keyOf(request: Buffer, client: Client): string {
    let name = this.#names.get(client);
    if (name === undefined) {
      name = JSON.stringify([client.owner, client.name, client.groups]);
      this.#names.set(client, name);
    }
    return name + request.toString('latin1');
  }
}

/** A copy of the answer's message with the time of now, for one client to take. @param nowSeconds since 1970 */
export function messageAt({ bytes }: PreparedAnswer, nowSeconds: number): Buffer {
  const room = takeBuffer();
  const message = bytes.length <= room.length ? room.subarray(0, bytes.length) : Buffer.alloc(bytes.length);
  bytes.copy(message);
  message.writeBigInt64BE(BigInt(nowSeconds), TIME_STAMP_OFFSET);
  return message;
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
