import type { Sealer } from '../core/store/sealer.js';
import type { SqliteDatabase, SqliteStatement } from '../core/store/sqlite.js';
import { sealedValue } from './sealed-value.js';
import type { FindQuery, FoundObject, KmsReader, Opens, SearchedObject, StoredObject } from './store.js';

/** Objects of a term are counted up to here, to tell the rarer of two terms. */
const COUNTED = 1000;

/** Columns of an object beside its identifier; rows come as arrays, which cost half of what objects do. */
const COLUMNS = 'o.owner, o.object_type, o.revision, o.attributes, o.value';
type ObjectRow = readonly [
  owner: string,
  objectType: string,
  revision: number,
  attributes: Uint8Array,
  value: Uint8Array | null,
];

const FOUND = 'o.unique_identifier, o.sequence';
type FoundRow = readonly [uniqueIdentifier: string, sequence: number];

/** Reads objects over one connection to a SQLite file. */
export class SqliteReader implements KmsReader {
  readonly #database: SqliteDatabase;
  readonly #sealer: Sealer;
  readonly #failed: (error: unknown) => void;
  readonly #read: SqliteStatement;
  readonly #statements = new Map<string, SqliteStatement>();

  /** @param failed told of each error of the database */
  constructor(database: SqliteDatabase, sealer: Sealer, failed: (error: unknown) => void = () => undefined) {
    this.#failed = failed;
    this.#database = database;
    this.#sealer = sealer;
    this.#read = database.prepare(`SELECT ${COLUMNS} FROM objects AS o WHERE o.unique_identifier = ?`);
    this.#read.setReturnArrays(true);
  }

  read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined> {
    return this.#attempt(() => {
      const row = this.#read.get(uniqueIdentifier) as ObjectRow | undefined;
      if (!row || opens?.({ owner: row[0], objectType: row[1] }) === false) return undefined;
      return this.#objectOf(uniqueIdentifier, row);
    });
  }

  find(query: FindQuery): Promise<readonly FoundObject[]> {
    return this.#attempt(() =>
      this.#rows<FoundRow>(query, FOUND).map(([uniqueIdentifier, sequence]) => ({
        uniqueIdentifier,
        sequence,
      })),
    );
  }

  search(query: FindQuery): Promise<readonly SearchedObject[]> {
    return this.#attempt(() =>
      this.#rows<readonly [...FoundRow, ...ObjectRow]>(query, `${FOUND}, ${COLUMNS}`).map(
        ([uniqueIdentifier, sequence, ...row]) => ({ sequence, ...this.#objectOf(uniqueIdentifier, row) }),
      ),
    );
  }

  /** As {@link attempt}; errors are told besides. */
  #attempt<T>(work: () => T): Promise<T> {
    return attempt(() => {
      try {
        return work();
      } catch (error) {
        this.#failed(error);
        throw error;
      }
    });
  }

  #objectOf(
    uniqueIdentifier: string,
    [owner, objectType, revision, attributes, value]: ObjectRow,
  ): StoredObject {
    return {
      uniqueIdentifier,
      owner,
      objectType,
      revision,
      attributes: asBuffer(attributes),
      value: value === null ? undefined : sealedValue(value, uniqueIdentifier, this.#sealer),
    };
  }

  /* The statement says which columns there are, so the rows are what they are said to be. */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters
  #rows<T>(
    { owner, terms, limit, before = Number.MAX_SAFE_INTEGER }: FindQuery,
    columns: string,
  ): readonly T[] {
    const owners = owner === undefined ? [] : [owner];
    const statement = this.#prepared(searchSql(columns, terms.length, owner !== undefined, limit));
    const rows: unknown = statement.all(...this.#rarestFirst(terms), ...owners, before);
    return rows as readonly T[];
  }

  /** A statement, compiled once. The texts are those of this program, so they are few. */
  #prepared(sql: string): SqliteStatement {
    const known = this.#statements.get(sql);
    if (known) return known;
    const statement = this.#database.prepare(sql);
    statement.setReturnArrays(true);
    this.#statements.set(sql, statement);
    return statement;
  }

  /** The search walks the objects of the first term and looks the others up: a name goes before an object type. */
  #rarestFirst(terms: readonly Buffer[]): readonly Buffer[] {
    if (terms.length < 2) return terms;
    const count = this.#prepared(COUNT_SQL);
    return terms
      .map((term) => ({ term, n: (count.get(term) as unknown as readonly [number])[0] }))
      .sort((left, right) => left.n - right.n)
      .map(({ term }) => term);
  }
}

/*
 * Limits are written into the text: SQLite plans by their values, and where they are bound compiles the statement anew
 * each time, which costs five times what a search by name does.
 */

const COUNT_SQL = `SELECT count(*) AS n FROM (SELECT 1 FROM terms WHERE term = ? LIMIT ${COUNTED})`;

/** @param limit a constant of this program, as each makes a statement of its own */
function searchSql(columns: string, terms: number, owned: boolean, limit: number): string {
  const others = 'AND EXISTS (SELECT 1 FROM terms AS t WHERE t.term = ? AND t.sequence = o.sequence) ';
  // CROSS JOIN keeps SQLite from walking the objects and looking up the terms instead.
  const from =
    terms === 0
      ? 'FROM objects AS o WHERE true '
      : `FROM terms AS first CROSS JOIN objects AS o ON o.sequence = first.sequence WHERE first.term = ? ${others.repeat(terms - 1)}`;
  const order = terms === 0 ? 'o.sequence' : 'first.sequence';
  return (
    `SELECT ${columns} ${from}${owned ? 'AND o.owner = ? ' : ''}` +
    `AND ${order} < ? ORDER BY ${order} DESC LIMIT ${Math.trunc(limit)}`
  );
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The database answers at once; an error of it becomes a rejection, as any backend's would. */
export function attempt<T>(work: () => T): Promise<T> {
  return new Promise((resolve) => resolve(work()));
}
