import { VmFormatError } from './errors.js';

/** Ciphers that a key dictionary may name, with the length of their keys in bytes. */
export const KEY_CIPHERS = {
  'AES-128': { keyBytes: 16 },
  'AES-192': { keyBytes: 24 },
  'AES-256': { keyBytes: 32 },
  /** Two AES-256 keys: the first for data, the second for tweaks (IEEE 1619). */
  'XTS-AES-256': { keyBytes: 64 },
} as const satisfies Record<string, { keyBytes: number }>;

/** Name of a cipher in a key dictionary. */
export type KeyCipher = keyof typeof KEY_CIPHERS;

/** A key as VMware files carry it inside a blob: `type=key:cipher=…:key=<base64>`. */
export interface KeyDict {
  cipher: KeyCipher;
  /** As many bytes as {@link KEY_CIPHERS} says. */
  key: Buffer;
}

const MAX_DICT_CHARACTERS = 4096;

/** Whether a name is one of {@link KEY_CIPHERS}. */
export function isKeyCipher(name: string): name is KeyCipher {
  return Object.hasOwn(KEY_CIPHERS, name);
}

/** `name=value:name=value`; in values `%`, `:`, `=` and everything but printable ASCII become `%xx`. */
export function writeCryptoDict(entries: Readonly<Record<string, string>>): string {
  return Object.entries(entries)
    .map(([name, value]) => `${name}=${escapeDictValue(value)}`)
    .join(':');
}

/**
 * Reads `name=value:name=value`.
 * @throws {VmFormatError} `key_dict_invalid`; the text, which may hold a key, is not in the message
 */
export function parseCryptoDict(text: string): ReadonlyMap<string, string> {
  if (text.length > MAX_DICT_CHARACTERS) {
    throw new VmFormatError('key_dict_invalid', `a dictionary may have ${MAX_DICT_CHARACTERS} characters`);
  }
  const entries = new Map<string, string>();
  for (const part of text.split(':')) {
    const equals = part.indexOf('=');
    const name = part.slice(0, Math.max(equals, 0));
    if (!/^[A-Za-z0-9]{1,32}$/.test(name) || entries.has(name)) {
      throw new VmFormatError('key_dict_invalid', 'expected distinct name=value parts divided by colons');
    }
    entries.set(name, unescapePercent(part.slice(equals + 1), 'key_dict_invalid'));
  }
  return entries;
}

/** A key dictionary as text. The caller zeroises what it makes of it. */
export function writeKeyDict({ cipher, key }: KeyDict): string {
  return writeCryptoDict({ type: 'key', cipher, key: key.toString('base64') });
}

/**
 * Reads a key dictionary.
 * @throws {VmFormatError} `key_dict_invalid` for another type, an unknown cipher or a key of wrong length
 */
export function parseKeyDict(text: string): KeyDict {
  const entries = parseCryptoDict(text);
  const cipher = entries.get('cipher') ?? '';
  if (entries.get('type') !== 'key' || !isKeyCipher(cipher)) {
    throw new VmFormatError('key_dict_invalid', 'expected type=key and a cipher that is known');
  }
  const key = decodeBase64(entries.get('key') ?? '', 'key_dict_invalid');
  if (key.length !== KEY_CIPHERS[cipher].keyBytes) {
    throw new VmFormatError(
      'key_dict_invalid',
      `a key of ${cipher} has ${KEY_CIPHERS[cipher].keyBytes} bytes`,
    );
  }
  return { cipher, key };
}

/**
 * Strict base64: canonical alphabet and padding only.
 * @throws {VmFormatError} with `code`
 */
export function decodeBase64(text: string, code: 'key_dict_invalid' | 'key_locator_invalid'): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw new VmFormatError(code, 'expected canonical base64');
  return bytes;
}

/**
 * `%xx` to bytes, the whole as UTF-8.
 * @throws {VmFormatError} with `code` for a broken escape or invalid UTF-8
 */
export function unescapePercent(text: string, code: 'key_dict_invalid' | 'key_locator_invalid'): string {
  if (!text.includes('%')) return text;
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new VmFormatError(code, 'expected %xx escapes of UTF-8', undefined, { cause });
  }
}

function escapeDictValue(value: string): string {
  return value.replace(/[^!-$&-9;<>-~]/gu, (character) =>
    Array.from(Buffer.from(character, 'utf8'), (byte) => `%${byte.toString(16).padStart(2, '0')}`).join(''),
  );
}
