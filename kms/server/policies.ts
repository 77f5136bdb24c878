import type { OperationName } from '../../wire/kmip/index.js';
import type { ObjectTypeName } from '../attributes/rules.js';
import type { KmsConfig } from '../config.js';
import type { Client } from './identity.js';

/** One row of an operation policy: whom it lets perform which operations on objects of which types. */
export type PolicyRule = KmsConfig['policies'][string][number];

/** What a policy needs to know of an object. */
export interface GuardedObject {
  readonly owner: string;
  readonly objectType: ObjectTypeName;
  readonly operationPolicyName: string | undefined;
}

/** Where objects that a policy opens to a client are to be searched. */
export interface OpenedObjects {
  readonly policyName: string;
  /** All types if undefined. */
  readonly objectType: ObjectTypeName | undefined;
}

const READS = ['Locate', 'Get', 'GetAttributes', 'GetAttributeList'] as const;
const OWNER_ONLY: PolicyRule = { allow: ['owner'] };

/** The policies that every server has. KMIP 1.4 §3.18.2, Tables 92 to 95; `private` is an own choice. */
export const BUILT_IN_POLICIES: KmsConfig['policies'] = {
  default: [
    {
      objectTypes: ['Certificate', 'PublicKey'],
      operations: [...READS, 'Check', 'ObtainLease'],
      allow: ['everyone'],
    },
    OWNER_ONLY,
  ],
  public: [
    { objectTypes: ['Template'], operations: [...READS], allow: ['everyone'] },
    {
      objectTypes: ['Template'],
      operations: ['AddAttribute', 'ModifyAttribute', 'DeleteAttribute', 'Destroy'],
      allow: [],
    },
    OWNER_ONLY,
  ],
  private: [OWNER_ONLY],
};

/** Operations by which a client learns that an object exists. */
const REVEALING: readonly OperationName[] = READS;

/**
 * The operation policies of a server: the built-in ones, and those of its configuration, which may replace them. The
 * first rule of a policy that names operation and object type decides; where none does, the owner is allowed alone.
 */
export class OperationPolicies {
  readonly #policies: ReadonlyMap<string, readonly PolicyRule[]>;

  /** Types of others' objects of which a client may learn by an operation; all, if undefined is among them. */
  readonly #revealed = new WeakMap<Client, Map<OperationName, ReadonlySet<ObjectTypeName | undefined>>>();
  /** Whether all clients are of one owner, so that there are no others' objects to look for. */
  readonly #oneOwner: boolean;

  constructor(config: Pick<KmsConfig, 'policies' | 'ownerPolicy' | 'clients' | 'credentials' | 'devices'>) {
    this.#policies = new Map(Object.entries({ ...BUILT_IN_POLICIES, ...config.policies }));
    const known = [...config.clients, ...config.credentials, ...config.devices];
    this.#oneOwner = config.ownerPolicy === 'shared' && known.every(({ owner }) => owner === undefined);
  }

  /** Whether there is a policy of that name. */
  has(name: string): boolean {
    return this.#policies.has(name);
  }

  /** The names of all policies. */
  names(): string[] {
    return [...this.#policies.keys()];
  }

  /** Whether a client may perform an operation on an object. */
  allows(client: Client, operation: OperationName, object: GuardedObject): boolean {
    const rules = this.#policies.get(object.operationPolicyName ?? 'default') ?? [];
    return permits(ruleFor(rules, operation, object.objectType), client, object.owner === client.owner);
  }

  /** Whether a client may know that an object exists. */
  reveals(client: Client, object: GuardedObject): boolean {
    return (
      object.owner === client.owner || REVEALING.some((operation) => this.allows(client, operation, object))
    );
  }

  /** Whether any policy opens objects of others of that type to a client, or tells it of them. */
  mayReveal(client: Client, operation: OperationName, type: string): boolean {
    let byOperation = this.#revealed.get(client);
    if (!byOperation)
      this.#revealed.set(
        client,
        (byOperation = new Map<OperationName, ReadonlySet<ObjectTypeName | undefined>>()),
      );
    let types = byOperation.get(operation);
    if (!types) {
      const opened = [operation, ...REVEALING].flatMap((one) => this.openedTo(client, one));
      byOperation.set(operation, (types = new Set(opened.map(({ objectType }) => objectType))));
    }
    return types.has(type as ObjectTypeName) || types.has(undefined);
  }

  /** Which objects of others a client may perform an operation on. */
  openedTo(client: Client, operation: OperationName): readonly OpenedObjects[] {
    if (this.#oneOwner) return [];
    return [...this.#policies].flatMap(([policyName, rules]) =>
      openedTypes(rules, client, operation).map((objectType) => ({ policyName, objectType })),
    );
  }
}

function openedTypes(
  rules: readonly PolicyRule[],
  client: Client,
  operation: OperationName,
): readonly (ObjectTypeName | undefined)[] {
  const relevant = rules.filter((rule) => rule.operations?.includes(operation) ?? true);
  const types = relevant.flatMap((rule) =>
    permits(rule, client, false) ? (rule.objectTypes ?? [undefined]) : [],
  );
  return types.includes(undefined) ? [undefined] : [...new Set(types)];
}

function ruleFor(
  rules: readonly PolicyRule[],
  operation: OperationName,
  objectType: ObjectTypeName,
): PolicyRule {
  return (
    rules.find(
      (rule) =>
        (rule.operations?.includes(operation) ?? true) && (rule.objectTypes?.includes(objectType) ?? true),
    ) ?? OWNER_ONLY
  );
}

function permits({ allow }: PolicyRule, client: Client, owns: boolean): boolean {
  if (allow.includes('everyone') || (owns && allow.includes('owner'))) return true;
  return client.groups.some((group) => allow.includes(`group:${group}`));
}
