import { createHash } from 'node:crypto';

import { equalSecrets } from '../../core/secret.js';
import type {
  Credential,
  DeviceCredential,
  HashedPassword,
  NameIn,
  Ticket,
  UsernameAndPassword,
} from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { Client } from './identity.js';

/** Tickets that Login handed out. KMIP 2.1 §6.1.30. */
export interface TicketBook {
  /** Whom a ticket is for; undefined if it is unknown, over or logged out. */
  clientOf(ticketValue: Buffer): Client | undefined;
}

/** What a credential proves. */
interface Proof {
  readonly client: Client;
  /** Hash that tells the client that the server knows the password as well (KMIP 2.1 §8.5). */
  readonly serverHashedPassword?: Buffer;
}

type Check<T> = (value: T, connected: Client) => Proof | undefined;

const FIELDS = [
  'deviceSerialNumber',
  'deviceIdentifier',
  'networkIdentifier',
  'machineIdentifier',
  'mediaIdentifier',
] as const satisfies readonly (keyof DeviceCredential)[];

/** Hashes by which a Hashed Password may be made. */
const HASHES: Readonly<Record<string, string>> = {
  SHA_256: 'sha256',
  SHA_384: 'sha384',
  SHA_512: 'sha512',
  SHA3_256: 'sha3-256',
  SHA3_384: 'sha3-384',
  SHA3_512: 'sha3-512',
};

/** Checks the credentials of requests (KMIP 1.4 §2.1.2, KMIP 2.1 §9.11) against those configured. */
export class CredentialCheck {
  readonly #config: Pick<KmsConfig, 'credentials' | 'devices'>;
  readonly #tickets: TicketBook | undefined;
  /** Newest Timestamp of a Hashed Password, by user name; they must grow. */
  readonly #timestamps = new Map<string, bigint>();
  readonly #checks: Partial<Record<NameIn<'CredentialType'>, Check<never>>> = {
    UsernameAndPassword: (value: UsernameAndPassword, connected) => this.#password(value, connected),
    HashedPassword: (value: HashedPassword, connected) => this.#hashedPassword(value, connected),
    Device: (value: DeviceCredential, connected) => this.#device(value, connected),
    Ticket: (value: { readonly ticket: Ticket }) => this.#ticket(value.ticket),
  };

  constructor(config: Pick<KmsConfig, 'credentials' | 'devices'>, tickets?: TicketBook) {
    this.#config = config;
    this.#tickets = tickets;
  }

  /**
   * What a credential proves; undefined for types that prove nothing here.
   *
   * @throws KmipError `AuthenticationNotSuccessful` or `InvalidTicket` if it is wrong
   */
  prove({ type, value }: Credential, connected: Client): Proof | undefined {
    const check = typeof type === 'string' ? this.#checks[type] : undefined;
    return check?.(value as never, connected);
  }

  #password({ username, password }: UsernameAndPassword, connected: Client): Proof {
    const known = this.#config.credentials.find((credential) => credential.username === username);
    const right = equalSecrets(password ?? '', known?.password ?? '');
    if (!known || !right) throw wrongPassword();
    return { client: namedClient(username, known, connected) };
  }

  /** Hash(S1 ‖ Timestamp) ‖ S2, with S1 and S2 hashes of user name and password in either order. */
  #hashedPassword(value: HashedPassword, connected: Client): Proof {
    const { username, timestamp, hashingAlgorithm = 'SHA_256' } = value;
    const hash = HASHES[hashingAlgorithm];
    if (hash === undefined) {
      const choices = Object.keys(HASHES).join(', ');
      throw new KmipError('InvalidField', `A Hashed Password is made here with one of ${choices}.`);
    }
    const known = this.#config.credentials.find((credential) => credential.username === username);
    const password = known?.password ?? '';
    const digest = (...parts: readonly (string | Uint8Array)[]): Buffer => {
      const state = createHash(hash);
      for (const part of parts) state.update(part);
      return state.digest();
    };
    const time = Buffer.alloc(8);
    time.writeBigInt64BE(timestamp);
    const first = digest(username, password);
    const second = digest(password, username);
    const right = equalSecrets(Buffer.concat([digest(first, time), second]), value.hashedPassword);
    if (!known || !right) throw wrongPassword();
    if (timestamp <= (this.#timestamps.get(username) ?? -(2n ** 63n))) {
      throw new KmipError(
        'AuthenticationNotSuccessful',
        'The Timestamp of a Hashed Password must be later than that of the one before. Use the current time.',
      );
    }
    this.#timestamps.set(username, timestamp);
    return {
      client: namedClient(username, known, connected),
      serverHashedPassword: digest(time, first, digest(second)),
    };
  }

  /** A device is the one configured that has all the fields configured for it. */
  #device(value: DeviceCredential, connected: Client): Proof | undefined {
    const { devices } = this.#config;
    if (devices.length === 0) return undefined;
    const known = devices.find((device) =>
      FIELDS.every((field) => device[field] === undefined || device[field] === value[field]),
    );
    const right = equalSecrets(value.password ?? '', known?.password ?? '');
    if (!known || !right) {
      throw new KmipError(
        'AuthenticationNotSuccessful',
        'The Device credential is of no device configured here, or its password is wrong.',
      );
    }
    const name = FIELDS.map((field) => known[field]).find((field) => field !== undefined) ?? connected.name;
    return { client: namedClient(name, known, connected) };
  }

  #ticket({ value }: Ticket): Proof {
    const client = this.#tickets?.clientOf(value);
    if (client) return { client };
    throw new KmipError('InvalidTicket', 'The ticket is unknown, or over. Log in again.');
  }
}

function namedClient(
  name: string,
  known: { readonly owner?: string | undefined; readonly groups: readonly string[] },
  connected: Client,
): Client {
  return { name, owner: known.owner ?? connected.owner, groups: [...connected.groups, ...known.groups] };
}

function wrongPassword(): KmipError {
  return new KmipError('AuthenticationNotSuccessful', 'The user name or password is wrong.');
}
