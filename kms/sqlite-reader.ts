import type { Sealer } from '../core/store/sealer.js';
import type { SqliteDatabase, SqliteStatement } from '../core/store/sqlite.js';
import type { FindQuery, FoundObject, KmsReader, Opens, StoredObject } from './store.js';

/** Objects of a term are counted up to here, to tell the rarer of two terms. */
const COUNTED = 1000;

interface ObjectRow {
  readonly unique_identifier: string;
  readonly owner: string;
  readonly object_type: string;
  readonly revision: number;
  readonly attributes: Uint8Array;
  readonly value: Uint8Array | null;
}

/** Reads objects over one connection to a SQLite file. */
export class SqliteReader implements KmsReader {
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #statements = new Map<string, SqliteStatement>();

  constructor(database: SqliteDatabase, sealer: Sealer) {
    this.#database = database;
    this.#sealer = sealer;
  }

  read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined> {
    return attempt(() => {
      const row = this.prepared('SELECT * FROM objects WHERE unique_identifier = ?').get(uniqueIdentifier) as
        ObjectRow | undefined;
      if (!row || opens?.({ owner: row.owner, objectType: row.object_type }) === false) return undefined;
      return {
        uniqueIdentifier: row.unique_identifier,
        owner: row.owner,
        objectType: row.object_type,
        revision: row.revision,
        attributes: Buffer.from(row.attributes),
        value: row.value === null ? undefined : this.#sealer.open(row.value, placeOf(uniqueIdentifier)),
      };
    });
  }

  find({
    owner,
    terms,
    limit,
    before = Number.MAX_SAFE_INTEGER,
  }: FindQuery): Promise<readonly FoundObject[]> {
    return attempt(() => {
      const owners = owner === undefined ? [] : [owner];
      const sql = searchSql(terms.length, owner !== undefined);
      const rows = this.prepared(sql).all(...this.#rarestFirst(terms), ...owners, before, limit);
      return (rows as readonly { readonly unique_identifier: string; readonly sequence: number }[]).map(
        (row) => ({ uniqueIdentifier: row.unique_identifier, sequence: row.sequence }),
      );
    });
  }

  /** A statement, compiled once. The texts are those of this program, so they are few. */
  prepared(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** The search walks the objects of the first term and looks the others up: a name goes before an object type. */
  #rarestFirst(terms: readonly Buffer[]): readonly Buffer[] {
    if (terms.length < 2) return terms;
    const count = this.prepared('SELECT count(*) AS n FROM (SELECT 1 FROM terms WHERE term = ? LIMIT ?)');
    return terms
      .map((term) => ({ term, n: (count.get(term, COUNTED) as { readonly n: number }).n }))
      .sort((left, right) => left.n - right.n)
      .map(({ term }) => term);
  }
}

function searchSql(terms: number, owned: boolean): string {
  const others = 'AND EXISTS (SELECT 1 FROM terms AS t WHERE t.term = ? AND t.sequence = o.sequence) ';
  // CROSS JOIN keeps SQLite from walking the objects and looking up the terms instead.
  const from =
    terms === 0
      ? 'FROM objects AS o WHERE true '
      : `FROM terms AS first CROSS JOIN objects AS o ON o.sequence = first.sequence WHERE first.term = ? ${others.repeat(terms - 1)}`;
  const order = terms === 0 ? 'o.sequence' : 'first.sequence';
  return (
    `SELECT o.unique_identifier, o.sequence ${from}${owned ? 'AND o.owner = ? ' : ''}` +
    `AND ${order} < ? ORDER BY ${order} DESC LIMIT ?`
  );
}

/** Binds sealed material to its row. */
export function placeOf(uniqueIdentifier: string): string {
  return `kms/objects/${uniqueIdentifier}`;
}

/** The database answers at once; an error of it becomes a rejection, as any backend's would. */
export function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
