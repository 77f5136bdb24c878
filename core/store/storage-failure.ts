import { KpsimError } from '../errors.js';
import { sqliteCode } from './sqlite-code.js';

/** Codes of a disk without room. */
const NO_ROOM = /^(?:ENOSPC|EDQUOT|EFBIG|SQLITE_FULL)$/;

/** What is wrong with a disk, by the codes of Node and of SQLite, and what to do about it. */
const REMEDIES: readonly { readonly codes: RegExp; readonly text: string }[] = [
  {
    codes: NO_ROOM,
    text: 'The data directory has no room left. Free space there and try again.',
  },
  {
    codes: /^(?:EROFS|EACCES|EPERM|SQLITE_READONLY(?:_.*)?|SQLITE_CANTOPEN(?:_.*)?)$/,
    text: 'The data directory cannot be written. Check its permissions and whether it is mounted read-only, and try again.',
  },
  {
    codes:
      /^(?:EIO|EMFILE|ENFILE|SQLITE_IOERR(?:_.*)?|SQLITE_BUSY(?:_.*)?|SQLITE_CORRUPT(?:_.*)?|SQLITE_NOTADB)$/,
    text: 'Reading or writing the data directory failed; the log says how. Check the disk and try again.',
  },
];

/**
 * What a client is to be told of an error of the disk or the database: what is wrong and what to do; nothing of paths.
 *
 * @returns undefined for an error of another kind
 */
export function storageRemedy(error: unknown): string | undefined {
  if (error instanceof KpsimError && error.code === 'store_removed') return error.message;
  const code = codeOf(error);
  if (code === undefined) return undefined;
  return REMEDIES.find(({ codes }) => codes.test(code))?.text;
}

/** Whether something could not be written because its disk is full. */
export function hasNoRoom(error: unknown): boolean {
  return NO_ROOM.test(codeOf(error) ?? '');
}

function codeOf(error: unknown): string | undefined {
  const code = sqliteCode(error) ?? (error instanceof Error && 'code' in error ? error.code : undefined);
  return typeof code === 'string' ? code : undefined;
}
