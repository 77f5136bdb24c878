import { zeroise } from '../../core/secret.js';
import { DIGEST_WORDS, DigestIndex } from './digest-index.js';

/** Longest key that has room in the table, in bytes: AES-256. Own choice. */
const TABLE_KEY_BYTES = 32;
/** Characters of a UUID (RFC 9562 §4). */
export const UUID_CHARACTERS = 36;

/** Keys whose memory is taken at once. */
const CHUNK_KEYS = 4096;
/** Kinds that 16 bits tell apart. */
const KINDS_LIMIT = 65_536;
/** Longest text of a kind. Own choice; names of owners and policies are shorter. */
const KIND_CHARACTERS = 512;

/** What keys have in common; another one once there was none of its keys. */
export interface KeyKind {
  readonly text: string;
  /** Length of the keys in bytes. */
  readonly keyBytes: number;
}

interface HeldKind extends KeyKind {
  readonly number: number;
  keys: number;
}

/** Memory for {@link CHUNK_KEYS} keys. */
interface Chunk {
  readonly keys: Buffer;
  readonly kinds: Uint16Array;
}

/**
 * Keys by the UUIDs of their objects, and by names, in plain, outside of the heap: some ninety bytes for each, where a
 * decoded object takes kilobytes. Whose key it is, and what may be done with it, is told by its kind, which many keys
 * share.
 *
 * It holds a million keys and more, so that a Get or Locate among many costs what one among few does.
 */
export class KeyTable {
  readonly #limit: number;
  /** Numbers of the keys. */
  readonly #identifiers = new DigestIndex();
  /** Numbers of those that have a name. */
  readonly #names = new DigestIndex();
  readonly #chunks: Chunk[] = [];
  /** Those that there are keys of, by text and length. */
  readonly #kinds = new Map<string, HeldKind>();
  /** The same by their numbers, and places of those that are no more. */
  readonly #kindsByNumber: (HeldKind | undefined)[] = [];
  readonly #freeKinds: number[] = [];
  /** Numbers that were given up. */
  readonly #free: number[] = [];
  /** Numbers that were ever given. */
  #given = 0;
  /** The last key that was displaced. */
  #displaced = 0;
  /** The UUID that is being looked for. */
  readonly #wanted = new Uint32Array(DIGEST_WORDS);
  /** The name that is being looked for. */
  readonly #name = new Uint32Array(DIGEST_WORDS);
  readonly #text = Buffer.alloc(UUID_CHARACTERS);

  /** @param limit keys held at most; 0 holds none */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Keys held now. */
  get size(): number {
    return this.#identifiers.size;
  }

  /** Whether another key would displace one. */
  get isFull(): boolean {
    return this.size >= this.#limit;
  }

