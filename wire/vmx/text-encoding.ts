import { VmFormatError } from './errors.js';
import type { VmFormatErrorCode } from './errors.js';

/** Bytes 0x80 to 0x9f of windows-1252; Node 20 decodes them as control characters. */
const WINDOWS_1252_C1 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/**
 * Single-byte encodings that VMware products name in `.encoding` lines. ASCII and ISO 8859-1 are read as windows-1252,
 * as the WHATWG Encoding Standard has it. Multi-byte encodings other than UTF-8 are refused: Node cannot write them.
 */
const SINGLE_BYTE_ENCODINGS: ReadonlySet<string> = new Set([
  'us-ascii',
  'iso-8859-1',
  'iso-8859-2',
  'iso-8859-5',
  'iso-8859-15',
  'windows-1250',
  'windows-1251',
  'windows-1252',
  'windows-1253',
  'windows-1254',
]);

const WINDOWS_1252_NAMES: ReadonlySet<string> = new Set(['us-ascii', 'iso-8859-1', 'windows-1252']);

/** The character of every byte of a single-byte encoding; undefined where a byte has none. */
function characterTable(encoding: string): (string | undefined)[] {
  return Array.from({ length: 256 }, (_entry, byte) => {
    if (WINDOWS_1252_NAMES.has(encoding)) {
      return byte >= 0x80 && byte <= 0x9f ? WINDOWS_1252_C1[byte - 0x80] : String.fromCharCode(byte);
    }
    const character = new TextDecoder(encoding).decode(Buffer.of(byte));
    return character === '\ufffd' ? undefined : character;
  });
}

/**
 * The encoding that a `.encoding` or `encoding` line names, in lower case.
 * @throws {VmFormatError} with `code` for an encoding that cannot be read and written
 */
export function knownEncoding(name: string, code: VmFormatErrorCode, line?: number): string {
  const lower = name.toLowerCase();
  if (lower === 'utf-8' || SINGLE_BYTE_ENCODINGS.has(lower)) return lower;
  throw new VmFormatError(
    code,
    `encoding ${JSON.stringify(name.slice(0, 40))} is not supported; convert the file to UTF-8 and name that encoding`,
    line,
  );
}

/**
 * Bytes of a text file as a string.
 * @throws {VmFormatError} with `code` where the bytes are not in that encoding
 */
export function decodeText(bytes: Buffer, encoding: string, code: VmFormatErrorCode): string {
  if (encoding !== 'utf-8') {
    const table = characterTable(encoding);
    return Array.from(bytes, (byte) => table[byte] ?? invalidBytes(encoding, code)).join('');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    return invalidBytes(encoding, code, { cause });
  }
}

/**
 * A string as the bytes of a text file.
 * @throws {VmFormatError} with `code` for a character that the encoding cannot express
 */
export function encodeText(text: string, encoding: string, code: VmFormatErrorCode): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text, 'utf8');
  const byteOfCharacter = new Map(characterTable(encoding).map((character, byte) => [character, byte]));
  const bytes = Array.from(text, (character) => {
    const byte = byteOfCharacter.get(character);
    if (byte !== undefined) return byte;
    const shown = JSON.stringify(character);
    throw new VmFormatError(code, `character ${shown} does not exist in ${encoding}; use UTF-8`);
  });
  return Buffer.from(bytes);
}

function invalidBytes(encoding: string, code: VmFormatErrorCode, options?: ErrorOptions): never {
  throw new VmFormatError(
    code,
    `the file is not valid ${encoding}; correct its encoding line`,
    undefined,
    options,
  );
}
