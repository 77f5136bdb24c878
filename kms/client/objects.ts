import type {
  Attribute,
  EnumerationValue,
  KeyWrappingSpecification,
  ManagedObjectValue,
  NameIn,
  RequestPayload,
} from '../../wire/kmip/index.js';
import { KmipError, keyMaterialBytes } from '../../wire/kmip/index.js';
import { AttributeOperations, answeredAttributes } from './attributes.js';
import type { AttributeInput } from './version-form.js';
import { named } from './version-form.js';

/** Key bytes with what they are; clear the bytes after use. */
export interface RetrievedKey {
  readonly keyBytes: Buffer;
  readonly algorithm: EnumerationValue<'CryptographicAlgorithm'> | undefined;
  readonly lengthBits: number;
}

/** Name and further attributes of an object to be made or registered. */
export interface NewObjectOptions {
  readonly name?: string | undefined;
  readonly attributes?: readonly AttributeInput[] | undefined;
}

/** In which form an object is to be returned; as it is stored if all is absent. KMIP 1.4 §4.11, KMIP 2.1 §6.1.19. */
export interface RetrievalForm {
  readonly keyFormatType?: EnumerationValue<'KeyFormatType'> | undefined;
  readonly keyCompressionType?: EnumerationValue<'KeyCompressionType'> | undefined;
  /** Wrapped as it was registered, or not wrapped; since 1.4. */
  readonly keyWrapType?: EnumerationValue<'KeyWrapType'> | undefined;
  /** Wrapped with a key of the server. */
  readonly keyWrappingSpecification?: KeyWrappingSpecification | undefined;
}

/** An object with its attributes. */
export interface ExportedObject {
  /** Undefined if it is destroyed. */
  readonly object: ManagedObjectValue | undefined;
  readonly attributes: readonly Attribute[];
}

/** How an exported object is taken in. KMIP 1.4 §4.41, KMIP 2.1 §6.1.25. */
export interface ImportOptions {
  readonly attributes?: readonly AttributeInput[] | undefined;
  /** Whether an object of the same identifier is replaced; it is an error otherwise. */
  readonly replaceExisting?: boolean | undefined;
  readonly keyWrapType?: EnumerationValue<'KeyWrapType'> | undefined;
}

/** Where Locate looks, and how much it tells. KMIP 1.4 §4.9, KMIP 2.1 §6.1.28. */
export type LocateOptions = Pick<
  RequestPayload<'Locate'>,
  /** Identifiers at most, and how many to pass over before them (since 1.3). */
  | 'maximumItems'
  | 'offsetItems'
  /** Bits of `STORAGE_STATUS_MASK`; on-line objects alone if absent. */
  | 'storageStatusMask'
  /** Only objects that are fresh or the default of their group. */
  | 'objectGroupMember'
>;

/** What an object is to be good for. */
export type CheckedUse = Pick<
  RequestPayload<'Check'>,
  /** Bits of `CRYPTOGRAPHIC_USAGE_MASK`. */
  | 'cryptographicUsageMask'
  /** In the units of its Usage Limits. */
  | 'usageLimitsCount'
  /** Seconds. */
  | 'leaseTime'
>;

/** A lease on an object. */
export interface Lease {
  /** Seconds from now for which the object may be used without asking again. */
  readonly leaseTimeSeconds: number;
  /** When its attributes last changed, in seconds since 1970. */
  readonly lastChangeDate: number;
}

/** Operations on objects of all types: registering, finding, retrieving, and their life. */
export abstract class ObjectOperations extends AttributeOperations {
  /** Hands an object over; returns its Unique Identifier. KMIP 1.4 §4.3, KMIP 2.1 §6.1.43. */
  async register(object: ManagedObjectValue, options: NewObjectOptions = {}): Promise<string> {
    const wanted = this.wanted([...named(options.name), ...(options.attributes ?? [])]);
    const payload = { objectType: object.objectType, ...wanted, object };
    return (await this.perform('Register', payload)).uniqueIdentifier;
  }

  /** A symmetric key's bytes. @throws KmipError, also if the object is of another kind */
  async get(uniqueIdentifier: string): Promise<RetrievedKey> {
    const { object } = await this.perform('Get', { uniqueIdentifier });
    if (object.objectType !== 'SymmetricKey') {
      throw new KmipError(
        'InvalidField',
        `Object ${uniqueIdentifier} is a ${object.objectType}, not a Symmetric Key; use getObject().`,
      );
    }
    const { keyBlock } = object;
    const keyBytes = Buffer.from(keyMaterialBytes(keyBlock));
    return {
      keyBytes,
      algorithm: keyBlock.cryptographicAlgorithm,
      lengthBits: keyBlock.cryptographicLength ?? keyBytes.length * 8,
    };
  }

