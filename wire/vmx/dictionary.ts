import { VmFormatError } from './errors.js';
import { decodeText, encodeText, knownEncoding } from './text-encoding.js';

/** Largest `.vmx` file accepted, in bytes (own choice; real ones are a few kB). */
export const VMX_MAX_BYTES = 1024 * 1024;

/** Most lines accepted in a `.vmx` file (own choice). */
export const VMX_MAX_LINES = 16_384;

const KEY_PATTERN = /^[.A-Za-z0-9_][A-Za-z0-9_.:*/-]{0,254}$/;
const ENCODING_KEY = '.encoding';

interface DictionaryLine {
  /** The line as it stands in the file, without its line end. */
  raw: string;
  entry?: { key: string; value: string };
}

/**
 * A `.vmx` file: an ordered dictionary of `key = "value"` lines. Keys ignore case; comments, order, spelling
 * and line ends of untouched lines are kept, so that parsing and writing gives back the same bytes.
 * Quotes, bars and control characters in values are written as `|22`, `|7C`, `|0A`.
 */
export class VmxDictionary {
  readonly #lines: DictionaryLine[];
  readonly #index = new Map<string, DictionaryLine>();
  #lineEnd: string;
  #encoding: string;
  /** Whether the file ends with a line end. */
  #terminated: boolean;

  private constructor(lines: DictionaryLine[], encoding: string, lineEnd: string, terminated: boolean) {
    this.#lines = lines;
    this.#encoding = encoding;
    this.#lineEnd = lineEnd;
    this.#terminated = terminated;
    for (const line of lines) if (line.entry) this.#index.set(line.entry.key.toLowerCase(), line);
  }

  /** A new dictionary in UTF-8 with the given entries in their order. */
  static of(entries: Readonly<Record<string, string>> = {}): VmxDictionary {
    const dictionary = new VmxDictionary([], 'utf-8', '\n', true);
    dictionary.set(ENCODING_KEY, 'UTF-8');
    for (const [key, value] of Object.entries(entries)) dictionary.set(key, value);
    return dictionary;
  }

  /**
   * Reads a `.vmx` file.
   * @throws {VmFormatError} `vmx_invalid` naming the line: a bad line, a key defined twice, too large a file
   */
  static parse(bytes: Buffer): VmxDictionary {
    if (bytes.length > VMX_MAX_BYTES) {
      throw new VmFormatError('vmx_invalid', `a .vmx file may have at most ${VMX_MAX_BYTES} bytes`);
    }
    const encoding = declaredEncoding(bytes);
    const text = decodeText(bytes, encoding, 'vmx_invalid');
    const terminated = text.endsWith('\n');
    const rawLines = (terminated ? text.slice(0, -1) : text).split('\n');
    if (rawLines.length > VMX_MAX_LINES) {
      throw new VmFormatError('vmx_invalid', `a .vmx file may have at most ${VMX_MAX_LINES} lines`);
    }
    const lineEnd = rawLines[0]?.endsWith('\r') === true ? '\r\n' : '\n';
    const lineOfKey = new Map<string, number>();
    const lines = rawLines.map((raw, index) => {
      const number = index + 1;
      const entry = parseLine(raw, number);
      if (!entry) return { raw };
      const key = entry.key.toLowerCase();
      const earlier = lineOfKey.get(key);
      if (earlier !== undefined) {
        throw new VmFormatError(
          'vmx_invalid',
          `${entry.key} is defined on line ${earlier} already; remove one of the two`,
          number,
        );
      }
      lineOfKey.set(key, number);
      return { raw, entry };
    });
    return new VmxDictionary(lines, encoding, lineEnd, terminated);
  }

  /** The value of a key, whatever its case. */
  get(key: string): string | undefined {
    return this.#index.get(key.toLowerCase())?.entry?.value;
  }

  /** Whether the key is there. */
  has(key: string): boolean {
    return this.#index.has(key.toLowerCase());
  }

