import { KmipError } from '../../kms/client.js';
import { AttestationError } from '../../wire/attestation/index.js';
import type { KeyServerStatus } from './client.js';
import { KeyServer, serversOf } from './key-server.js';
import type { KeyServerAccess } from './key-server.js';

/** A server that failed is asked last for this long, in milliseconds. */
const AVOID_MS = 10_000;

/** Reasons with which a key server says that it does not accept the client (KMIP 1.4 §9.1.3.2.29). */
const AUTHENTICATION_REASONS: ReadonlySet<string> = new Set([
  'AuthenticationNotSuccessful',
  'PermissionDenied',
]);

/**
 * The key servers of one provider, which are replicas of each other: one that does not answer, or refuses for any
 * reason but the key itself, is passed over for the next.
 */
export class KeyServers {
  readonly #servers: readonly KeyServer[];
  /** When a server failed (monotonic milliseconds). */
  readonly #failedAt = new Map<KeyServer, number>();

  /**
   * @throws VapiError `UNSUPPORTED` for a proxy, `NOT_ALLOWED_IN_CURRENT_STATE` without a server; AttestationError
   * `key_server_unavailable` if no certificate is trusted yet
   */
  constructor(access: KeyServerAccess) {
    this.#servers = serversOf(access.spec).map((server) => new KeyServer(server, access));
  }

  /**
   * Fetches a primary key from the first server that has an answer, each within `connection_timeout`.
   *
   * @returns 32 bytes, for the caller to zeroise
   * @throws AttestationError `WrappingKeyMissingInKMS`, `WrappingKeyNotActiveOrEnabled`, `key_server_unavailable` with
   * what each server said
   */
  async primaryKey(id: string): Promise<Buffer> {
    const failures: AttestationError[] = [];
    for (const server of this.#order()) {
      try {
        const key = await server.primaryKey(id);
        this.#failedAt.delete(server);
        return key;
      } catch (error) {
        if (!(error instanceof AttestationError) || error.reason !== 'key_server_unavailable') throw error;
        this.#failedAt.set(server, performance.now());
        failures.push(error);
      }
    }
    const [only] = failures;
    if (only && failures.length === 1) throw only;
    throw new AttestationError('key_server_unavailable', failures.map(detailOf).join('; '), {
      cause: failures,
    });
  }

  /** Asks every server whether it has the primary key, all at once. */
  status(id: string): Promise<KeyServerStatus[]> {
    return Promise.all(this.#servers.map((server) => statusOf(server, id)));
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }

  /** In the order of the configuration, those that failed a short while ago last. */
  #order(): KeyServer[] {
    const now = performance.now();
    const rank = (server: KeyServer): number => {
      const failedAt = this.#failedAt.get(server);
      return failedAt !== undefined && now - failedAt < AVOID_MS ? failedAt : -1;
    };
    return [...this.#servers].sort((left, right) => rank(left) - rank(right));
  }
}

async function statusOf(server: KeyServer, id: string): Promise<KeyServerStatus> {
  let client_trust_server = false;
  try {
    await server.checkTrust();
    client_trust_server = true;
    await server.checkPrimaryKey(id);
    return { name: server.name, health: 'OK', details: [], client_trust_server, server_trust_client: true };
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error;
    return {
      name: server.name,
      health: 'ERROR',
      details: [{ id: `kpsim.kms.${error.reason}`, default_message: error.message, args: [server.name] }],
      client_trust_server,
      server_trust_client: client_trust_server && isAccepted(error),
    };
  }
}

/** A server accepts the client if it answers in KMIP, and not that it does not: one that just hangs up may not. */
function isAccepted(error: AttestationError): boolean {
  if (error.reason !== 'key_server_unavailable') return true;
  return error.cause instanceof KmipError && !AUTHENTICATION_REASONS.has(error.cause.reason);
}

function detailOf(error: AttestationError): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
