import { recycleMessage } from '../../wire/kmip/index.js';
import type { ObjectTypeName } from '../attributes/rules.js';
import type { ObjectToStore, StoreChange, StoredObject } from '../store.js';
import { HeldValue, ManagedObject } from './managed-object.js';
import { decodeObject, encodeAttributes, encodeObject, isSearchTerm, searchTerm } from './record.js';
import { StoredAttributes } from './stored-attributes.js';

/** One object before and after a request. */
export interface ObjectChange {
  /** Undefined if the request made the object. */
  readonly before: ManagedObject | undefined;
  /** Undefined if the request removed it altogether. */
  readonly after: ManagedObject | undefined;
}

/**
 * An object as it stays in memory once it is committed, with its attributes as the store has them: decoded they would be
 * some fifty objects that outlive the request, all of which the garbage collector moves.
 */
export function committed(after: ManagedObject, { revision, attributes }: ObjectToStore): ManagedObject {
  return new ManagedObject({
    uniqueIdentifier: after.uniqueIdentifier,
    owner: after.owner,
    objectType: after.objectType,
    revision,
    attributes: new StoredAttributes(Buffer.from(attributes)),
    value: after.held,
  });
}

/** What was encoded for the store is of no use once it is committed. */
export function recycle({ attributes, value }: ObjectToStore): void {
  recycleMessage(attributes);
  if (value) recycleMessage(value);
}

/** An object as the store has it; its key stays sealed, its attributes encoded, until somebody asks for them. */
export function decoded(stored: StoredObject): ManagedObject {
  const { value } = stored;
  return new ManagedObject({
    uniqueIdentifier: stored.uniqueIdentifier,
    owner: stored.owner,
    objectType: stored.objectType as ObjectTypeName,
    revision: stored.revision,
    attributes: new StoredAttributes(stored.attributes),
    value: value && new HeldValue(() => decodeObject(value.open())),
  });
}

/** What the store is to write. */
export function toStoreChange({ before, after }: ObjectChange): StoreChange {
  const uniqueIdentifier = (after ?? before)?.uniqueIdentifier ?? '';
  return {
    uniqueIdentifier,
    expectedRevision: before?.revision ?? 0,
    terms: after ? termsOf(after) : [],
    formerTerms: before ? termsOf(before) : [],
    claims: after ? claimsOf(after) : [],
    formerClaims: before ? claimsOf(before) : [],
    object: after && {
      uniqueIdentifier,
      owner: after.owner,
      objectType: after.objectType,
      revision: after.revision + 1,
      attributes: encodeAttributes(after.attributes),
      value: after.value && encodeObject(after.value),
    },
  };
}

function termsOf(object: ManagedObject): Buffer[] {
  const terms = [searchTerm('ObjectType', object.objectType)];
  object.attributes.forEach((instances, name) => {
    for (const { value } of instances) {
      if (isSearchTerm(name, value)) terms.push(searchTerm(name, value));
    }
  });
  return terms;
}

/** A name is one object's only, until that is destroyed (KMIP 1.4 §3.2). */
function claimsOf(object: ManagedObject): Buffer[] {
  if (object.get('DestroyDate') !== undefined) return [];
  return object.instances('Name').map(({ value }) => searchTerm('Name', value));
}
