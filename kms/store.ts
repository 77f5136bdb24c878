/**
 * What a key server needs of a database. Every backend passes the same contract suite (test/kms/store-contract.ts).
 *
 * Key material is handed over in plain and must be sealed by the backend before it reaches the disk.
 */
export interface KmsStore {
  /** The object of that identifier; undefined if there is none. */
  read(uniqueIdentifier: string): Promise<StoredObject | undefined>;
  /**
   * Identifiers of an owner's objects that have all the search terms, newest first (by creation, then by insertion).
   * Without terms: all of the owner's objects.
   */
  find(query: FindQuery): Promise<readonly string[]>;
  /**
   * Writes all changes or none. Resolves when they are durable.
   *
   * @throws StoreConflict if an object's revision is not the one its change expects
   */
  commit(changes: readonly StoreChange[]): Promise<void>;
  /** How many objects there are, over all owners. */
  count(): Promise<number>;
  /** Closes files and connections; waits for writes under way. */
  close(): Promise<void>;
}

/** An object as stored. */
export interface StoredObject {
  readonly uniqueIdentifier: string;
  readonly owner: string;
  readonly objectType: string;
  /** 1 after the first commit. */
  readonly revision: number;
  /** Encoded attributes, no key material. */
  readonly attributes: Buffer;
  /** The encoded object with its key material, in plain; undefined once destroyed. */
  readonly value: Buffer | undefined;
}

/** A search for objects. */
export interface FindQuery {
  readonly owner: string;
  /** Digests of 16 bytes. */
  readonly terms: readonly Buffer[];
}

/** One object to be written. */
export interface StoreChange {
  /** The object as it is to be, `revision` being the new one; undefined removes it. */
  readonly object: StoredObject | undefined;
  readonly uniqueIdentifier: string;
  /** The revision it has now; 0 if it must not exist yet. */
  readonly expectedRevision: number;
  /** Search terms it is to be found by. */
  readonly terms: readonly Buffer[];
}

/** Another request changed the object first; read it again and redo the work. */
export class StoreConflict extends Error {
  readonly uniqueIdentifier: string;

  constructor(uniqueIdentifier: string) {
    super(`object ${uniqueIdentifier} was changed by another request`);
    this.name = 'StoreConflict';
    this.uniqueIdentifier = uniqueIdentifier;
  }
}
