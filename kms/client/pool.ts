import { setMaxListeners } from 'node:events';

import type { Connection, Connector, KmipClientTls, KmipServerAddress } from './connection.js';
import { KmipConnectionError } from './errors.js';

/** What a pool needs to connect. */
export interface PoolOptions {
  /** Servers of one cluster; those that fail are passed over for the next. */
  readonly servers: readonly KmipServerAddress[];
  readonly tls: KmipClientTls;
  readonly connector: Connector;
  readonly timeoutMs: number;
  /** Connections at most; further requests wait. */
  readonly size: number;
}

/** A server that failed is asked last for this long, in milliseconds. */
const AVOID_MS = 10_000;

/** Connections to the servers of one cluster, lent out one exchange at a time. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #idle: Connection[] = [];
  /** Open connections, and the places of their servers in the list. */
  readonly #open = new Map<Connection, number>();
  /** Those who wait for a connection to be given back, and take over its place. */
  readonly #waiting: (() => void)[] = [];
  /** Ends attempts to connect. */
  readonly #closing = new AbortController();
  /** When a server could not be reached or did not answer (monotonic ms), by its place in the list. */
  readonly #failedAt = new Map<number, number>();
  /** Places in use, of {@link PoolOptions.size}: connections lent, or being opened. */
  #lent = 0;

  constructor(options: PoolOptions) {
    this.#options = options;
    // Each attempt under way listens to it, and no longer: many listeners are many attempts, not forgotten ones.
    setMaxListeners(0, this.#closing.signal);
  }

  /**
   * Lends a connection: an idle one if there is, unless a fresh one is asked for. Waits while all are lent.
   *
   * @throws KmipConnectionError if no server can be reached, or the pool is closed
   */
  async lend(fresh = false): Promise<{ readonly connection: Connection; readonly reused: boolean }> {
    if (this.#lent < this.#options.size) this.#lent += 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      this.#demandOpen();
      const idle = fresh ? undefined : this.#takeIdle();
      if (idle) return { connection: idle, reused: true };
      // A fresh connection counts like any other.
      if (this.#lent + this.#idle.length > this.#options.size) this.#drop(this.#idle.shift());
      return { connection: await this.connect(), reused: false };
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Takes a lent connection back; one that failed is dropped. */
  giveBack(connection: Connection): void {
    if (connection.usable && !this.#closing.signal.aborted) this.#idle.push(connection);
    else this.#drop(connection);
    this.#release();
  }

  /** Notes that the server of a connection took a request and did not answer it. */
  noteFailure(connection: Connection): void {
    const index = this.#open.get(connection);
    if (index !== undefined) this.#failedAt.set(index, performance.now());
  }

  /**
   * A new connection outside the pool's count, to the first server that can be reached. Servers that failed a short
   * while ago are asked last, the one that failed first before the others.
   *
   * @throws KmipConnectionError
   */
  async connect(): Promise<Connection> {
    this.#demandOpen();
    const { servers, tls, connector, timeoutMs } = this.#options;
    const { signal } = this.#closing;
    const problems: KmipConnectionError[] = [];
    for (const index of this.#order()) {
      const server = servers[index];
      if (!server) continue;
      try {
        const connection = await connector(server, tls, timeoutMs, signal);
        this.#open.set(connection, index);
        if (signal.aborted) await this.discard(connection);
        this.#demandOpen();
        return connection;
      } catch (error) {
        this.#demandOpen();
        if (!(error instanceof KmipConnectionError)) throw error;
        this.#failedAt.set(index, performance.now());
        problems.push(error);
      }
    }
    const [only] = problems;
    if (only && problems.length === 1) throw only;
    throw new KmipConnectionError(
      `No key server can be reached: ${problems.map((problem) => problem.message).join('; ')}`,
      { cause: problems, mayHaveBeenPerformed: false },
    );
  }

  /** Closes a connection that {@link connect} made. */
  async discard(connection: Connection): Promise<void> {
    this.#open.delete(connection);
    await connection.close();
  }

  /** Closes all connections; what is under way fails, and whoever waits for a connection is refused. */
  async close(): Promise<void> {
    this.#closing.abort();
    for (const wake of this.#waiting.splice(0)) wake();
    await Promise.all([...this.#open.keys()].map((connection) => this.discard(connection)));
  }

  /** Places of the servers in the order in which they are tried. */
  #order(): number[] {
    const now = performance.now();
    const rank = (index: number): number => {
      const failedAt = this.#failedAt.get(index);
      return failedAt !== undefined && now - failedAt < AVOID_MS ? failedAt : -1;
    };
    return [...this.#options.servers.keys()].sort((left, right) => rank(left) - rank(right));
  }

  #takeIdle(): Connection | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.usable) return idle;
      this.#open.delete(idle);
    }
    return undefined;
  }

  #drop(connection: Connection | undefined): void {
    if (connection) void this.discard(connection);
  }

  /** Hands a place on to whoever waits longest. */
  #release(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#lent -= 1;
  }

  #demandOpen(): void {
    if (!this.#closing.signal.aborted) return;
    throw new KmipConnectionError('This KMIP client is closed.', { mayHaveBeenPerformed: false });
  }
}
