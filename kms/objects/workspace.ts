import type { ManagedObject } from './managed-object.js';
import type { ObjectChange, ObjectRepository } from './repository.js';

interface Entry {
  readonly before: ManagedObject | undefined;
  readonly after: ManagedObject | undefined;
}

/**
 * One request's view of the objects: its own uncommitted changes over what is committed. A batch item that fails
 * goes back to the savepoint before it; a batch that must be undone goes back to its begin.
 */
export class Workspace {
  readonly #repository: ObjectRepository;
  #entries = new Map<string, Entry>();

  constructor(repository: ObjectRepository) {
    this.#repository = repository;
  }

  /** The object as this request sees it. */
  async read(uniqueIdentifier: string): Promise<ManagedObject | undefined> {
    const entry = this.#entries.get(uniqueIdentifier);
    return entry ? entry.after : await this.#repository.read(uniqueIdentifier);
  }

  /** Identifiers with these attribute values, this request's own new and changed objects among them, newest first. */
  async find(
    owner: string | undefined,
    equal: readonly { readonly name: string; readonly value: unknown }[],
  ): Promise<readonly string[]> {
    const committed = await this.#repository.find(owner, equal);
    if (this.#entries.size === 0) return committed;
    const mine = [...this.#entries.values()]
      .filter(({ after }) => after && (owner === undefined || after.owner === owner))
      .map(({ after }) => after?.uniqueIdentifier ?? '')
      .reverse();
    return [...mine, ...committed.filter((identifier) => !this.#entries.has(identifier))];
  }

  /**
   * Objects with these attribute values, newest first, and all of the owner's objects that this request made or
   * changed, whatever their values. An object is good until the next one is asked for; keep identifiers.
   */
  async *search(
    owner: string | undefined,
    equal: readonly { readonly name: string; readonly value: unknown }[],
  ): AsyncGenerator<ManagedObject> {
    const mine = new Map(this.#entries);
    for (const { after } of [...mine.values()].reverse()) {
      if (after && (owner === undefined || after.owner === owner)) yield after;
    }
    for await (const object of this.#repository.search(owner, equal)) {
      if (!mine.has(object.uniqueIdentifier)) yield object;
    }
  }

  /** Makes a new object known. */
  add(object: ManagedObject): void {
    this.#entries.set(object.uniqueIdentifier, { before: undefined, after: object });
  }

  /** Replaces an object that was read from here. */
  replace(object: ManagedObject, after: ManagedObject): void {
    const known = this.#entries.get(object.uniqueIdentifier);
    this.#entries.set(object.uniqueIdentifier, { before: known ? known.before : object, after });
  }

  /** Removes an object that was read from here, with all its attributes. */
  remove(object: ManagedObject): void {
    const known = this.#entries.get(object.uniqueIdentifier);
    if (known && known.before === undefined) this.#entries.delete(object.uniqueIdentifier);
    else this.#entries.set(object.uniqueIdentifier, { before: known?.before ?? object, after: undefined });
  }

  /** Whether anything was changed since a savepoint. */
  changedSince(savepoint: unknown): boolean {
    const then = savepoint as ReadonlyMap<string, Entry>;
    if (then.size !== this.#entries.size) return true;
    return [...this.#entries].some(([identifier, entry]) => then.get(identifier) !== entry);
  }

  /** A point to go back to. */
  savepoint(): unknown {
    return new Map(this.#entries);
  }

  /** Forgets all changes since a savepoint. */
  goBack(savepoint: unknown): void {
    this.#entries = new Map(savepoint as Map<string, Entry>);
  }

  /** Makes the changes durable. @throws StoreConflict if the request must be redone */
  async commit(): Promise<void> {
    const changes: ObjectChange[] = [...this.#entries.values()];
    if (changes.length > 0) await this.#repository.commit(changes);
  }
}
