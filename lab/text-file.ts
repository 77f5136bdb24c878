import { readFile } from 'node:fs/promises';

import { KpsimError, errorText } from '../core/errors.js';

/** The text of a file that a user named. @throws KpsimError `file_unreadable` naming the file */
export async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KpsimError(
      'file_unreadable',
      `Cannot read ${path} (${errorText(error)}). Give the path of a file that this user can read.`,
      { cause: error },
    );
  }
}
