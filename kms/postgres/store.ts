import { KpsimError, errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import { zeroise } from '../../core/secret.js';
import { Sealer } from '../../core/store/sealer.js';
import { placeOf } from '../sealed-value.js';
import type {
  FindQuery,
  FoundObject,
  KmsSnapshot,
  KmsStore,
  ObjectToStore,
  Opens,
  SearchedObject,
  StoreChange,
  StoredObject,
} from '../store.js';
import { StoreConflict, StoreUnavailable } from '../store.js';
import { atRestKey } from './at-rest-key.js';
import type { PostgresConfig } from './connections.js';
import { PostgresConnections } from './connections.js';
import { Grouped } from './grouped.js';
import { PostgresReader } from './reader.js';
import { prepareSchema } from './schema.js';

/** Requests of one transaction; PostgreSQL keeps track of 64 subtransactions without going to the disk. */
const GROUP_LIMIT = 64;

/**
 * Requests in the order of their identifiers' locks: nodes that write the same objects wait for each other instead of
 * locking each other out.
 */
const COMMIT = {
  name: 'commit',
  text: `WITH locked AS MATERIALIZED (
      SELECT 1 FROM objects WHERE unique_identifier = ANY ($2) ORDER BY unique_identifier FOR UPDATE)
    SELECT commit_request(request) AS conflict
    FROM (SELECT count(*) FROM locked) AS waited, unnest($1::jsonb[]) WITH ORDINALITY AS requests (request, place)
    ORDER BY place`,
};

/**
 * The store that several nodes share: a schema of a PostgreSQL database, key material sealed with AES-256-GCM under a
 * key that all nodes have.
 *
 * What a node has in memory is used only after the database has confirmed its revision, which costs each request one
 * round trip; requests that come together share it. So no node hands out a key after another's Destroy was answered.
 */
export class PostgresKmsStore implements KmsStore {
  readonly shared = true;
  readonly #connections: PostgresConnections;
  readonly #sealer: Sealer;
  readonly #reader: PostgresReader;
  readonly #commits: Grouped<readonly StoreChange[], string | undefined>;
  readonly #snapshots = new Set<{ end(): Promise<void> }>();
  #closing: Promise<void> | undefined;

  private constructor(connections: PostgresConnections, sealer: Sealer, lanes: number) {
    this.#connections = connections;
    this.#sealer = sealer;
    this.#reader = new PostgresReader(connections, sealer, lanes);
    // One transaction at a time: what queues up meanwhile pays for one sync to disk together.
    this.#commits = new Grouped((requests) => this.#commit(requests), { lanes: 1, limit: GROUP_LIMIT });
  }

  /**
   * Connects, and brings the schema to the newest version.
   *
   * @throws KpsimError `store_unusable`, `store_key_invalid`, `store_too_new`
   */
  static async open(config: PostgresConfig, log: Logger): Promise<PostgresKmsStore> {
    const sealer = Sealer.withKey(await atRestKey(config));
    const connections = new PostgresConnections(config, log);
    try {
      await prepareSchema(connections, config.schema, sealer);
    } catch (error) {
      await connections.close();
      sealer.close();
      if (error instanceof KpsimError) throw error;
      throw new KpsimError(
        'store_unusable',
        `The database of the key server cannot be used: ${errorText(error)}. Check that PostgreSQL runs, and the settings under store.`,
        { cause: error },
      );
    }
    return new PostgresKmsStore(connections, sealer, Math.max(1, config.connections - 2));
  }

  read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined> {
    return this.#reader.read(uniqueIdentifier, opens);
  }

  refresh(uniqueIdentifier: string, revision: number): Promise<StoredObject | 'unchanged' | undefined> {
    return this.#reader.refresh(uniqueIdentifier, revision);
  }

  find(query: FindQuery): Promise<readonly FoundObject[]> {
    return this.#reader.find(query);
  }

  search(query: FindQuery): Promise<readonly SearchedObject[]> {
    return this.#reader.search(query);
  }

  async commit(changes: readonly StoreChange[]): Promise<void> {
    const conflict = await this.#commits.ask(changes);
    if (conflict !== undefined) throw new StoreConflict(conflict);
  }

  async count(): Promise<number> {
    const [row] = await this.#connections.query<{ n: string }>({ text: 'SELECT count(*) AS n FROM objects' });
    return Number(row?.n ?? 0);
  }

  async snapshot(): Promise<KmsSnapshot> {
    const connection = await this.#connections.open();
    this.#snapshots.add(connection);
    await connection.query({ text: 'BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY' });
    // The snapshot is taken by the first statement.
    await connection.query({ text: 'SELECT 1' });
    const reader = new PostgresReader(connection, this.#sealer, 1);
    return {
      read: (uniqueIdentifier, opens) => reader.read(uniqueIdentifier, opens),
      find: (query) => reader.find(query),
      search: (query) => reader.search(query),
      close: async () => {
        this.#snapshots.delete(connection);
        await connection.end();
      },
    };
  }

  problem(): string | undefined {
    return this.#connections.problem;
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.all([this.#commits.settled(), this.#reader.settled()]);
    await Promise.all([...this.#snapshots].map((connection) => connection.end()));
    await this.#connections.close();
    this.#sealer.close();
  }

  /** One transaction; for each request undefined, or the identifier over which it must be redone. */
  async #commit(requests: readonly (readonly StoreChange[])[]): Promise<readonly (string | undefined)[]> {
    const known = requests.flat().filter(({ expectedRevision }) => expectedRevision > 0);
    const values = [
      requests.map((changes) => JSON.stringify(changes.map((change) => this.#toJson(change)))),
      known.map(({ uniqueIdentifier }) => uniqueIdentifier),
    ];
    const rows = await this.#connections.query<{ conflict: string | null }>({ ...COMMIT, values });
    if (rows.length !== requests.length) throw new StoreUnavailable('The database answered something else.');
    return rows.map(({ conflict }) => conflict ?? undefined);
  }

  /** As `commit_request` of the schema takes it. */
  #toJson({ object, uniqueIdentifier, expectedRevision, terms, claims }: StoreChange): unknown {
    const change = { identifier: uniqueIdentifier, expected: expectedRevision };
    if (!object) return change;
    return {
      ...change,
      owner: object.owner,
      type: object.objectType,
      revision: object.revision,
      attributes: object.attributes.toString('hex'),
      value: this.#sealed(object),
      terms: Buffer.concat(terms).toString('hex'),
      claims: Buffer.concat(claims).toString('hex'),
    };
  }

  #sealed({ uniqueIdentifier, value }: ObjectToStore): string | undefined {
    if (value === undefined) return undefined;
    const sealed = this.#sealer.seal(value, placeOf(uniqueIdentifier)).toString('hex');
    zeroise(value);
    return sealed;
  }
}
