import { VapiError } from '../core/http/index.js';
import { byId } from './documents.js';
import type { DocumentTable } from './documents.js';
import type { DocumentKind, TrustAuthorityStore } from './store.js';

/** New rows for a whole table, checked and not yet written; see {@link replaceTables}. */
export interface TableReplacement {
  readonly kind: DocumentKind;
  readonly rows: ReadonlyMap<string, unknown>;
  /** Does something while no row of the table is written. */
  readonly alone: (work: () => Promise<void>) => Promise<void>;
  /** Takes the rows into use, once they are durable. */
  readonly apply: () => void;
}

/** All rows of a table anew. @throws VapiError `INVALID_ARGUMENT` if there are too many */
export function tableReplacement<T>(
  kind: DocumentKind,
  table: DocumentTable<T>,
  rows: readonly (readonly [string, T])[],
): TableReplacement {
  if (rows.length > table.limit) {
    throw new VapiError(
      'INVALID_ARGUMENT',
      `There can be ${table.limit} documents of the kind ${kind} at most, not ${rows.length}.`,
    );
  }
  const sorted = new Map([...rows].sort(byId));
  return {
    kind,
    rows: sorted,
    alone: (work) => table.alone(work),
    apply: () => table.replaced(sorted),
  };
}

/** Replaces everything in several tables at once: after a failure all are as they were before. */
export async function replaceTables(
  store: TrustAuthorityStore,
  replacements: readonly TableReplacement[],
): Promise<void> {
  const replace = async (): Promise<void> => {
    await store.replaceDocuments(new Map(replacements.map(({ kind, rows }) => [kind, rows])));
    for (const { apply } of replacements) apply();
  };
  const undisturbed = replacements.reduce(
    (work, { alone }) =>
      () =>
        alone(work),
    replace,
  );
  await undisturbed();
}
