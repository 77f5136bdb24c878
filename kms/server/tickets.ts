import { createHash, randomBytes } from 'node:crypto';

import type { Clock } from '../../core/clock.js';
import type { RequestPayload, Ticket } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import { Refusal } from '../refusals.js';
import type { TicketBook } from './credentials.js';
import type { Client } from './identity.js';
import { Grant } from './rights.js';

/** What a login asks for; Delegated Login adds Rights. */
export type LoginRequest = RequestPayload<'Login'> &
  Partial<Pick<RequestPayload<'DelegatedLogin'>, 'rights'>>;

interface Issued {
  readonly client: Client;
  readonly expiresMs: number;
  /** Requests that may still be made with it; any number if undefined. */
  requests: number | undefined;
}

const TICKET_BYTES = 32;

/**
 * The tickets that logins handed out (KMIP 2.1 §6.1.30). Whoever has a ticket speaks for the client that logged in.
 * They are kept in memory, as hashes: a restart logs everybody out.
 */
export class Tickets implements TicketBook {
  readonly #config: KmsConfig['tickets'];
  readonly #clock: Clock;
  /** By the SHA-256 of the ticket, in hex. */
  readonly #issued = new Map<string, Issued>();
  readonly #grants = new WeakMap<Client, Grant>();

  constructor(config: KmsConfig['tickets'], { clock }: { readonly clock: Clock }) {
    this.#config = config;
    this.#clock = clock;
  }

  /**
   * Hands out a ticket for a client.
   *
   * @throws KmipError `InvalidField`; `PermissionDenied` to those who come with a ticket themselves
   */
  issue(client: Client, request: LoginRequest): Ticket {
    if (this.#grants.has(client)) {
      throw new KmipError('PermissionDenied', 'A ticket does not log in. Use a credential or a certificate.');
    }
    const { requestCount } = request;
    if (requestCount !== undefined && requestCount < 1) {
      throw new KmipError('InvalidField', 'Request Count must be at least 1.');
    }
    // A client object of its own: what the ticket may do hangs on it.
    const holder: Client = { ...client };
    const grant = new Grant(request);
    const expiresMs = this.#expiryOf(request.leaseTime);
    this.#makeRoom();
    const value = randomBytes(TICKET_BYTES);
    this.#grants.set(holder, grant);
    this.#issued.set(keyOf(value), { client: holder, expiresMs, requests: requestCount });
    return { type: 'Login', value };
  }

  clientOf(value: Buffer): Client | undefined {
    const key = keyOf(value);
    const issued = this.#issued.get(key);
    if (!issued) return undefined;
    if (issued.expiresMs <= this.#clock.now() || issued.requests === 0) {
      this.#issued.delete(key);
      return undefined;
    }
    if (issued.requests !== undefined) issued.requests -= 1;
    return issued.client;
  }

  /** Ends a ticket. @throws KmipError `InvalidTicket` if there is no such ticket */
  end({ value }: Ticket): void {
    if (this.#issued.delete(keyOf(value))) return;
    throw new KmipError('InvalidTicket', 'There is no such ticket, or it was logged out already.');
  }

  /** Takes a ticket back that nobody was to have. */
  takeBack({ value }: Ticket): void {
    this.#issued.delete(keyOf(value));
  }

  /** What a client may do that came with a ticket; undefined for those who came without. */
  grantOf(client: Client): Grant | undefined {
    return this.#grants.get(client);
  }

  #expiryOf(lease: LoginRequest['leaseTime']): number {
    const now = this.#clock.now();
    const longest = this.#config.maximumLeaseSeconds;
    if (lease === undefined) return now + Math.min(this.#config.leaseSeconds, longest) * 1000;
    const expiresMs = 'until' in lease ? lease.until * 1000 : now + lease.seconds * 1000;
    if (expiresMs > now && expiresMs <= now + longest * 1000) return expiresMs;
    throw new KmipError(
      'InvalidField',
      `The Lease Time of a ticket must end in the future, at most ${longest} seconds from now.`,
    );
  }

  #makeRoom(): void {
    if (this.#issued.size < this.#config.limit) return;
    const now = this.#clock.now();
    for (const [key, { expiresMs, requests }] of this.#issued) {
      if (expiresMs <= now || requests === 0) this.#issued.delete(key);
    }
    if (this.#issued.size < this.#config.limit) return;
    throw new Refusal(
      'tooManyTickets',
      `${this.#config.limit} tickets are out already. Log some of them out, or wait for their leases to end.`,
    );
  }
}

function keyOf(value: Buffer): string {
  return createHash('sha256').update(value).digest('hex');
}
