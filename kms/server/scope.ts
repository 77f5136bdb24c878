import type { Clock } from '../../core/clock.js';
import type { Promised } from '../../core/promised.js';
import { whenThere } from '../../core/promised.js';
import type { Rng } from '../../core/rng.js';
import { KmipError, RANK_2_0 } from '../../wire/kmip/index.js';
import type {
  IdentifierReference,
  NameIn,
  OperationName,
  ProtocolVersionName,
} from '../../wire/kmip/index.js';
import type { KmsConfig } from '../config.js';
import type { ManagedObject } from '../objects/managed-object.js';
import type { Workspace } from '../objects/workspace.js';
import { Refusal } from '../refusals.js';
import type { AttestationClaim } from './attestation.js';
import type { RequestEffects } from './effects.js';
import type { Opens } from '../store.js';
import type { Client } from './identity.js';
import type { GuardedObject } from './policies.js';
import type { RequestGrant } from './rights.js';
import type { SearchBudget } from './search-budget.js';
import type { ServerState } from './state.js';

/** What an operation is given besides its payload; one for each request, its batch items sharing it. */
export class RequestScope {
  readonly config: KmsConfig;
  readonly rng: Rng;
  readonly client: Client;
  readonly attestation: AttestationClaim;
  readonly version: ProtocolVersionName;
  /** Rank of {@link version}. */
  readonly rank: number;
  readonly workspace: Workspace;
  readonly server: ServerState;
  /** What the request does besides changing objects. */
  readonly effects: RequestEffects;
  /** What its searches may look at. */
  readonly searchBudget: SearchBudget;
  /** The operation being performed, whose policy decides which objects are open. */
  operation: OperationName = 'Get';
  /** Time of the request, seconds since 1970; the same for all of its batch items. */
  readonly nowSeconds: number;
  /** The same time in milliseconds. */
  readonly nowMs: number;
  /** The ID Placeholder (KMIP 1.4 §4). */
  placeholder: string | undefined;
  /** Identifiers by the operation that returned them last, and all of them in their order, once there are any. */
  #latest: Map<OperationName | NameIn<'UniqueIdentifier'>, string> | undefined;
  #returned: string[] | undefined;
  readonly #grant: RequestGrant | undefined;

  constructor(fields: {
    readonly config: KmsConfig;
    readonly rng: Rng;
    readonly clock: Clock;
    readonly client: Client;
    readonly attestation: AttestationClaim;
    readonly version: ProtocolVersionName;
    readonly rank: number;
    readonly workspace: Workspace;
    readonly server: ServerState;
    readonly effects: RequestEffects;
    readonly searchBudget: SearchBudget;
    /** What a ticket lets the client do; everything if there is none. */
    readonly grant?: RequestGrant | undefined;
  }) {
    this.config = fields.config;
    this.rng = fields.rng;
    this.client = fields.client;
    this.attestation = fields.attestation;
    this.version = fields.version;
    this.rank = fields.rank;
    this.workspace = fields.workspace;
    this.server = fields.server;
    this.effects = fields.effects;
    this.searchBudget = fields.searchBudget;
    this.#grant = fields.grant;
    this.nowMs = fields.clock.now();
    this.nowSeconds = Math.floor(this.nowMs / 1000);
  }

  /** Whether the request speaks KMIP 2.x. */
  get speaks2(): boolean {
    return this.rank >= RANK_2_0;
  }

