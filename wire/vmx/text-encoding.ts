import { VmFormatError } from './errors.js';
import type { VmFormatErrorCode } from './errors.js';

/**
 * Single-byte encodings that VMware products name in `.encoding` lines.
 * Multi-byte encodings other than UTF-8 are refused: Node cannot write them.
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
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new VmFormatError(code, `the file is not valid ${encoding}; correct its encoding line`, undefined, {
      cause,
    });
  }
}

/**
 * A string as the bytes of a text file.
 * @throws {VmFormatError} with `code` for a character that the encoding cannot express
 */
export function encodeText(text: string, encoding: string, code: VmFormatErrorCode): Buffer {
  if (encoding === 'utf-8') return Buffer.from(text, 'utf8');
  const decoder = new TextDecoder(encoding);
  const byteOfCharacter = new Map<string, number>();
  for (let byte = 0; byte < 256; byte += 1) byteOfCharacter.set(decoder.decode(Buffer.of(byte)), byte);
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOfCharacter.get(character);
    if (byte === undefined) {
      throw new VmFormatError(
        code,
        `character ${JSON.stringify(character)} does not exist in ${encoding}; use UTF-8`,
      );
    }
    bytes.push(byte);
  }
  return Buffer.from(bytes);
}
