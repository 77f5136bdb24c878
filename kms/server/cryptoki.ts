import type { Rng } from '../../core/rng.js';
import type { Client } from './identity.js';

/** Applications of one client that are initialised at once; the oldest is finalised for the next one. Own choice. */
const APPLICATIONS_OF_A_CLIENT = 16;

type Requester = Pick<Client, 'name' | 'owner'>;

/** The applications that called C_Initialize through PKCS#11 (KMIP 2.1 §6.1.37), by their correlation values. */
export class CryptokiApplications {
  readonly #rng: Rng;
  /** Correlation values in hex, oldest first, by client. */
  readonly #initialised = new Map<string, Set<string>>();

  constructor(rng: Rng) {
    this.#rng = rng;
  }

  /** @returns the correlation value of the new application: 16 bytes */
  initialize(client: Requester): Buffer {
    const key = keyOf(client);
    const own = this.#initialised.get(key) ?? new Set();
    this.#initialised.set(key, own);
    const [oldest] = own;
    if (oldest !== undefined && own.size >= APPLICATIONS_OF_A_CLIENT) own.delete(oldest);
    const correlationValue = this.#rng.bytes(16);
    own.add(correlationValue.toString('hex'));
    return correlationValue;
  }

  isInitialised(client: Requester, correlationValue: Buffer | undefined): boolean {
    return this.#initialised.get(keyOf(client))?.has(correlationValue?.toString('hex') ?? '') ?? false;
  }

  finalize(client: Requester, correlationValue: Buffer): void {
    const key = keyOf(client);
    const own = this.#initialised.get(key);
    own?.delete(correlationValue.toString('hex'));
    if (own?.size === 0) this.#initialised.delete(key);
  }
}

function keyOf({ name, owner }: Requester): string {
  return JSON.stringify([owner, name]);
}
