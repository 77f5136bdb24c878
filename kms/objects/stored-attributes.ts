import type { AttributeInstance, AttributeMap } from './managed-object.js';
import { decodeAttributes } from './record.js';

/**
 * Attributes as the store has them, read as far as they are asked for: a request needs two or three of twenty, and an
 * object that is fetched once would leave all of them to the garbage collector.
 */
export class StoredAttributes implements AttributeMap {
  readonly #bytes: Buffer;
  /** Those that were asked for; made when the first is, as most objects of a store are never asked. */
  #known: Map<string, readonly AttributeInstance[] | undefined> | undefined;
  #all: AttributeMap | undefined;

  /** @param bytes what `encodeAttributes` wrote; they are kept */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** @throws KmipError if the bytes are damaged */
  get(name: string): readonly AttributeInstance[] | undefined {
    if (this.#all) return this.#all.get(name);
    const known = this.#known?.get(name);
    if (known !== undefined || this.#known?.has(name)) return known;
    const found = decodeAttributes(this.#bytes, name).get(name);
    (this.#known ??= new Map()).set(name, found);
    return found;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  get size(): number {
    return this.#whole().size;
  }

  keys(): MapIterator<string> {
    return this.#whole().keys();
  }

  values(): MapIterator<readonly AttributeInstance[]> {
    return this.#whole().values();
  }

  entries(): MapIterator<[string, readonly AttributeInstance[]]> {
    return this.#whole().entries();
  }

  [Symbol.iterator](): MapIterator<[string, readonly AttributeInstance[]]> {
    return this.entries();
  }

  forEach(
    callback: (value: readonly AttributeInstance[], key: string, map: AttributeMap) => void,
    thisArgument?: unknown,
  ): void {
    for (const [name, instances] of this) callback.call(thisArgument, instances, name, this);
  }

  #whole(): AttributeMap {
    if (!this.#all) {
      this.#all = decodeAttributes(this.#bytes);
      this.#known = undefined;
    }
    return this.#all;
  }
}
