import { findValue, tagValue, takeBuffer } from '../../wire/kmip/index.js';
import type { RequestHeader, RequestMessage, RequestPayload } from '../../wire/kmip/index.js';
import type { KeyKind, KeyTable } from '../objects/key-table.js';
import { UUID_CHARACTERS } from '../objects/key-table.js';
import type { Client } from './identity.js';
import type { StandingRecord } from './request-record.js';

/** Forms of answers kept at once: some for each client software and each kind of keys. Own choice. */
const KEPT_FORMS = 1024;
/** Largest request whose answer is prepared, in bytes: plain Gets are smaller. Own choice. */
const REQUEST_BYTES = 512;
/** Where the Time Stamp is in every response: Response Header and Protocol Version before it have fixed lengths. */
const TIME_STAMP_OFFSET = 64;

/** A plain Get ends with the identifier, padded to a multiple of 8. */
const PADDING_BYTES = 4;
const END_BYTES = UUID_CHARACTERS + PADDING_BYTES;

const GET_PATH = (['RequestMessage', 'BatchItem', 'RequestPayload', 'UniqueIdentifier'] as const).map(
  tagValue,
);
const PAYLOAD = ['ResponseMessage', 'BatchItem', 'ResponsePayload'] as const;
const IDENTIFIER_PATH = [...PAYLOAD, 'UniqueIdentifier' as const].map(tagValue);
const KEY_PATH = [...PAYLOAD, ...(['SymmetricKey', 'KeyBlock', 'KeyValue', 'KeyMaterial'] as const)].map(
  tagValue,
);

/** An answer that can be given now. */
export interface PreparedAnswer {
  /** What the request names. */
  readonly uniqueIdentifier: string;
  /** What is to be recorded. */
  readonly record: StandingRecord;
  /** The response message, for one client to take. */
  readonly bytes: Buffer;
}

/** The answer to a Get of any key of one kind: a response message with room for identifier, key and time. */
class AnswerForm {
  readonly record: StandingRecord;
  /** Without a key. */
  readonly #message: Buffer;
  readonly #identifierOffset: number;
  readonly #keyOffset: number;
  /** The time in {@link #message}, in seconds since 1970. */
  #timeStamp = NaN;

  private constructor(record: StandingRecord, message: Buffer, identifierOffset: number, keyOffset: number) {
    this.record = record;
    this.#message = message;
    this.#identifierOffset = identifierOffset;
    this.#keyOffset = keyOffset;
  }

  /** @returns undefined if it is not the answer to a Get of a key of that kind */
  static of(bytes: Buffer, { keyBytes }: KeyKind, record: () => StandingRecord): AnswerForm | undefined {
    const identifier = findValue(bytes, IDENTIFIER_PATH);
    const key = findValue(bytes, KEY_PATH);
    if (identifier?.length !== UUID_CHARACTERS || key?.length !== keyBytes) return undefined;
    const message = Buffer.from(bytes).fill(0, key.offset, key.offset + key.length);
    return new AnswerForm(record(), message, identifier.offset, key.offset);
  }

