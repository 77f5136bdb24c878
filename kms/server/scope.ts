import type { Clock } from '../../core/clock.js';
import type { Rng } from '../../core/rng.js';
import { RANK_2_0 } from '../../wire/kmip/index.js';
import type { IdentifierReference, OperationName, ProtocolVersionName } from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { Workspace } from '../objects/workspace.js';
import { Refusal } from '../refusals.js';
import type { Client } from './identity.js';

/** What an operation is given besides its payload; one for each request, its batch items sharing it. */
export class RequestScope {
  readonly config: KmsConfig;
  readonly rng: Rng;
  readonly client: Client;
  readonly version: ProtocolVersionName;
  /** Rank of {@link version}. */
  readonly rank: number;
  readonly workspace: Workspace;
  /** Time of the request, seconds since 1970; the same for all of its batch items. */
  readonly nowSeconds: number;
  /** The ID Placeholder (KMIP 1.4 §4). */
  placeholder: string | undefined;
  readonly #latest = new Map<OperationName, string>();
  readonly #returned: string[] = [];

  constructor(fields: {
    readonly config: KmsConfig;
    readonly rng: Rng;
    readonly clock: Clock;
    readonly client: Client;
    readonly version: ProtocolVersionName;
    readonly rank: number;
    readonly workspace: Workspace;
  }) {
    this.config = fields.config;
    this.rng = fields.rng;
    this.client = fields.client;
    this.version = fields.version;
    this.rank = fields.rank;
    this.workspace = fields.workspace;
    this.nowSeconds = Math.floor(fields.clock.now() / 1000);
  }

  /** Whether the request speaks KMIP 2.x. */
  get speaks2(): boolean {
    return this.rank >= RANK_2_0;
  }

  /** Notes the identifier that an operation returned and puts it into the ID Placeholder. */
  returns(operation: OperationName, uniqueIdentifier: string): void {
    this.placeholder = uniqueIdentifier;
    this.#latest.set(operation, uniqueIdentifier);
    this.#returned.push(uniqueIdentifier);
  }

  /** The identifier that a request means. @throws Refusal `noIdPlaceholder` */
  resolve(reference: IdentifierReference | undefined): string {
    const found = this.#lookUp(reference);
    if (found !== undefined) return found;
    throw new Refusal(
      'noIdPlaceholder',
      'No Unique Identifier is given, and no earlier item of this batch returned one. Name the object.',
    );
  }

  /**
   * The object that a request means, if the client may see it.
   *
   * @throws Refusal `objectNotFound`, also for objects of other owners; `noIdPlaceholder`
   */
  async object(reference: IdentifierReference | undefined): Promise<ManagedObject> {
    const uniqueIdentifier = this.resolve(reference);
    const object = await this.workspace.read(uniqueIdentifier);
    if (object?.owner === this.client.owner) return object;
    throw new Refusal(
      'objectNotFound',
      `There is no object ${quoted(uniqueIdentifier)}. Locate lists those there are.`,
    );
  }

  #lookUp(reference: IdentifierReference | undefined): string | undefined {
    if (typeof reference === 'string') return reference;
    if (reference === undefined) return this.placeholder;
    if ('index' in reference) return this.#returned.at(reference.index);
    const { of } = reference;
    if (of === 'IDPlaceholder') return this.placeholder;
    // The other names are those of operations; those of key pairs name one half.
    return this.#latest.get(of as OperationName);
  }
}

/** A client's text for a message: short, and without control characters. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return `'${short.replaceAll(/\p{Cc}/gu, '?')}'`;
}