  /** Notes the identifier that an operation returned and puts it into the ID Placeholder. */
  returns(operation: OperationName, uniqueIdentifier: string): void {
    this.placeholder = uniqueIdentifier;
    (this.#latest ??= new Map()).set(operation, uniqueIdentifier);
    (this.#returned ??= []).push(uniqueIdentifier);
  }

  /** Notes the identifiers of a key pair; the ID Placeholder gets the private key's (KMIP 1.4 §4.2). */
  returnsPair(operation: 'CreateKeyPair' | 'ReKeyKeyPair', privateKey: string, publicKey: string): void {
    this.returns(operation, privateKey);
    (this.#latest ??= new Map()).set(`${operation}PrivateKey`, privateKey);
    (this.#latest ??= new Map()).set(`${operation}PublicKey`, publicKey);
    (this.#returned ??= []).push(publicKey);
  }

  /** The identifier that a request means. @throws Refusal `noIdPlaceholder` */
  resolve(reference: IdentifierReference | undefined): string {
    const found = this.identifierOf(reference);
    if (found !== undefined) return found;
    throw new Refusal(
      'noIdPlaceholder',
      'No Unique Identifier is given, and no earlier item of this batch returned one. Name the object.',
    );
  }

  /**
   * The object that a request means, if the client may perform the operation on it.
   *
   * @param options.archived whether it may be in archival storage
   * @throws Refusal `objectNotFound`, also for objects that the client may not know of; `noIdPlaceholder`
   * @throws KmipError `PermissionDenied` or `ObjectArchived`
   */
  object(
    reference: IdentifierReference | undefined,
    options: { readonly archived?: boolean } = {},
  ): Promised<ManagedObject> {
    const uniqueIdentifier = this.resolve(reference);
    return whenThere(this.workspace.read(uniqueIdentifier, this.#opens()), (object) =>
      this.#admitted(uniqueIdentifier, object, options),
    );
  }

  #admitted(
    uniqueIdentifier: string,
    object: ManagedObject | undefined,
    options: { readonly archived?: boolean },
  ): ManagedObject {
    if (!object || !this.server.policies.allows(this.client, this.operation, guarded(object))) {
      throw this.#refusal(uniqueIdentifier, object);
    }
    if (this.#grant?.covers(object) === false) {
      throw new KmipError('PermissionDenied', 'The Rights of the ticket do not cover this object.');
    }
    if (options.archived !== true && object.get('ArchiveDate') !== undefined) {
      throw new KmipError(
        'ObjectArchived',
        `Object ${quoted(uniqueIdentifier)} is in archival storage. Recover it first.`,
      );
    }
    return object;
  }

  /** Which objects may be read at all; of others not even the time that reading takes is to be seen. */
  #opens(): Opens | undefined {
    if (this.config.foreignObjects === 'denied') return undefined;
    const { client, operation, server } = this;
    return ({ owner, objectType }) =>
      owner === client.owner || server.policies.mayReveal(client, operation, objectType);
  }

  /** Whether the client may know that there is such an object. */
  mayKnowOf(object: ManagedObject): boolean {
    return (
      this.config.foreignObjects === 'denied' || this.server.policies.reveals(this.client, guarded(object))
    );
  }

  /** One answer for what is not there and for what the client may not know of. */
  #refusal(uniqueIdentifier: string, object: ManagedObject | undefined): KmipError {
    if (object && this.mayKnowOf(object)) {
      return new KmipError(
        'PermissionDenied',
        `The operation policy of object ${quoted(uniqueIdentifier)} does not let this client perform ${this.operation}.`,
      );
    }
    return new Refusal(
      'objectNotFound',
      `There is no object ${quoted(uniqueIdentifier)}. Locate lists those there are.`,
    );
  }

  /** The identifier that a request means; undefined if it means none. */
  identifierOf(reference: IdentifierReference | undefined): string | undefined {
    if (typeof reference === 'string') return reference;
    if (reference === undefined) return this.placeholder;
    if ('index' in reference) return this.#returned?.at(reference.index);
    const { of } = reference;
    if (of === 'IDPlaceholder') return this.placeholder;
    // The other names are those of operations; those of key pairs name one half.
    return typeof of === 'string' ? this.#latest?.get(of) : undefined;
  }
}

/** What a policy needs to know of an object. */
export function guarded(object: ManagedObject): GuardedObject {
  const { owner, objectType } = object;
  return { owner, objectType, operationPolicyName: object.get('OperationPolicyName') };
}

/** A client's text for a message: short, and without control characters. */
export function quoted(text: string): string {
  const short = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return `'${short.replaceAll(/\p{Cc}/gu, '?')}'`;
}