  /**
   * Sets a value: in the place where the key stands, or at the end.
   * @throws {VmFormatError} `vmx_invalid` for a key that a `.vmx` file cannot hold
   */
  set(key: string, value: string): this {
    if (!KEY_PATTERN.test(key)) {
      throw new VmFormatError('vmx_invalid', `${JSON.stringify(key.slice(0, 60))} cannot be a .vmx key`);
    }
    const existing = this.#index.get(key.toLowerCase());
    if (key.toLowerCase() === ENCODING_KEY) this.#encoding = knownEncoding(value, 'vmx_invalid');
    const carriageReturn = this.#lineEnd === '\r\n' ? '\r' : '';
    if (existing?.entry) {
      if (existing.entry.value === value) return this;
      existing.entry.value = value;
      existing.raw = writeLine(existing.entry.key, value) + carriageReturn;
      return this;
    }
    const line: DictionaryLine = { raw: writeLine(key, value) + carriageReturn, entry: { key, value } };
    this.#lines.push(line);
    this.#index.set(key.toLowerCase(), line);
    this.#terminated = true;
    return this;
  }

  /** Removes a key; says whether it was there. */
  delete(key: string): boolean {
    const line = this.#index.get(key.toLowerCase());
    if (!line) return false;
    this.#index.delete(key.toLowerCase());
    this.#lines.splice(this.#lines.indexOf(line), 1);
    return true;
  }

  /** Entries in the order of the file, keys as they are spelled there. */
  *entries(): IterableIterator<readonly [key: string, value: string]> {
    for (const { entry } of this.#lines) if (entry) yield [entry.key, entry.value];
  }

  /** An independent copy. */
  clone(): VmxDictionary {
    const lines = this.#lines.map(({ raw, entry }) => (entry ? { raw, entry: { ...entry } } : { raw }));
    return new VmxDictionary(lines, this.#encoding, this.#lineEnd, this.#terminated);
  }

  /**
   * The file, in the encoding that it declares.
   * @throws {VmFormatError} `vmx_invalid` where a value does not fit that encoding
   */
  toBytes(): Buffer {
    const text = this.#lines.map(({ raw }) => raw).join('\n') + (this.#terminated ? '\n' : '');
    return encodeText(text, this.#encoding, 'vmx_invalid');
  }
}

/** The encoding line is ASCII in every encoding accepted, so it can be found before anything is decoded. */
function declaredEncoding(bytes: Buffer): string {
  const lines = bytes.toString('latin1').split('\n', VMX_MAX_LINES);
  for (const [index, raw] of lines.entries()) {
    if (!raw.trimStart().toLowerCase().startsWith(ENCODING_KEY)) continue;
    const entry = parseLine(raw, index + 1);
    if (entry?.key.toLowerCase() === ENCODING_KEY)
      return knownEncoding(entry.value, 'vmx_invalid', index + 1);
  }
  return 'utf-8';
}

function parseLine(raw: string, line: number): { key: string; value: string } | undefined {
  const text = raw.trim();
  if (text === '' || text.startsWith('#')) return undefined;
  const equals = text.indexOf('=');
  if (equals < 0) throw new VmFormatError('vmx_invalid', 'expected key = "value"', line);
  const key = text.slice(0, equals).trim();
  if (!KEY_PATTERN.test(key)) {
    throw new VmFormatError('vmx_invalid', `${JSON.stringify(key.slice(0, 60))} cannot be a .vmx key`, line);
  }
  const written = text.slice(equals + 1).trim();
  if (!written.startsWith('"')) return { key, value: unescapeValue(written, line) };
  if (written.length < 2 || written.indexOf('"', 1) !== written.length - 1) {
    throw new VmFormatError(
      'vmx_invalid',
      `the value of ${key} must end with a quote, with no other quote in it; write a quote as |22`,
      line,
    );
  }
  return { key, value: unescapeValue(written.slice(1, -1), line) };
}

function unescapeValue(text: string, line: number): string {
  if (!text.includes('|')) return text;
  return text.replace(/\|(.{0,2})/g, (_escape, hex: string) => {
    const byte = /^[0-7][0-9A-Fa-f]$/.test(hex) ? Number.parseInt(hex, 16) : Number.NaN;
    if (Number.isNaN(byte)) {
      throw new VmFormatError(
        'vmx_invalid',
        'a bar must start an escape such as |22; write a bar as |7C',
        line,
      );
    }
    return String.fromCharCode(byte);
  });
}

function writeLine(key: string, value: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are exactly what must be escaped
  const escaped = value.replace(/[\u0000-\u001f"|\u007f]/g, (character) => {
    return `|${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return `${key} = "${escaped}"`;
}
