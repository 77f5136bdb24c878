import { randomBytes, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

import { equalSecrets } from '../../core/secret.js';
import { VimFault } from '../../wire/vim25/index.js';
import type { UserConfig } from '../config.js';
import type { Principal } from './authorization.js';

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number }, Buffer>(scrypt);
/** scrypt with 16 MiB a password: a login costs some 40 ms, a guess as much. */
const COST = { N: 2 ** 14, r: 8, p: 1 } as const;
const HASH_BYTES = 32;
const SALT_BYTES = 16;
/** Logins that may be hashed or wait at one time; more are refused so that memory stays bounded. */
const WAITING_LIMIT = 64;

interface KnownUser {
  readonly principal: Principal;
  readonly salt: Buffer;
  readonly hash: Buffer;
}

/** The users of a vCenter; their passwords are kept as scrypt hashes only. */
export class Users {
  readonly #users: ReadonlyMap<string, KnownUser>;
  /** Stands in for a user that is not known, so that the time taken does not tell which names exist. */
  readonly #nobody: KnownUser;
  #waiting = 0;

  private constructor(users: ReadonlyMap<string, KnownUser>, nobody: KnownUser) {
    this.#users = users;
    this.#nobody = nobody;
  }

  /** Hashes the passwords of the configuration. */
  static async create(configured: readonly UserConfig[]): Promise<Users> {
    const users = new Map<string, KnownUser>();
    for (const { name, password, groups } of configured) {
      users.set(name.toLowerCase(), await knownUser({ name, groups }, password));
    }
    return new Users(users, await knownUser({ name: '', groups: [] }, randomBytes(16).toString('hex')));
  }

  /** The principal of that name; undefined if there is none. */
  find(name: string): Principal | undefined {
    return this.#users.get(name.toLowerCase())?.principal;
  }

  /** The principal whose name and password these are; undefined if they are not. @throws VimFault `ResourceInUse` */
  async authenticate(name: string, password: string): Promise<Principal | undefined> {
    if (this.#waiting >= WAITING_LIMIT) {
      throw new VimFault('ResourceInUse', 'Too many logins at once; try again in a moment.');
    }
    const known = this.#users.get(name.toLowerCase());
    const { salt, hash } = known ?? this.#nobody;
    this.#waiting += 1;
    try {
      const given = await derive(password, salt, HASH_BYTES, COST);
      return equalSecrets(given, hash) ? known?.principal : undefined;
    } finally {
      this.#waiting -= 1;
    }
  }
}

async function knownUser(principal: Principal, password: string): Promise<KnownUser> {
  const salt = randomBytes(SALT_BYTES);
  return { principal, salt, hash: await derive(password, salt, HASH_BYTES, COST) };
}
