import type { ManagedObject } from './managed-object.js';
import type { NamedKey, ObjectRepository } from './repository.js';
import type { ObjectChange } from './stored-form.js';
import type { Opens } from '../store.js';

interface Entry {
  readonly before: ManagedObject | undefined;
  readonly after: ManagedObject | undefined;
  /** Made by {@link Workspace.note} alone: it may be given up. */
  readonly isNote?: true;
}

/**
 * One request's view of the objects: its own uncommitted changes over what is committed. A batch item that fails
 * goes back to the savepoint before it; a batch that must be undone goes back to its begin.
 */
export class Workspace {
  readonly #repository: ObjectRepository;
  #entries: ReadonlyMap<string, Entry> = NO_ENTRIES;
  /** Whether a savepoint has {@link #entries}, so that the next change needs a copy: most requests change nothing. */
  #shared = true;

  constructor(repository: ObjectRepository) {
    this.#repository = repository;
  }

  /** The object as this request sees it. */
  read(
    uniqueIdentifier: string,
    opens?: Opens,
  ): ManagedObject | undefined | Promise<ManagedObject | undefined> {
    const entry = this.#entries.get(uniqueIdentifier);
    return entry ? entry.after : this.#repository.read(uniqueIdentifier, opens);
  }

  /** The owner's only object of that Name, if that is told by what is in memory. */
  named(owner: string, name: unknown): NamedKey | undefined {
    return this.changed ? undefined : this.#repository.named(owner, name);
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
    this.#own().set(object.uniqueIdentifier, { before: undefined, after: object });
  }

  /** Replaces an object that was read from here. */
  replace(object: ManagedObject, after: ManagedObject): void {
    const known = this.#entries.get(object.uniqueIdentifier);
    this.#own().set(object.uniqueIdentifier, { before: known ? known.before : object, after });
  }

  /**
   * Replaces an object that was read from here, for the record only: the request is answered also if this cannot be
   * made durable. A real change of the same object takes the note along.
   */
  note(object: ManagedObject, after: ManagedObject): void {
    const known = this.#entries.get(object.uniqueIdentifier);
    this.#own().set(
      object.uniqueIdentifier,
      known ? { ...known, after } : { before: object, after, isNote: true },
    );
  }

  /** Removes an object that was read from here, with all its attributes. */
  remove(object: ManagedObject): void {
    const known = this.#entries.get(object.uniqueIdentifier);
    if (known && known.before === undefined) this.#own().delete(object.uniqueIdentifier);
    else this.#own().set(object.uniqueIdentifier, { before: known?.before ?? object, after: undefined });
  }

  /** Whether anything was changed since a savepoint, notes apart. */
  changedSince(savepoint: unknown): boolean {
    const then = savepoint as ReadonlyMap<string, Entry>;
    if (then === this.#entries) return false;
    if ([...then.keys()].some((identifier) => !this.#entries.has(identifier))) return true;
    return [...this.#entries].some(
      ([identifier, entry]) => entry.isNote !== true && then.get(identifier) !== entry,
    );
  }

  /** A point to go back to. */
  savepoint(): unknown {
    this.#shared = true;
    return this.#entries;
  }

  /** Forgets all changes since a savepoint. */
  goBack(savepoint: unknown): void {
    this.#shared = true;
    this.#entries = savepoint as ReadonlyMap<string, Entry>;
  }

  /** Whether there is anything to commit. */
  get changed(): boolean {
    return this.#entries.size > 0;
  }

  /**
   * Makes the changes durable.
   *
   * @returns why notes were given up, if there was nothing but notes and they could not be made durable
   * @throws StoreConflict if the request must be redone
   */
  async commit(): Promise<unknown> {
    const entries = [...this.#entries.values()];
    const changes: ObjectChange[] = entries.map(({ before, after }) => ({ before, after }));
    try {
      await this.#repository.commit(changes);
      return undefined;
    } catch (error) {
      if (entries.every(({ isNote }) => isNote === true)) return error;
      throw error;
    }
  }

  /** The entries, to be changed: savepoints keep what they have. */
  #own(): Map<string, Entry> {
    if (this.#shared) {
      this.#entries = new Map(this.#entries);
      this.#shared = false;
    }
    return this.#entries as Map<string, Entry>;
  }
}

const NO_ENTRIES: ReadonlyMap<string, Entry> = new Map();