  /** The message about a key. @param uuid where the key's identifier stands in the request */
  filled(request: Buffer, uuid: number, keys: KeyTable, key: number, nowSeconds: number): Buffer {
    if (nowSeconds !== this.#timeStamp) {
      this.#message.writeBigInt64BE(BigInt(nowSeconds), TIME_STAMP_OFFSET);
      this.#timeStamp = nowSeconds;
    }
    const message = takeBuffer(this.#message.length);
    message.set(this.#message);
    // So few bytes are copied faster one by one than by Node's own function.
    for (let index = 0; index < UUID_CHARACTERS; index += 1) {
      message[this.#identifierOffset + index] = request[uuid + index] ?? 0;
    }
    keys.copyKey(key, message, this.#keyOffset);
    return message;
  }
}

/** Forms of the answers to requests that are the same but for the identifier. */
interface FormsOfHead {
  /** All of such a request but its identifier. */
  readonly head: Buffer;
  readonly byKind: WeakMap<KeyKind, AnswerForm>;
}

/** Forms of answers to all clients of the same rights. */
class FormsOfRights {
  readonly rights: string;
  readonly #byHead = new Map<string, FormsOfHead>();
  /** Those of the last request: most clients send one head again and again, and bytes are compared faster than looked up. */
  #last: FormsOfHead | undefined;

  constructor(rights: string) {
    this.rights = rights;
  }

  /** The forms for a request. */
  find(request: Buffer): FormsOfHead | undefined {
    if (this.#last && hasHead(request, this.#last.head)) return this.#last;
    const found = this.#byHead.get(headOf(request));
    if (found) this.#last = found;
    return found;
  }

  /** As {@link find}; begins with none if the request is new. */
  findOrBegin(request: Buffer): FormsOfHead {
    const found = this.find(request);
    if (found) return found;
    const head = Buffer.from(request.subarray(0, request.length - END_BYTES));
    const begun: FormsOfHead = { head, byKind: new WeakMap() };
    this.#byHead.set(headOf(request), begun);
    return begun;
  }
}

/**
 * Answers to plain Gets, of keys that are in memory. Beside TLS, most of what a Get costs is reading the request and
 * writing the answer; but the answer about one key is that about another of its kind, except for identifier and key.
 *
 * The first answer is given the long way. Its form is kept if it depends on nothing but the request, the rights of the
 * client and the kind of the key: that to a Get of a key as it is stored, without credentials, time stamp or
 * correlation value.
 */
export class PreparedAnswers {
  /** Those that are not empty, so that clients of the past leave nothing here. */
  readonly #byRights = new Map<string, FormsOfRights>();
  /** A connection has one client for its whole life. */
  #byClient = new WeakMap<Client, FormsOfRights>();
  #count = 0;

  /** The answer to these bytes, if it can be told from what is in memory. @param nowSeconds since 1970 */
  find(request: Buffer, client: Client, keys: KeyTable, nowSeconds: number): PreparedAnswer | undefined {
    if (this.#count === 0) return undefined;
    const uuid = uuidOffsetOf(request);
    if (uuid === undefined) return undefined;
    const forms = this.#formsFor(client).find(request);
    if (!forms) return undefined;
    const key = keys.find(request, uuid);
    const form = key === 0 ? undefined : forms.byKind.get(keys.kindOf(key));
    if (!form) return undefined;
    return {
      uniqueIdentifier: request.toString('latin1', uuid, uuid + UUID_CHARACTERS),
      record: form.record,
      bytes: form.filled(request, uuid, keys, key, nowSeconds),
    };
  }

  /**
   * Keeps the form of an answer, if the request {@link isRepeatable} and the key is in memory.
   *
   * @param given.received the request's bytes
   * @param given.answer the response message
   * @param given.record what is to be recorded each time; called if the form is kept
   */
  keep(
    request: RequestMessage,
    client: Client,
    keys: KeyTable,
    given: { readonly received: Buffer; readonly answer: Buffer; readonly record: () => StandingRecord },
  ): void {
    const { received, answer, record } = given;
    const uuid = uuidOffsetOf(received);
    if (uuid === undefined || !isRepeatable(request)) return;
    // Messages of later versions may end in a field that nobody knows here, and with anything in it.
    if (findValue(received, GET_PATH)?.offset !== uuid) return;
    const key = keys.find(received, uuid);
    if (key === 0) return;
    const kind = keys.kindOf(key);
    // Each new key of a kind comes by here once.
    if (this.#formsFor(client).find(received)?.byKind.has(kind)) return;
    const form = AnswerForm.of(answer, kind, record);
    if (!form) return;
    if (this.#count >= KEPT_FORMS) this.#clear();
    const forms = this.#formsFor(client);
    this.#byRights.set(forms.rights, forms);
    forms.findOrBegin(received).byKind.set(kind, form);
    this.#count += 1;
  }

  #clear(): void {
    this.#byRights.clear();
    this.#byClient = new WeakMap();
    this.#count = 0;
  }

  #formsFor(client: Client): FormsOfRights {
    const known = this.#byClient.get(client);
    if (known) return known;
    const rights = JSON.stringify([client.owner, client.name, client.groups]);
    const forms = this.#byRights.get(rights) ?? new FormsOfRights(rights);
    this.#byClient.set(client, forms);
    return forms;
  }
}

/** Where the identifier stands, if the message ends with one of 36 characters. */
function uuidOffsetOf(request: Buffer): number | undefined {
  const at = request.length - END_BYTES;
  if (at < 0 || request.length > REQUEST_BYTES) return undefined;
  return request.readInt32BE(at + UUID_CHARACTERS) === 0 ? at : undefined;
}

/** Whether a request is that head and an identifier. */
function hasHead(request: Buffer, head: Buffer): boolean {
  if (request.length !== head.length + END_BYTES) return false;
  for (let index = 0; index < head.length; index += 1) if (request[index] !== head[index]) return false;
  return true;
}

/** All of a request but its identifier. */
function headOf(request: Buffer): string {
  return request.toString('latin1', 0, request.length - END_BYTES);
}

/** Fields of a request header with which the answer is the same each time. */
const PLAIN_FIELDS: ReadonlySet<string> = new Set<keyof RequestHeader>([
  'protocolVersion',
  'maximumResponseSize',
  'batchErrorContinuationOption',
  'batchOrderOption',
  'batchCount',
]);

/** Whether nothing but its object decides about the answer. */
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
