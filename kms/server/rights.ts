import type { IdentifierReference, OperationName, Right } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import type { ManagedObject } from '../objects/managed-object.js';

type UsageLimits = Right['usageLimits'];

/** A number of operations that may still be performed. */
class Allowance {
  #left: bigint | undefined;

  /** @throws KmipError if the limits count anything but operations, or are none */
  constructor(limits: UsageLimits) {
    if (limits && limits.unit !== 'Object') {
      throw new KmipError(
        'FeatureNotSupported',
        'Usage Limits of tickets count operations: give the unit Object.',
      );
    }
    this.#left = limits ? (limits.count ?? limits.total) : undefined;
    if (this.#left !== undefined && this.#left < 1n) {
      throw new KmipError('InvalidField', 'The Usage Limits of a ticket must allow at least one operation.');
    }
  }

  get spent(): boolean {
    return this.#left === 0n;
  }

  take(): void {
    if (this.#left !== undefined) this.#left -= 1n;
  }

  giveBack(): void {
    if (this.#left !== undefined) this.#left += 1n;
  }
}

/** One Right (KMIP 2.1 §7.34); what it does not name is not restricted. */
class GrantedRight {
  readonly allowance: Allowance;
  readonly #operations: ReadonlySet<unknown> | undefined;
  readonly #objects: ReadonlySet<IdentifierReference> | undefined;
  readonly #groups: ReadonlySet<unknown> | undefined;

  constructor(right: Right) {
    this.allowance = new Allowance(right.usageLimits);
    this.#operations = right.operations && new Set(right.operations.operations);
    this.#objects = right.objects && new Set(right.objects.uniqueIdentifiers);
    this.#groups = right.objectGroups && new Set(right.objectGroups.objectGroups);
    for (const object of this.#objects ?? []) {
      if (typeof object !== 'string') {
        throw new KmipError('InvalidField', 'The Objects of a Right must be named by their identifiers.');
      }
    }
  }

  allows(operation: OperationName): boolean {
    return this.#operations?.has(operation) ?? true;
  }

  /** Whether it is for some objects only. */
  get isSelective(): boolean {
    return this.#objects !== undefined || this.#groups !== undefined;
  }

  covers(object: ManagedObject): boolean {
    const named = this.#objects?.has(object.uniqueIdentifier) ?? true;
    return (
      named &&
      (!this.#groups || object.instances('ObjectGroup').some(({ value }) => this.#groups?.has(value)))
    );
  }
}

/** What the holder of a ticket may do (KMIP 2.1 §6.1.12, §6.1.30). */
export class Grant {
  readonly #allowance: Allowance;
  readonly #rights: readonly GrantedRight[] | undefined;

  /** @throws KmipError if the limits or rights cannot be kept */
  constructor(request: {
    readonly usageLimits?: UsageLimits;
    readonly rights?: { readonly rights?: readonly Right[] | undefined } | undefined;
  }) {
    this.#allowance = new Allowance(request.usageLimits);
    this.#rights = request.rights && (request.rights.rights ?? []).map((right) => new GrantedRight(right));
  }

  /** What one request does with it. */
  forRequest(): RequestGrant {
    return new RequestGrant(this.#allowance, this.#rights);
  }
}

interface Taken {
  readonly right: GrantedRight | undefined;
}

/** A {@link Grant} as one request uses it; a request that is redone after a conflict counts once. */
export class RequestGrant {
  readonly #allowance: Allowance;
  readonly #rights: readonly GrantedRight[] | undefined;
  readonly #taken = new Map<number, Taken>();
  #current: Taken | undefined;

  constructor(allowance: Allowance, rights: readonly GrantedRight[] | undefined) {
    this.#allowance = allowance;
    this.#rights = rights;
  }

  /**
   * Counts a batch item in.
   *
   * @param target the object it names, if it names one that there is
   * @throws KmipError `PermissionDenied` or `UsageLimitExceeded`
   */
  begin(index: number, operation: OperationName, target: ManagedObject | undefined): void {
    this.#current = this.#taken.get(index) ?? this.#take(operation, target);
    this.#taken.set(index, this.#current);
  }

  /** Whether the item that was begun last may touch an object. */
  covers(object: ManagedObject): boolean {
    return this.#current?.right?.covers(object) ?? true;
  }

  /** Counts a batch item out that failed. */
  giveBack(index: number): void {
    const taken = this.#taken.get(index);
    if (!taken) return;
    this.#taken.delete(index);
    this.#allowance.giveBack();
    taken.right?.allowance.giveBack();
  }

  #take(operation: OperationName, target: ManagedObject | undefined): Taken {
    const fitting = this.#rights?.filter(
      (right) =>
        right.allows(operation) && (!right.isSelective || (target !== undefined && right.covers(target))),
    );
    if (fitting?.length === 0) {
      throw new KmipError('PermissionDenied', `The Rights of the ticket do not cover this ${operation}.`);
    }
    const right = fitting?.find(({ allowance }) => !allowance.spent);
    if (this.#allowance.spent || (fitting && !right)) {
      throw new KmipError('UsageLimitExceeded', 'The ticket allows no further operations. Log in again.');
    }
    this.#allowance.take();
    right?.allowance.take();
    return { right };
  }
}