  /**
   * Holds a copy of a key, in place of what was held of its object. Only identifiers that are UUIDs in small letters
   * have a place; at the limit another key makes room.
   *
   * @param key up to {@link TABLE_KEY_BYTES}
   * @param name digest of 16 bytes, by which {@link findName} is to find the key; of keys with the same one, the last
   */
  put(uniqueIdentifier: string, kind: string, key: Buffer, name?: Buffer): void {
    this.remove(uniqueIdentifier);
    if (this.#limit === 0 || key.length > TABLE_KEY_BYTES || !this.#want(uniqueIdentifier)) return;
    const held = this.#heldKind(kind, key.length);
    if (!held) return;
    // The kind's only key must not be the one that goes.
    held.keys += 1;
    if (this.isFull) this.#displace();
    const taken = this.#take();
    this.#identifiers.set(this.#wanted, taken);
    if (name) this.#names.set(readDigest(name, this.#name), taken);
    const { chunk, at } = this.#locate(taken);
    chunk.kinds[at] = held.number;
    chunk.keys.set(key, at * TABLE_KEY_BYTES);
  }

  /** Makes room for so many keys with names, as far as the limit goes, so that it need not grow while they are put. */
  reserve(count: number): void {
    const keys = Math.min(count, this.#limit);
    this.#identifiers.reserve(keys);
    this.#names.reserve(keys);
  }

  /** Clears and forgets an object's key, if there is one. */
  remove(uniqueIdentifier: string): void {
    if (this.size === 0 || !this.#want(uniqueIdentifier)) return;
    const key = this.#identifiers.find(this.#wanted);
    if (key !== 0) this.#remove(key);
  }

  /**
   * The number of the key whose UUID stands there as text; 0 if there is none. It is good until the table changes.
   *
   * @param offset of the first of {@link UUID_CHARACTERS} bytes
   */
  find(bytes: Buffer, offset: number): number {
    if (this.size === 0 || !readUuid(bytes, offset, this.#wanted)) return 0;
    return this.#identifiers.find(this.#wanted);
  }

  /** The number of the key of that name; 0 if there is none. It is good until the table changes. @param name as put */
  findName(name: Buffer): number {
    return this.#names.find(readDigest(name, this.#name));
  }

  /** The UUID of a key's object. @param key what {@link find} or {@link findName} found */
  uniqueIdentifierOf(key: number): string {
    return uuidOf(this.#identifiers.digestOf(key));
  }

  /** The kind of a key; the same object for all keys of a kind. @param key what {@link find} or {@link findName} found */
  kindOf(key: number): KeyKind {
    const { chunk, at } = this.#locate(key);
    return this.#kindAt(chunk, at);
  }

  /** Copies a key's bytes, as many as keys of its kind have. @param key what {@link find} found */
  copyKey(key: number, target: Buffer, offset: number): void {
    const { chunk, at } = this.#locate(key);
    const start = at * TABLE_KEY_BYTES;
    const { keyBytes } = this.#kindAt(chunk, at);
    // So few bytes are copied faster one by one than by Node's own function.
    for (let index = 0; index < keyBytes; index += 1) target[offset + index] = chunk.keys[start + index] ?? 0;
  }

  /** Clears and forgets all keys. */
  clear(): void {
    for (const { keys } of this.#chunks) zeroise(keys);
    this.#chunks.length = 0;
    this.#free.length = 0;
    this.#kinds.clear();
    this.#kindsByNumber.length = 0;
    this.#freeKinds.length = 0;
    this.#identifiers.clear();
    this.#names.clear();
    this.#given = 0;
  }

  /** @returns undefined if there are too many, or if it is told by too long a text */
  #heldKind(text: string, keyBytes: number): HeldKind | undefined {
    const name = `${keyBytes} ${text}`;
    const known = this.#kinds.get(name);
    if (known || text.length > KIND_CHARACTERS || this.#kinds.size === KINDS_LIMIT) return known;
    const number = this.#freeKinds.pop() ?? this.#kindsByNumber.length;
    const kind = { text, keyBytes, number, keys: 0 };
    this.#kinds.set(name, kind);
    this.#kindsByNumber[number] = kind;
    return kind;
  }

  #kindAt(chunk: Chunk, at: number): HeldKind {
    const kind = this.#kindsByNumber[chunk.kinds[at] ?? 0];
    if (!kind) throw new RangeError('a key has no kind');
    return kind;
  }

  /** One key of the kind less: what nobody has must not fill the memory. */
  #release(kind: HeldKind): void {
    kind.keys -= 1;
    if (kind.keys > 0) return;
    this.#kinds.delete(`${kind.keyBytes} ${kind.text}`);
    this.#kindsByNumber[kind.number] = undefined;
    this.#freeKinds.push(kind.number);
  }

  /** @returns false if it is no UUID */
  #want(uniqueIdentifier: string): boolean {
    // Other characters would be cut to bytes, and be taken for those of a UUID.
    if (uniqueIdentifier.length !== UUID_CHARACTERS || !ASCII.test(uniqueIdentifier)) return false;
    this.#text.write(uniqueIdentifier, 'latin1');
    return readUuid(this.#text, 0, this.#wanted);
  }

  #locate(key: number): { readonly chunk: Chunk; readonly at: number } {
    const chunk = this.#chunks[Math.floor((key - 1) / CHUNK_KEYS)];
    if (!chunk) throw new RangeError(`there is no key ${key}`);
    return { chunk, at: (key - 1) % CHUNK_KEYS };
  }

  /** A number for a new key, and memory for it. */
  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#given === this.#chunks.length * CHUNK_KEYS) {
      this.#chunks.push({
        keys: Buffer.alloc(CHUNK_KEYS * TABLE_KEY_BYTES),
        kinds: new Uint16Array(CHUNK_KEYS),
      });
    }
    this.#given += 1;
    return this.#given;
  }

  /** Removes the key that is in turn: at the limit all numbers that were given are in use. */
  #displace(): void {
    this.#displaced = (this.#displaced % this.#given) + 1;
    this.#remove(this.#displaced);
  }

  #remove(key: number): void {
    const { chunk, at } = this.#locate(key);
    chunk.keys.fill(0, at * TABLE_KEY_BYTES, (at + 1) * TABLE_KEY_BYTES);
    this.#release(this.#kindAt(chunk, at));
    this.#identifiers.remove(key);
    this.#names.remove(key);
    this.#free.push(key);
  }
}

/** Where a UUID has its dashes, and where its digits. */
const DASHES_AT = [8, 13, 18, 23];
const DIGITS_AT = Uint8Array.from(
  Array.from({ length: UUID_CHARACTERS }, (_, at) => at).filter((at) => !DASHES_AT.includes(at)),
);
const ASCII = /^[\x20-\x7e]*$/;
const DASH = 0x2d;
const NO_DIGIT = 0xff;
const DIGITS = new Uint8Array(256).fill(NO_DIGIT);
for (const [value, character] of Buffer.from('0123456789abcdef').entries()) DIGITS[character] = value;

/** @returns false if what stands there is no UUID in small letters, or not all there */
function readUuid(bytes: Buffer, offset: number, words: Uint32Array): boolean {
  for (const at of DASHES_AT) if (bytes[offset + at] !== DASH) return false;
  for (let word = 0; word < DIGEST_WORDS; word += 1) {
    let value = 0;
    for (let index = 8 * word; index < 8 * word + 8; index += 1) {
      const digit = DIGITS[bytes[offset + (DIGITS_AT[index] ?? 0)] ?? 0] ?? NO_DIGIT;
      if (digit === NO_DIGIT) return false;
      value = (value << 4) | digit;
    }
    words[word] = value;
  }
  return true;
}

const uuidBytes = Buffer.alloc(4 * DIGEST_WORDS);

/** The text of a UUID. */
function uuidOf(words: Uint32Array): string {
  for (let word = 0; word < DIGEST_WORDS; word += 1) uuidBytes.writeUInt32BE(words[word] ?? 0, 4 * word);
  const digits = uuidBytes.toString('hex');
  return `${digits.slice(0, 8)}-${digits.slice(8, 12)}-${digits.slice(12, 16)}-${digits.slice(16, 20)}-${digits.slice(20)}`;
}

function readDigest(digest: Buffer, words: Uint32Array): Uint32Array {
  for (let word = 0; word < DIGEST_WORDS; word += 1) words[word] = digest.readUInt32BE(4 * word);
  return words;
}
