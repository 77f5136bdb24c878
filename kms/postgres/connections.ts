import pg from 'pg';

import { errorText } from '../../core/errors.js';
import type { Logger } from '../../core/logging.js';
import type { KmsConfig } from '../config.js';
import { StoreUnavailable } from '../store.js';

/** How to reach the database. */
export type PostgresConfig = Extract<KmsConfig['store'], { readonly kind: 'postgresql' }>;

/** A statement with its values; those with a name are prepared once a connection. */
export interface Statement {
  readonly name?: string;
  readonly text: string;
  readonly values?: unknown[];
}

/** Runs statements, over a pool or over one connection. */
export interface Queries {
  /** @throws StoreUnavailable, or pg's DatabaseError for what is a defect of the statement */
  query<R extends pg.QueryResultRow>(statement: Statement): Promise<readonly R[]>;
}

/** How often the database is asked whether it is there again, in milliseconds. */
const PROBE_MS = 500;
/** A database that takes longer counts as gone, in milliseconds. */
const TIMEOUT_MS = 10_000;

/** SQLSTATE classes by which the database itself says that it cannot serve now (PostgreSQL, Appendix A). */
const UNAVAILABLE: Readonly<Record<string, string>> = {
  '08': 'the connection failed',
  '25': 'it takes no changes, as a standby does',
  '28': 'it refuses the user or password',
  '3D': 'it has no such database',
  '53': 'it lacks room, memory or connections',
  '57': 'it is being stopped or started',
  '58': 'its system failed',
};

/** The connections of one node to its database. Failed ones are replaced by themselves. */
export class PostgresConnections implements Queries {
  readonly #config: pg.ClientConfig;
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  #problem: string | undefined;
  #probe: NodeJS.Timeout | undefined;

  constructor(config: PostgresConfig, log: Logger) {
    this.#log = log;
    this.#config = clientConfig(config);
    this.#pool = new pg.Pool({ ...this.#config, max: config.connections });
    // Connections that are idle when the database goes are dropped by the pool.
    this.#pool.on('error', (error) => this.#lost(error));
  }

  /** What keeps the database from serving; undefined if nothing is known to. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async query<R extends pg.QueryResultRow>(statement: Statement): Promise<readonly R[]> {
    const client = await this.#connect();
    let failure: Error | undefined;
    try {
      const { rows } = await client.query<R>({ ...statement });
      this.#found();
      return rows;
    } catch (error) {
      failure = error instanceof Error ? error : new Error(errorText(error));
      throw this.#converted(error, true);
    } finally {
      // A statement that the database refused leaves the connection good.
      client.release(failure instanceof pg.DatabaseError && !isUnavailable(failure) ? undefined : failure);
    }
  }

  /** A connection of its own, to be ended by the caller. @throws StoreUnavailable */
  async open(): Promise<Queries & { end(): Promise<void> }> {
    const client = new pg.Client(this.#config);
    client.on('error', (error) => this.#lost(error));
    try {
      await client.connect();
    } catch (error) {
      throw this.#converted(error, false);
    }
    return {
      query: async <R extends pg.QueryResultRow>(statement: Statement) => {
        try {
          return (await client.query<R>({ ...statement })).rows;
        } catch (error) {
          throw this.#converted(error, true);
        }
      },
      end: () => client.end(),
    };
  }

  /** Closes all connections of the pool. */
  async close(): Promise<void> {
    clearInterval(this.#probe);
    await this.#pool.end();
  }

  async #connect(): Promise<pg.PoolClient> {
    try {
      return await this.#pool.connect();
    } catch (error) {
      throw this.#converted(error, false);
    }
  }

  /** @param sent whether the statement may have reached the database */
  #converted(error: unknown, sent: boolean): unknown {
    if (error instanceof pg.DatabaseError && !isUnavailable(error)) return error;
    this.#lost(error);
    const refused = error instanceof pg.DatabaseError;
    return new StoreUnavailable(`The database cannot be used: ${reasonOf(error)}.`, {
      cause: error,
      outcomeUnknown: sent && !refused,
    });
  }

  #lost(error: unknown): void {
    if (this.#problem === undefined) this.#log.error({ err: error }, 'the database is lost');
    this.#problem = `The database cannot be used: ${reasonOf(error)}. The key server tries again by itself.`;
    // Requests find out by themselves, but readiness is asked for without any.
    this.#probe ??= setInterval(() => {
      this.query({ text: 'SELECT 1' }).catch(() => undefined);
    }, PROBE_MS).unref();
  }

  #found(): void {
    if (this.#problem === undefined) return;
    this.#problem = undefined;
    clearInterval(this.#probe);
    this.#probe = undefined;
    this.#log.info('the database is back');
  }
}

function clientConfig(config: PostgresConfig): pg.ClientConfig {
  const { host, port, database, user, password, tls, schema } = config;
  const given = { host, port, database, user, password, ssl: tls && { ca: tls.caPem } };
  return {
    ...partsOf(config.url),
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    application_name: 'kpsim kms',
    connectionTimeoutMillis: TIMEOUT_MS,
    query_timeout: TIMEOUT_MS,
    keepAlive: true,
    // Whatever the database's own defaults are: an answer goes out only after its commit is on the disk.
    options: `-c search_path=${schema} -c synchronous_commit=on -c default_transaction_isolation=read\\ committed`,
  };
}

function partsOf(url: string | undefined): pg.ClientConfig {
  if (url === undefined) return {};
  const { hostname, port, pathname, username, password } = new URL(url);
  const parts = { host: hostname, port: Number(port), database: pathname.slice(1), user: username, password };
  const present = Object.entries(parts).filter(([, value]) => value !== '' && value !== 0);
  return Object.fromEntries(
    present.map(([key, value]) => [key, typeof value === 'string' ? decodeURIComponent(value) : value]),
  );
}

function isUnavailable(error: pg.DatabaseError): boolean {
  return (error.code ?? '').slice(0, 2) in UNAVAILABLE;
}

function reasonOf(error: unknown): string {
  if (error instanceof pg.DatabaseError) return UNAVAILABLE[(error.code ?? '').slice(0, 2)] ?? 'it refused';
  const code = error instanceof Error && 'code' in error ? String(error.code) : undefined;
  return code === undefined ? 'no connection, or no answer in time' : `no connection (${code})`;
}
