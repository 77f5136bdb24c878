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

/** Connections to the servers of one cluster, lent out one exchange at a time. */
export class ConnectionPool {
  readonly #options: PoolOptions;
  readonly #idle: Connection[] = [];
  readonly #open = new Set<Connection>();
  readonly #waiting: (() => void)[] = [];
  #lent = 0;
  #preferred = 0;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /** Lends a connection, an idle one if there is. @throws KmipConnectionError if no server can be reached */
  async lend(): Promise<{ readonly connection: Connection; readonly reused: boolean }> {
    while (this.#lent >= this.#options.size)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    if (this.#closed) throw closedError();
    this.#lent += 1;
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
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

  /** A new connection outside the pool's count, to the first server that can be reached. @throws KmipConnectionError */
  async connect(): Promise<Connection> {
    const { servers, tls, connector, timeoutMs } = this.#options;
    const problems: KmipConnectionError[] = [];
    for (let turn = 0; turn < servers.length; turn += 1) {
      const index = (this.#preferred + turn) % servers.length;
      const server = servers[index];
      if (!server) continue;
      try {
        const connection = await connector(server, tls, timeoutMs);
        this.#preferred = index;
        this.#open.add(connection);
        if (this.#closed) {
          await this.discard(connection);
          throw closedError();
        }
        return connection;
      } catch (error) {
        if (!(error instanceof KmipConnectionError) || this.#closed) throw error;
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
    await Promise.all([...this.#open].map((connection) => this.discard(connection)));
  }

  #release(): void {
    this.#lent = Math.max(0, this.#lent - 1);
    this.#waiting.shift()?.();
  }
}

function closedError(): KmipConnectionError {
  return new KmipConnectionError('This KMIP client is closed.', { mayHaveBeenPerformed: false });
}