  /** Any object, as it is stored or in a form of one's choice. */
  async getObject(uniqueIdentifier: string, form: RetrievalForm = {}): Promise<ManagedObjectValue> {
    return (await this.perform('Get', { uniqueIdentifier, ...form })).object;
  }

  /** Any object with all of its attributes; KMIP 1.4 and later (1.4 §4.40, 2.1 §6.1.18). */
  async export(uniqueIdentifier: string, form: RetrievalForm = {}): Promise<ExportedObject> {
    const answer = await this.perform('Export', { uniqueIdentifier, ...form });
    return { object: answer.object, attributes: answeredAttributes(answer) };
  }

  /** Takes an object in under the identifier that it had elsewhere; KMIP 1.4 and later (1.4 §4.41, 2.1 §6.1.25). */
  async import(
    uniqueIdentifier: string,
    object: ManagedObjectValue,
    options: ImportOptions = {},
  ): Promise<string> {
    const { replaceExisting, keyWrapType } = options;
    const attributes = this.attributesOf(options.attributes);
    const answer = await this.perform('Import', {
      uniqueIdentifier,
      objectType: object.objectType,
      replaceExisting,
      keyWrapType,
      attributes,
      attributesStructure: attributes,
      object,
    });
    return answer.uniqueIdentifier;
  }

  /** Identifiers of the objects that have all these attributes, newest first. KMIP 1.4 §4.9, KMIP 2.1 §6.1.28. */
  async locate(
    attributes: readonly AttributeInput[] = [],
    options: LocateOptions = {},
  ): Promise<readonly string[]> {
    const wanted = this.attributesOf(attributes);
    const answer = await this.perform('Locate', {
      ...options,
      attributes: wanted,
      attributesStructure: wanted,
    });
    return answer.uniqueIdentifiers ?? [];
  }

  /** Makes a Pre-Active object Active. KMIP 1.4 §4.19, KMIP 2.1 §6.1.1. */
  async activate(uniqueIdentifier: string): Promise<void> {
    await this.perform('Activate', { uniqueIdentifier });
  }

  /**
   * Makes an object Deactivated or, for a compromise, Compromised. KMIP 1.4 §4.20, KMIP 2.1 §6.1.48.
   *
   * @param compromiseOccurrenceDate when the compromise happened, in seconds since 1970
   */
  async revoke(
    uniqueIdentifier: string,
    code: NameIn<'RevocationReasonCode'> = 'CessationOfOperation',
    message?: string,
    compromiseOccurrenceDate?: number,
  ): Promise<void> {
    const revocationReason = { code, message };
    await this.perform('Revoke', { uniqueIdentifier, revocationReason, compromiseOccurrenceDate });
  }

  /** Destroys an object's key material. KMIP 1.4 §4.21, KMIP 2.1 §6.1.15. */
  async destroy(uniqueIdentifier: string): Promise<void> {
    await this.perform('Destroy', { uniqueIdentifier });
  }

  /** Puts an object where it must be recovered from before it can be used. KMIP 1.4 §4.22, KMIP 2.1 §6.1.4. */
  async archive(uniqueIdentifier: string): Promise<void> {
    await this.perform('Archive', { uniqueIdentifier });
  }

  /** Brings an archived object back. KMIP 1.4 §4.23, KMIP 2.1 §6.1.44. */
  async recover(uniqueIdentifier: string): Promise<void> {
    await this.perform('Recover', { uniqueIdentifier });
  }

  /** Asks whether an object may be used like that. KMIP 1.4 §4.10, KMIP 2.1 §6.1.7. @throws KmipError if it may not */
  async check(uniqueIdentifier: string, use: CheckedUse): Promise<void> {
    await this.perform('Check', { uniqueIdentifier, ...use });
  }

  /** KMIP 1.4 §4.17, KMIP 2.1 §6.1.35. */
  async obtainLease(uniqueIdentifier: string): Promise<Lease> {
    const { leaseTime, lastChangeDate } = await this.perform('ObtainLease', { uniqueIdentifier });
    return { leaseTimeSeconds: leaseTime, lastChangeDate };
  }

  /**
   * Takes from a key's Usage Limits what the client is going to use itself. KMIP 1.4 §4.18, KMIP 2.1 §6.1.23.
   *
   * @param usageLimitsCount bytes or objects, whichever the limits count
   * @throws KmipError if less is left
   */
  async getUsageAllocation(uniqueIdentifier: string, usageLimitsCount: bigint): Promise<void> {
    await this.perform('GetUsageAllocation', { uniqueIdentifier, usageLimitsCount });
  }
}
