/**
 * An error's code as SQLite names it, such as `SQLITE_BUSY`; undefined for errors of other origin.
 */
export function sqliteCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('sqliteCodeName' in error)) return undefined;
  return String(error.sqliteCodeName);
}
