import type { Sealer } from '../../core/store/sealer.js';
import { sealedValue } from '../sealed-value.js';
import type { FindQuery, FoundObject, KmsReader, Opens, SearchedObject, StoredObject } from '../store.js';
import type { Queries } from './connections.js';
import { Grouped } from './grouped.js';

/** Objects of a term are counted up to here, to tell the rarer of two terms. */
const COUNTED = 1000;
/** Objects read with one statement. */
const READ_LIMIT = 256;

/** An object wanted, and the revision that is known already; 0 for none. */
interface Wanted {
  readonly uniqueIdentifier: string;
  readonly revision: number;
  /** See {@link KmsReader.read}. */
  readonly opens?: Opens | undefined;
}

interface ObjectRow {
  readonly unique_identifier: string;
  readonly owner: string;
  readonly object_type: string;
  /** bigint, which pg hands over as text. */
  readonly revision: string;
  /** Null if the revision is the one known. */
  readonly attributes: Buffer | null;
  readonly value: Buffer | null;
}

interface FoundRow {
  readonly unique_identifier: string;
  /** bigint, which pg hands over as text. */
  readonly sequence: string;
}

/** OFFSET 0 has each identifier looked up in the index, whatever the planner thinks of the table's size. */
const READ = {
  name: 'read',
  text: `SELECT o.unique_identifier, o.owner, o.object_type, o.revision,
      CASE WHEN o.revision <> wanted.revision THEN o.attributes END AS attributes,
      CASE WHEN o.revision <> wanted.revision THEN o.value END AS value
    FROM unnest($1::text[], $2::bigint[]) AS wanted (identifier, revision)
    CROSS JOIN LATERAL (SELECT * FROM objects WHERE unique_identifier = wanted.identifier OFFSET 0) AS o`,
};

/** Reads objects, those of many requests with one statement. */
export class PostgresReader implements KmsReader {
  readonly #queries: Queries;
  readonly #sealer: Sealer;
  readonly #reads: Grouped<Wanted, StoredObject | 'unchanged' | undefined>;

  /** @param lanes statements that `queries` can run at once */
  constructor(queries: Queries, sealer: Sealer, lanes: number) {
    this.#queries = queries;
    this.#sealer = sealer;
    this.#reads = new Grouped((wanted) => this.#read(wanted), { lanes, limit: READ_LIMIT });
  }

  async read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined> {
    const found = await this.#ask({ uniqueIdentifier, revision: 0, opens });
    return found === 'unchanged' ? undefined : found;
  }

  /** As {@link KmsReader.read}, `'unchanged'` if the revision is the one given. */
  refresh(uniqueIdentifier: string, revision: number): Promise<StoredObject | 'unchanged' | undefined> {
    return this.#ask({ uniqueIdentifier, revision });
  }

  async find(query: FindQuery): Promise<readonly FoundObject[]> {
    const rows = await this.#rows<FoundRow>('find', 'o.unique_identifier, o.sequence', query);
    return rows.map((row) => ({ uniqueIdentifier: row.unique_identifier, sequence: Number(row.sequence) }));
  }

  async search(query: FindQuery): Promise<readonly SearchedObject[]> {
    const rows = await this.#rows<FoundRow & ObjectRow>('search', 'o.*', query);
    return rows.map((row) => ({ sequence: Number(row.sequence), ...this.#objectOf(row) }));
  }

  // The statement says which columns there are, so the rows are what they are said to be.

  async #rows<T extends FoundRow>(
    name: string,
    columns: string,
    { owner, terms, limit, before }: FindQuery,
  ): Promise<readonly T[]> {
    return this.#queries.query<T>({
      name: `${name} ${terms.length}${owner === undefined ? '' : ' owned'}`,
      text: searchSql(columns, terms.length, owner !== undefined),
      values: [
        before ?? Number.MAX_SAFE_INTEGER,
        limit,
        ...(await this.#rarestFirst(terms)),
        ...(owner === undefined ? [] : [owner]),
      ],
    });
  }

  async #ask(wanted: Wanted): Promise<StoredObject | 'unchanged' | undefined> {
    // The one character that PostgreSQL keeps no text with.
    if (wanted.uniqueIdentifier.includes('\0')) return undefined;
    return this.#reads.ask(wanted);
  }

  /** Waits for reads under way. */
  settled(): Promise<void> {
    return this.#reads.settled();
  }

  async #read(wanted: readonly Wanted[]): Promise<readonly (StoredObject | 'unchanged' | undefined)[]> {
    const rows = await this.#queries.query<ObjectRow>({
      ...READ,
      values: [
        wanted.map(({ uniqueIdentifier }) => uniqueIdentifier),
        wanted.map(({ revision }) => revision),
      ],
    });
    // Two requests may want one object with different revisions known.
    const found = new Map(rows.map((row) => [keyOf(row.unique_identifier, row.attributes === null), row]));
    return wanted.map(({ uniqueIdentifier, opens }) => {
      const row = found.get(keyOf(uniqueIdentifier, false));
      if (row && opens?.({ owner: row.owner, objectType: row.object_type }) === false) return undefined;
      if (row) return this.#objectOf(row);
      return found.has(keyOf(uniqueIdentifier, true)) ? 'unchanged' : undefined;
    });
  }

  #objectOf({
    unique_identifier: uniqueIdentifier,
    owner,
    object_type,
    revision,
    ...row
  }: ObjectRow): StoredObject {
    return {
      uniqueIdentifier,
      owner,
      objectType: object_type,
      revision: Number(revision),
      attributes: row.attributes ?? Buffer.alloc(0),
      value: row.value === null ? undefined : sealedValue(row.value, uniqueIdentifier, this.#sealer),
    };
  }

  /** The search walks the objects of the first term and looks the others up: a name goes before an object type. */
  async #rarestFirst(terms: readonly Buffer[]): Promise<readonly Buffer[]> {
    if (terms.length < 2) return terms;
    const rows = await this.#queries.query<{ n: number }>({
      name: 'rarity',
      text: `SELECT (SELECT count(*)::int FROM (SELECT 1 FROM terms WHERE terms.term = wanted.term LIMIT $2) AS seen) AS n
        FROM unnest($1::bytea[]) WITH ORDINALITY AS wanted (term, place) ORDER BY place`,
      values: [terms, COUNTED],
    });
    return terms
      .map((term, index) => ({ term, n: rows[index]?.n ?? 0 }))
      .sort((left, right) => left.n - right.n)
      .map(({ term }) => term);
  }
}

function searchSql(columns: string, terms: number, owned: boolean): string {
  const value = (index: number): string => `$${3 + index}`;
  const order = terms === 0 ? 'o.sequence' : 'first.sequence';
  const from =
    terms === 0 ? 'objects AS o' : 'terms AS first JOIN objects AS o ON o.sequence = first.sequence';
  const conditions = [
    `${order} < $1`,
    ...Array.from({ length: terms }, (_, index) =>
      index === 0
        ? `first.term = ${value(0)}`
        : `EXISTS (SELECT 1 FROM terms AS t WHERE t.term = ${value(index)} AND t.sequence = o.sequence)`,
    ),
    ...(owned ? [`o.owner = ${value(terms)}`] : []),
  ];
  return `SELECT ${columns} FROM ${from} WHERE ${conditions.join(' AND ')} ORDER BY ${order} DESC LIMIT $2`;
}

function keyOf(uniqueIdentifier: string, unchanged: boolean): string {
  return `${unchanged ? 'u' : 'c'}${uniqueIdentifier}`;
}
