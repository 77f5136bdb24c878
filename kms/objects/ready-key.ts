import type { GuardedObject } from '../server/policies.js';
import type { KeyKind } from './key-table.js';
import type { ManagedObject } from './managed-object.js';
import { ownedName } from './record.js';

/** A key that a Get hands out as it is stored, and all else that its answer depends on, besides its identifier. */
export interface ReadyKey {
  /** Who may have it, and what is told beside the key: the same text for the same owner, policy, algorithm and length. */
  readonly kind: string;
  /** The object's own bytes. */
  readonly key: Buffer;
  /** What its first Name and its owner digest to; undefined if it has no Name. */
  readonly name: Buffer | undefined;
}

/**
 * What a Get of the object would hand out, if that is a plain symmetric key, and nothing stands against it but the
 * object's operation policy. Opens the object if it is sealed.
 *
 * @throws KpsimError `store_corrupt`
 */
export function readyKeyOf(object: ManagedObject): ReadyKey | undefined {
  if (object.objectType !== 'SymmetricKey' || !leavesFreely(object)) return undefined;
  const { value } = object;
  if (value?.objectType !== 'SymmetricKey') return undefined;
  const { keyFormatType, keyValue, cryptographicAlgorithm, cryptographicLength, ...rest } = value.keyBlock;
  if (keyFormatType !== 'Raw' || keyValue === undefined || Buffer.isBuffer(keyValue)) return undefined;
  const { keyMaterial, ...others } = keyValue;
  if (!Buffer.isBuffer(keyMaterial) || !isEmpty(rest) || !isEmpty(others)) return undefined;
  const { owner } = object;
  const policy = object.get('OperationPolicyName') ?? null;
  const kind = JSON.stringify([owner, policy, cryptographicAlgorithm ?? null, cryptographicLength ?? null]);
  const [name] = object.instances('Name');
  return { kind, key: keyMaterial, name: name && ownedName(owner, name.value) };
}

/** What operation policies need to know of keys of a kind. */
export function guardedKind({ text }: KeyKind): GuardedObject {
  const [owner, policy] = JSON.parse(text) as readonly [owner: string, policy: string | null];
  return { owner, objectType: 'SymmetricKey', operationPolicyName: policy ?? undefined };
}

/** Whether a Get neither is refused nor changes the object (KMIP 1.4 §3.34, §3.46; KMIP 2.1 §4.3, §4.49). */
function leavesFreely(object: ManagedObject): boolean {
  return (
    object.get('Fresh') !== true &&
    object.get('Sensitive') !== true &&
    object.get('Extractable') !== false &&
    object.get('ArchiveDate') === undefined
  );
}

function isEmpty(fields: object): boolean {
  return Object.values(fields).every((value) => value === undefined);
}
