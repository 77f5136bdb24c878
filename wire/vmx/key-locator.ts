import { decodeBase64, parseCryptoDict, unescapePercent, writeCryptoDict } from './crypto-dict.js';
import { VmFormatError } from './errors.js';
import { isMacName } from './sealed-blob.js';
import type { MacName } from './sealed-blob.js';

/** What every key locator starts with. */
export const KEY_LOCATOR_PREFIX = 'vmware:key/';

/** How an absent part of an `fqid` locator is written. */
export const VMWARE_NULL = '<VMWARE-NULL>';

/** Longest key locator accepted, in characters (own choice). */
export const KEY_LOCATOR_MAX_CHARACTERS = 65_536;

const MAX_DEPTH = 4;
const MAX_MEMBERS = 64;
const MAX_ROUNDS = 10_000_000;

/** `null`: no key. */
export interface NullLocator {
  type: 'null';
}

/** `rawkey/<dict>`: the key itself, unprotected; the dictionary as text. */
export interface RawKeyLocator {
  type: 'rawkey';
  dict: string;
}

/** `phrase/<id>/<dict>`: a key derived from a pass phrase. */
export interface PhraseLocator {
  type: 'phrase';
  id: Buffer;
  pass2key: 'PBKDF2-HMAC-SHA-1' | 'PBKDF2-HMAC-SHA-256';
  cipher: 'AES-128' | 'AES-192' | 'AES-256';
  rounds: number;
  salt: Buffer;
}

/** `fqid/<VMWARE-NULL>/<provider>/<keyId>`: a key of a key provider. */
export interface FqidLocator {
  type: 'fqid';
  /** Always absent in files of ESXi. */
  scope?: string;
  provider?: string;
  keyId: string;
}

/** `pair/(<locator>,<MAC>,<blob>)`: a dictionary sealed under the key that the locator names. */
export interface PairLocator {
  type: 'pair';
  locator: NullLocator | RawKeyLocator | PhraseLocator | FqidLocator;
  mac: MacName;
  blob: Buffer;
}

/** `list/(…)`: alternatives. */
export interface ListLocator {
  type: 'list';
  members: readonly KeyLocator[];
}

/** Where a key is to be had, as `.vmx` files and disk descriptors say it. */
export type KeyLocator =
  NullLocator | RawKeyLocator | PhraseLocator | FqidLocator | PairLocator | ListLocator;

const PASS2KEY_NAMES = ['PBKDF2-HMAC-SHA-1', 'PBKDF2-HMAC-SHA-256'] as const;
const PHRASE_CIPHERS = ['AES-128', 'AES-192', 'AES-256'] as const;

/** A locator as text, with the `vmware:key/` prefix. */
export function writeKeyLocator(locator: KeyLocator): string {
  return KEY_LOCATOR_PREFIX + write(locator);
}

/**
 * Reads a locator with its `vmware:key/` prefix.
 * @throws {VmFormatError} `key_locator_invalid` for anything outside the grammar or its bounds
 */
export function parseKeyLocator(text: string): KeyLocator {
  if (text.length > KEY_LOCATOR_MAX_CHARACTERS) {
    throw invalid(`a key locator may have at most ${KEY_LOCATOR_MAX_CHARACTERS} characters`);
  }
  if (!text.startsWith(KEY_LOCATOR_PREFIX)) throw invalid(`a key locator starts with ${KEY_LOCATOR_PREFIX}`);
  const reader = new LocatorReader(text, KEY_LOCATOR_PREFIX.length);
  const locator = reader.locator(0);
  reader.end();
  return locator;
}

