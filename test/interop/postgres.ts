import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

import type { KmsConfigInput } from '../../kms/config.js';
import { runs } from './requires.js';

const run = promisify(execFile);

/** Debian keeps the programs of each version in a directory of its own. */
const BIN = binDirectory();

/** The program that the tests of the shared store need. */
export const postgresql = {
  name: 'postgresql',
  found: BIN !== undefined && runs(join(BIN, 'postgres'), '--version'),
  install: 'apt-get install postgresql',
};

type PostgresConfig = Extract<NonNullable<KmsConfigInput['store']>, { readonly kind: 'postgresql' }>;

/** A PostgreSQL of our own, on a Unix socket in a temporary directory. */
export class TestPostgres implements AsyncDisposable {
  readonly #directory: string;
  readonly #account: Account | undefined;
  #server: ChildProcess | undefined;

  private constructor(directory: string, account: Account | undefined) {
    this.#directory = directory;
    this.#account = account;
  }

  /** Makes a database cluster and starts it. */
  static async start(): Promise<TestPostgres> {
    const account = await unprivileged();
    const directory = await mkdtemp(join(tmpdir(), 'kpsim-pg-'));
    if (account) await chown(directory, account.uid, account.gid);
    const postgres = new TestPostgres(directory, account);
    const data = join(directory, 'data');
    await run(
      join(BIN!, 'initdb'),
      [
        '--pgdata',
        data,
        '--username',
        'kpsim',
        '--auth',
        'trust',
        '--encoding',
        'UTF8',
        '--locale',
        'C',
        '--no-sync',
      ],
      { cwd: directory, ...account },
    );
    await postgres.up();
    return postgres;
  }

  /** A schema that no test used before, under one at-rest key for all its nodes. */
  freshStore(): PostgresConfig {
    return {
      kind: 'postgresql',
      host: this.#directory,
      user: 'kpsim',
      database: 'postgres',
      schema: `s_${randomBytes(8).toString('hex')}`,
      atRestKeyHex: randomBytes(32).toString('hex'),
    };
  }

  /** Starts the server, which was stopped. */
  async up(): Promise<void> {
    // Nothing here outlives a test, so nothing need be synced; the order of commits is the same.
    const settings = ['-c', 'listen_addresses=', '-c', 'fsync=off', '-c', 'max_connections=200'];
    const server = spawn(
      join(BIN!, 'postgres'),
      ['-D', join(this.#directory, 'data'), '-k', this.#directory, ...settings],
      { cwd: this.#directory, stdio: 'ignore', ...this.#account },
    );
    this.#server = server;
    while (!(await this.#answers())) {
      if (server.exitCode !== null) throw new Error(`postgres ended with ${server.exitCode}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Stops the server, cutting all connections as a machine that dies does. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server?.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill('SIGQUIT');
    await ended;
  }

  /** Bytes of all files of the database cluster are searched: the names of those that hold `needle`. */
  async filesWith(needle: string): Promise<readonly string[]> {
    const found = await run('grep', ['-rlaF', needle, join(this.#directory, 'data')]).catch(() => ({
      stdout: '',
    }));
    return found.stdout.split('\n').filter((name) => name !== '');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #answers(): Promise<boolean> {
    const ready = run(join(BIN!, 'pg_isready'), ['-h', this.#directory, '-q']);
    return ready.then(
      () => true,
      () => false,
    );
  }
}

interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** PostgreSQL refuses to run as root; then the account of its package does it. */
async function unprivileged(): Promise<Account | undefined> {
  if (userInfo().uid !== 0) return undefined;
  const id = async (flag: string): Promise<number> => Number((await run('id', [flag, 'postgres'])).stdout);
  return { uid: await id('-u'), gid: await id('-g') };
}

function binDirectory(): string | undefined {
  const root = '/usr/lib/postgresql';
  try {
    const newest = readdirSync(root).sort((left, right) => Number(right) - Number(left))[0];
    return newest === undefined ? undefined : join(root, newest, 'bin');
  } catch {
    return undefined;
  }
}
