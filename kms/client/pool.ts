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
  readonly #waiting: (() => void)[] = [];
  /** When a server could not be reached or did not answer (monotonic ms), by its place in the list. */
  readonly #failedAt = new Map<number, number>();
  #lent = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Lends a connection: an idle one if there is, unless a fresh one is asked for.
   *
   * @throws KmipConnectionError if no server can be reached
   */
  async lend(fresh = false): Promise<{ readonly connection: Connection; readonly reused: boolean }> {
    while (this.#lent >= this.#options.size)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#closed) throw closedError();
    this.#lent += 1;
    for (let idle = fresh ? undefined : this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (idle.usable) return { connection: idle, reused: true };
      this.#open.delete(idle);
    }
    try {
      return { connection: await this.connect(), reused: false };
    } catch (error) {
      this.#release();
      throw error;
    }
  }

  /** Takes a lent connection back; one that failed is dropped. */
  giveBack(connection: Connection): void {
    if (connection.usable && !this.#closed) this.#idle.push(connection);
    else void this.discard(connection);
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
    const { servers, tls, connector, timeoutMs } = this.#options;
    const problems: KmipConnectionError[] = [];
    for (const index of this.#order()) {
      const server = servers[index];
      if (!server) continue;
      try {
        const connection = await connector(server, tls, timeoutMs);
        this.#open.set(connection, index);
        if (this.#closed) {
          await this.discard(connection);
          throw closedError();
        }
        return connection;
      } catch (error) {
        if (!(error instanceof KmipConnectionError) || this.#closed) throw error;
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

  /** Closes all connections; whoever waits for one is refused. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#lent = 0;
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

  #release(): void {
    this.#lent = Math.max(0, this.#lent - 1);
    this.#waiting.shift()?.();
  }
}

function closedError(): KmipConnectionError {
  return new KmipConnectionError('This KMIP client is closed.', { mayHaveBeenPerformed: false });
}
