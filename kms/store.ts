/** The reading half of a store: the objects as they are, or as they were at one moment. */
export interface KmsReader {
  /**
   * The object of that identifier; undefined if there is none.
   *
   * @param opens who may know of the object; if it says no, the answer and its cost are those for no object at all:
   *   nothing is unsealed
   * @throws StoreUnavailable
   */
  read(uniqueIdentifier: string, opens?: Opens): Promise<StoredObject | undefined>;
  /**
   * One page of an owner's objects that have all the search terms, newest first (by creation, then by insertion).
   * Without terms: of all the owner's objects.
   *
   * @throws StoreUnavailable
   */
  find(query: FindQuery): Promise<readonly FoundObject[]>;
  /** As {@link find}, with the objects themselves. @throws StoreUnavailable */
  search(query: FindQuery): Promise<readonly SearchedObject[]>;
}

/** The objects as they were when it was made. It holds resources of the database until it is closed. */
export interface KmsSnapshot extends KmsReader {
  close(): Promise<void>;
}

/**
 * What a key server needs of a database. Every backend passes the same contract suite (test/kms/store-contract.ts).
 *
 * Key material is handed over in plain, sealed by the backend before it reaches the disk, and read back sealed.
 */
export interface KmsStore extends KmsReader {
  /** Whether others write to it as well, so that what was read before may have changed since. */
  readonly shared: boolean;
  /**
   * As {@link read}, for one who has the object already.
   *
   * @returns `'unchanged'` if its revision still is the one given
   * @throws StoreUnavailable
   */
  refresh(uniqueIdentifier: string, revision: number): Promise<StoredObject | 'unchanged' | undefined>;
  /**
   * Writes all changes or none. Resolves when they are durable. The values handed over are cleared, and of no bytes
   * handed over does the store make use any more once they are durable.
   *
   * @throws StoreConflict if an object's revision is not the one its change expects, or another object has a claim
   * @throws StoreUnavailable
   */
  commit(changes: readonly StoreChange[]): Promise<void>;
  /** How many objects there are, over all owners. @throws StoreUnavailable */
  count(): Promise<number>;
  /** What is committed now, to be read later. @throws StoreUnavailable */
  snapshot(): Promise<KmsSnapshot>;
  /** What keeps it from working now; undefined if nothing does. Asks nobody. */
  problem(): string | undefined;
  /** Closes files and connections; waits for writes under way. */
  close(): Promise<void>;
}

/** Whether an object of that owner and type may be read. */
export type Opens = (object: Pick<StoredObject, 'owner' | 'objectType'>) => boolean;

interface StoredFields {
  readonly uniqueIdentifier: string;
  readonly owner: string;
  readonly objectType: string;
  /** 1 after the first commit. */
  readonly revision: number;
  /** Encoded attributes, no key material. */
  readonly attributes: Buffer;
}

/** An object as stored. */
export interface StoredObject extends StoredFields {
  /** The encoded object with its key material; undefined once destroyed. */
  readonly value: SealedValue | undefined;
}

/** An object to be stored. */
export interface ObjectToStore extends StoredFields {
  /** The encoded object with its key material, in plain. */
  readonly value: Buffer | undefined;
}

/** An encoded object as it is at rest: most requests are answered without its key material. */
export interface SealedValue {
  /** Its length in bytes, about. */
  readonly byteCount: number;
  /** The value in plain, in a buffer of its own. @throws KpsimError `store_corrupt` */
  open(): Buffer;
}

/** A search for objects. */
export interface FindQuery {
  /** All owners' if undefined; give terms that few objects have then. */
  readonly owner: string | undefined;
  /** Digests of 16 bytes. */
  readonly terms: readonly Buffer[];
  /** Objects wanted at most: one of few numbers, as backends may prepare a statement for each. */
  readonly limit: number;
  /** Only objects made before the one of this sequence; that of the last object found gives the next page. */
  readonly before?: number | undefined;
}

/** An object found, and its place in the order of creation. */
export interface FoundObject {
  readonly uniqueIdentifier: string;
  readonly sequence: number;
}

/** An object found, as it is stored. */
export type SearchedObject = FoundObject & StoredObject;

/** One object to be written. */
export interface StoreChange {
  /** The object as it is to be, `revision` being the new one; undefined removes it. */
  readonly object: ObjectToStore | undefined;
  readonly uniqueIdentifier: string;
  /** The revision it has now; 0 if it must not exist yet. */
  readonly expectedRevision: number;
  /** Search terms it is to be found by. */
  readonly terms: readonly Buffer[];
  /** Those that it is found by now. */
  readonly formerTerms: readonly Buffer[];
  /** Digests of 16 bytes that no other object of its owner may have at the same time. */
  readonly claims: readonly Buffer[];
  /** Those that it has now. */
  readonly formerClaims: readonly Buffer[];
}

/** Another request changed the object first, or took what it claims; read it again and redo the work. */
export class StoreConflict extends Error {
  readonly uniqueIdentifier: string;

  constructor(uniqueIdentifier: string) {
    super(`object ${uniqueIdentifier} was changed by another request`);
    this.name = 'StoreConflict';
    this.uniqueIdentifier = uniqueIdentifier;
  }
}

/** The database cannot be reached, or refuses; the store recovers by itself. */
export class StoreUnavailable extends Error {
  /** Whether the changes may have been made all the same: the connection was lost while they were committed. */
  readonly outcomeUnknown: boolean;

  constructor(message: string, options: ErrorOptions & { readonly outcomeUnknown?: boolean } = {}) {
    super(message, options);
    this.name = 'StoreUnavailable';
    this.outcomeUnknown = options.outcomeUnknown ?? false;
  }
}