/** Every byte of a value that is not a letter or digit becomes lower-case `%xx`. */
export function escapeLocatorValue(value: string): string {
  return value.replace(/[^A-Za-z0-9]/gu, (character) =>
    Array.from(Buffer.from(character, 'utf8'), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}

function write(locator: KeyLocator): string {
  switch (locator.type) {
    case 'null':
      return 'null';
    case 'rawkey':
      return `rawkey/${escapeLocatorValue(locator.dict)}`;
    case 'phrase': {
      const dict = writeCryptoDict({
        pass2key: locator.pass2key,
        cipher: locator.cipher,
        rounds: String(locator.rounds),
        salt: locator.salt.toString('base64'),
      });
      return `phrase/${escapeLocatorValue(locator.id.toString('base64'))}/${escapeLocatorValue(dict)}`;
    }
    case 'fqid':
      return `fqid/${[locator.scope, locator.provider, locator.keyId].map(writeFqidPart).join('/')}`;
    case 'pair':
      return `pair/(${write(locator.locator)},${escapeLocatorValue(locator.mac)},${escapeLocatorValue(locator.blob.toString('base64'))})`;
    case 'list':
      return `list/(${locator.members.map(write).join(',')})`;
  }
}

function writeFqidPart(part: string | undefined): string {
  return part === undefined ? VMWARE_NULL : escapeLocatorValue(part);
}

/** Recursive descent over one text; depth and member counts are bounded. */
class LocatorReader {
  readonly #text: string;
  #position: number;

  constructor(text: string, position: number) {
    this.#text = text;
    this.#position = position;
  }

  locator(depth: number): KeyLocator {
    if (depth > MAX_DEPTH) throw invalid(`key locators nest at most ${MAX_DEPTH} deep`);
    const type = this.#token();
    switch (type) {
      case 'null':
        return { type };
      case 'rawkey':
        this.#expect('/');
        return { type, dict: this.#value() };
      case 'phrase':
        this.#expect('/');
        return this.#phrase();
      case 'fqid':
        return this.#fqid();
      case 'pair':
        this.#expect('/');
        return this.#pair(depth);
      case 'list':
        this.#expect('/');
        return this.#list(depth);
      default:
        throw invalid(`unknown kind of key locator ${JSON.stringify(type.slice(0, 20))}`);
    }
  }

  end(): void {
    if (this.#position !== this.#text.length) throw invalid('text after the end of the key locator');
  }

  #phrase(): PhraseLocator {
    const id = decodeBase64(this.#value(), 'key_locator_invalid');
    this.#expect('/');
    const dict = parseCryptoDict(this.#value());
    const pass2key = PASS2KEY_NAMES.find((name) => name === dict.get('pass2key'));
    const cipher = PHRASE_CIPHERS.find((name) => name === dict.get('cipher'));
    const rounds = Number(/^[1-9][0-9]{0,7}$/.exec(dict.get('rounds') ?? '')?.[0] ?? Number.NaN);
    if (pass2key === undefined || cipher === undefined || !(rounds <= MAX_ROUNDS)) {
      throw invalid(`a phrase names pass2key, cipher, and rounds from 1 to ${MAX_ROUNDS}`);
    }
    return {
      type: 'phrase',
      id,
      pass2key,
      cipher,
      rounds,
      salt: decodeBase64(dict.get('salt') ?? '', 'key_locator_invalid'),
    };
  }

  #fqid(): FqidLocator {
    const [scope, provider, keyId] = [this.#fqidPart(), this.#fqidPart(), this.#fqidPart()];
    if (keyId === undefined) throw invalid('an fqid locator ends with a key id');
    return {
      type: 'fqid',
      ...(scope === undefined ? {} : { scope }),
      ...(provider === undefined ? {} : { provider }),
      keyId,
    };
  }

  #fqidPart(): string | undefined {
    this.#expect('/');
    if (!this.#text.startsWith(VMWARE_NULL, this.#position)) return this.#value();
    this.#position += VMWARE_NULL.length;
    return undefined;
  }

  #pair(depth: number): PairLocator {
    this.#expect('(');
    const locator = this.locator(depth + 1);
    if (locator.type === 'pair' || locator.type === 'list') {
      throw invalid('the first part of a pair names one key: null, rawkey, phrase or fqid');
    }
    this.#expect(',');
    const mac = this.#value();
    if (!isMacName(mac)) throw invalid(`unknown MAC ${JSON.stringify(mac.slice(0, 20))} in a pair`);
    this.#expect(',');
    const blob = decodeBase64(this.#value(), 'key_locator_invalid');
    this.#expect(')');
    return { type: 'pair', locator, mac, blob };
  }

  #list(depth: number): ListLocator {
    const members: KeyLocator[] = [];
    this.#expect('(');
    do {
      if (members.length === MAX_MEMBERS) throw invalid(`a list has at most ${MAX_MEMBERS} members`);
      members.push(this.locator(depth + 1));
    } while (this.#skip(','));
    this.#expect(')');
    return { type: 'list', members };
  }

  /** Letters, digits and `%`: all that an escaped value or a type can hold. */
  #token(): string {
    const start = this.#position;
    while (isValueCharacter(this.#text.charCodeAt(this.#position))) this.#position += 1;
    return this.#text.slice(start, this.#position);
  }

  #value(): string {
    return unescapePercent(this.#token(), 'key_locator_invalid');
  }

  #skip(character: string): boolean {
    if (this.#text[this.#position] !== character) return false;
    this.#position += 1;
    return true;
  }

  #expect(character: string): void {
    if (this.#skip(character)) return;
    throw invalid(`expected ${JSON.stringify(character)} at character ${this.#position} of the key locator`);
  }
}

function isValueCharacter(code: number): boolean {
  return (
    (code >= 0x30 && code <= 0x39) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x61 && code <= 0x7a) ||
    code === 0x25
  );
}

function invalid(message: string): VmFormatError {
  return new VmFormatError('key_locator_invalid', message);
}
