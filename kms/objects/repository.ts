import { zeroise } from '../../core/secret.js';
import type { ManagedObjectValue } from '../../wire/kmip/index.js';
import type { ObjectTypeName } from '../attributes/rules.js';
import type { KmsStore, StoreChange } from '../store.js';
import { StoreConflict } from '../store.js';
import { ManagedObject } from './managed-object.js';
import { decodeAttributes, decodeObject, encodeAttributes, encodeObject, searchTerm } from './record.js';

/** One object before and after a request. */
export interface ObjectChange {
  /** Undefined if the request made the object. */
  readonly before: ManagedObject | undefined;
  /** Undefined if the request removed it altogether. */
  readonly after: ManagedObject | undefined;
}

/**
 * The store's objects, decoded, with the hot ones in memory.
 *
 * Key bytes of objects that leave the cache are cleared once no request is under way that might still hold them.
 */
export class ObjectRepository {
  readonly #store: KmsStore;
  readonly #capacity: number;
  readonly #cache = new Map<string, ManagedObject>();
  #requests = 0;
  #retired: ManagedObjectValue[] = [];

  /** @param capacity objects kept in memory; 0 keeps none */
  constructor(store: KmsStore, capacity: number) {
    this.#store = store;
    this.#capacity = capacity;
  }

  /** Marks the begin of a request, which may hold objects until {@link endRequest}. */
  beginRequest(): void {
    this.#requests += 1;
  }

  /** Marks the end of a request. */
  endRequest(): void {
    this.#requests -= 1;
    this.#clearRetired();
  }

  /** The committed object of that identifier. */
  async read(uniqueIdentifier: string): Promise<ManagedObject | undefined> {
    const cached = this.#cache.get(uniqueIdentifier);
    if (cached) {
      // A map keeps insertion order: what was used last goes to its end.
      this.#cache.delete(uniqueIdentifier);
      this.#cache.set(uniqueIdentifier, cached);
      return cached;
    }
    const stored = await this.#store.read(uniqueIdentifier);
    if (!stored) return undefined;
    const object = new ManagedObject({
      uniqueIdentifier,
      owner: stored.owner,
      objectType: stored.objectType as ObjectTypeName,
      revision: stored.revision,
      attributes: decodeAttributes(stored.attributes),
      value: stored.value && decodeObject(stored.value),
    });
    this.#keep(object);
    return object;
  }

  /** Identifiers of an owner's objects with these attribute values, newest first. */
  find(
    owner: string,
    equal: readonly { readonly name: string; readonly value: unknown }[],
  ): Promise<readonly string[]> {
    return this.#store.find({ owner, terms: equal.map(({ name, value }) => searchTerm(name, value)) });
  }

  /** Makes changes durable, all or none. @throws StoreConflict if another request changed one of the objects first */
  async commit(changes: readonly ObjectChange[]): Promise<void> {
    try {
      await this.#store.commit(changes.map(toStoreChange));
    } catch (error) {
      if (error instanceof StoreConflict) this.#drop(error.uniqueIdentifier);
      throw error;
    }
    for (const { before, after } of changes) {
      if (before && before.value !== after?.value) this.#retire(before.value);
      const identifier = after?.uniqueIdentifier ?? before?.uniqueIdentifier;
      if (identifier !== undefined) this.#cache.delete(identifier);
      if (after) this.#keep(after.withRevision(after.revision + 1));
    }
  }

  /** Forgets all objects in memory and clears their keys. */
  close(): void {
    for (const object of this.#cache.values()) this.#retire(object.value);
    this.#cache.clear();
    this.#clearRetired();
  }

  #keep(object: ManagedObject): void {
    if (this.#capacity === 0) return;
    this.#cache.set(object.uniqueIdentifier, object);
    if (this.#cache.size <= this.#capacity) return;
    const [oldest] = this.#cache.keys();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(uniqueIdentifier: string): void {
    this.#retire(this.#cache.get(uniqueIdentifier)?.value);
    this.#cache.delete(uniqueIdentifier);
  }

  #retire(value: ManagedObjectValue | undefined): void {
    if (value) this.#retired.push(value);
  }

  #clearRetired(): void {
    if (this.#requests > 0 || this.#retired.length === 0) return;
    for (const value of this.#retired) clearKeyBytes(value);
    this.#retired = [];
  }
}

function toStoreChange({ before, after }: ObjectChange): StoreChange {
  const uniqueIdentifier = (after ?? before)?.uniqueIdentifier ?? '';
  return {
    uniqueIdentifier,
    expectedRevision: before?.revision ?? 0,
    terms: after ? [...termsOf(after)] : [],
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

function* termsOf(object: ManagedObject): Generator<Buffer> {
  yield searchTerm('ObjectType', object.objectType);
  for (const [name, instances] of object.attributes) {
    for (const { value } of instances) yield searchTerm(name, value);
  }
}

/** Clears what can be cleared: byte strings; big integers of transparent keys are values that JavaScript owns. */
function clearKeyBytes(value: ManagedObjectValue): void {
  if ('opaqueDataValue' in value) zeroise(value.opaqueDataValue);
  if (!('keyBlock' in value)) return;
  const keyValue = value.keyBlock.keyValue;
  if (keyValue === undefined) return;
  const material = Buffer.isBuffer(keyValue) ? keyValue : keyValue.keyMaterial;
  if (Buffer.isBuffer(material)) zeroise(material);
  else if (Buffer.isBuffer(material.key)) zeroise(material.key);
}
