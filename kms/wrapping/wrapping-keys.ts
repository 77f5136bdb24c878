import type { CryptographicParameters, KeyInformation } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { sameValue } from '../attributes/changes.js';
import type { UseName } from '../cryptography/uses.js';
import { demandUsable } from '../cryptography/uses.js';
import { linksOf } from '../objects/links.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';

/** A key that wraps or unwraps, with what it is used with. */
export interface WrappingKey {
  /** As it is stored: it may itself be wrapped. */
  readonly object: ManagedObject;
  readonly parameters: CryptographicParameters;
}

/** What a key of a type is used for, for each thing that is done in wrapping. */
const USE_OF = {
  wrap: () => 'wrap',
  authenticate: (objectType) => (objectType === 'PrivateKey' ? 'sign' : 'mac'),
  unwrap: () => 'unwrap',
  verify: (objectType) => (objectType === 'SymmetricKey' ? 'macVerify' : 'verify'),
} as const satisfies Record<string, (objectType: string) => UseName>;

const KEY_TYPES: readonly string[] = ['SymmetricKey', 'PublicKey', 'PrivateKey'];

/**
 * The key that a Key Wrapping Specification names, with the Cryptographic Parameters to use: one of the key's own that
 * has all the values given, or the first one if none are given (KMIP 1.4 §2.1.6).
 *
 * @throws Refusal `wrappingObjectNotFound` and its like, `wrongState`, `incompatibleUsageMask`,
 *   `wrappingParametersMissing`
 */
export async function keyToWrapWith(
  { uniqueIdentifier, cryptographicParameters }: KeyInformation,
  purpose: 'wrap' | 'authenticate',
  scope: RequestScope,
): Promise<WrappingKey> {
  const object = usableKey(await lookedUp(uniqueIdentifier, scope), purpose, scope);
  const own = object
    .instances('CryptographicParameters')
    .map(({ value }) => value as CryptographicParameters);
  const parameters = cryptographicParameters
    ? own.find((candidate) => hasAll(candidate, cryptographicParameters))
    : own[0];
  if (parameters) return { object, parameters };
  throw new Refusal(
    'wrappingParametersMissing',
    own.length === 0
      ? `Wrapping key ${object.uniqueIdentifier} has no Cryptographic Parameters. Add them to the key.`
      : `Wrapping key ${object.uniqueIdentifier} has no Cryptographic Parameters as given. Give some that it has.`,
  );
}

/**
 * The key that undoes what a Key Information names: the key itself, or the other half of a pair, the private one to
 * decrypt and the public one to verify. Its own Cryptographic Parameters matter only where the Key Wrapping Data has
 * none.
 *
 * @throws Refusal as {@link keyToWrapWith}
 */
export async function keyToUnwrapWith(
  { uniqueIdentifier, cryptographicParameters }: KeyInformation,
  purpose: 'unwrap' | 'verify',
  scope: RequestScope,
): Promise<WrappingKey> {
  const named = await lookedUp(uniqueIdentifier, scope);
  const [other] = linksToOtherHalf(named, purpose);
  const object = usableKey(other === undefined ? named : await lookedUp(other, scope), purpose, scope);
  const parameters = cryptographicParameters ?? object.get('CryptographicParameters');
  if (parameters) return { object, parameters };
  throw new Refusal(
    'wrappingParametersMissing',
    `Neither the Key Wrapping Data nor wrapping key ${object.uniqueIdentifier} has Cryptographic Parameters.`,
  );
}

function linksToOtherHalf(key: ManagedObject, purpose: 'unwrap' | 'verify'): string[] {
  if (purpose === 'unwrap') return key.objectType === 'PublicKey' ? linksOf(key, 'PrivateKeyLink') : [];
  return key.objectType === 'PrivateKey' ? linksOf(key, 'PublicKeyLink') : [];
}

function usableKey(object: ManagedObject, purpose: keyof typeof USE_OF, scope: RequestScope): ManagedObject {
  const { uniqueIdentifier, objectType } = object;
  if (!object.value) {
    throw new Refusal('wrappingObjectDestroyed', `Wrapping key ${uniqueIdentifier} is destroyed.`);
  }
  if (!KEY_TYPES.includes(objectType)) {
    throw new Refusal(
      'wrappingObjectNoKey',
      `Wrapping object ${uniqueIdentifier} is a ${objectType}, no key.`,
    );
  }
  demandUsable(object, USE_OF[purpose](objectType), scope);
  return object;
}

/** The object, or the refusal that is of a wrapping key. */
async function lookedUp(
  reference: KeyInformation['uniqueIdentifier'],
  scope: RequestScope,
): Promise<ManagedObject> {
  try {
    return await scope.object(reference);
  } catch (error) {
    if (error instanceof Refusal && error.refusal === 'objectNotFound') {
      throw new Refusal('wrappingObjectNotFound', `Wrapping key: ${error.message}`);
    }
    if (error instanceof KmipError && error.reason === 'ObjectArchived') {
      throw new Refusal('wrappingObjectArchived', `Wrapping key: ${error.message}`);
    }
    throw error;
  }
}

/** Whether parameters have all the values that others have. */
function hasAll(candidate: CryptographicParameters, wanted: CryptographicParameters): boolean {
  const defined = Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined));
  // Merged, they are the candidate if and only if the candidate has all of them.
  return sameValue('CryptographicParameters', { ...candidate, ...defined }, candidate);
}
