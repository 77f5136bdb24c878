import { zeroise } from '../../core/secret.js';
import type { Attribute, EnumerationValue, ManagedObjectValue } from '../../wire/kmip/index.js';
import { attributeOf, enumerationExistsIn } from '../../wire/kmip/index.js';
import { usableObject } from '../cryptography/key-use.js';
import { withLink } from '../objects/links.js';
import { secretData, symmetricKey } from '../objects/made-objects.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { keyLengthOf } from '../objects/symmetric-algorithms.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { DERIVATION_METHODS, tooLong } from './derivation-methods.js';
import { givenValue, withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

/** Longest Secret Data that is derived, in bits. Own choice. */
const DERIVED_BITS_LIMIT = 65_536;

/** Objects that one key is derived from at most. Own choice. */
const BASES_LIMIT = 16;

/** Derives a key or secret data from others. KMIP 1.4 §4.6, KMIP 2.1 §6.1.14. */
export const deriveKey: OperationHandler<'DeriveKey'> = async (payload, scope) => {
  const given = await requestedAttributes(payload, scope);
  const wanted = wantedObject(payload.objectType, given);
  const method = methodOf(payload.derivationMethod, scope);
  const bases = await basesOf(payload.uniqueIdentifiers, scope);

  const { derivationParameters: parameters } = payload;
  const output = await method({ bases, parameters, lengthBytes: wanted.lengthBytes });
  if (output.length < wanted.lengthBytes) throw tooLong();
  const keyMaterial = Buffer.alloc(wanted.lengthBytes);
  output.copy(keyMaterial);
  zeroise(output);

  const value = wanted.build(keyMaterial);
  const derived = await linkToBases(
    await newObject(value.objectType, value, boundBy(bases, given), { madeHere: true }, scope),
    bases,
    scope,
  );
  scope.workspace.add(derived);
  scope.returns('DeriveKey', derived.uniqueIdentifier);
  return { uniqueIdentifier: derived.uniqueIdentifier };
};

/**
 * The attributes that are asked for, and those that come of the bases.
 *
 * What the bases may not reveal, what is derived from them may not either: with a chosen method and key a base could be
 * computed from it. Sensitive and not Extractable are therefore not the request's to change. Own choice.
 */
function boundBy(bases: readonly ManagedObject[], given: readonly Attribute[]): Attribute[] {
  const bound: Attribute[] = [];
  if (bases.some((base) => base.get('Sensitive') === true)) bound.push(attributeOf('Sensitive', true));
  if (bases.some((base) => base.get('Extractable') === false)) {
    bound.push(attributeOf('Extractable', false));
  }
  const asked = given.filter(({ name }) => bound.every((one) => one.name !== name));
  return withDefaults([...asked, ...bound], [attributeOf('CryptographicUsageMask', commonUses(bases))]);
}

/**
 * The Cryptographic Usage Mask of what is derived, where the request has none: it need not (KMIP 1.4 §4.6, Table 180),
 * and the object always does (§3.19). What all bases may be used for: own choice.
 */
function commonUses(bases: readonly ManagedObject[]): number {
  return bases.reduce((common, base) => common & (base.get('CryptographicUsageMask') ?? 0), -1);
}

/** What is to be made. */
interface Wanted {
  readonly lengthBytes: number;
  readonly build: (keyMaterial: Buffer) => ManagedObjectValue;
}

function wantedObject(objectType: unknown, given: readonly Attribute[]): Wanted {
  if (objectType !== 'SymmetricKey' && objectType !== 'SecretData') {
    throw new Refusal('unknownObjectType', 'Derive Key makes Symmetric Keys and Secret Data.');
  }
  const requestedBits = demandGiven(givenValue(given, 'CryptographicLength'), 'Cryptographic Length');
  if (objectType === 'SymmetricKey') {
    const algorithm = demandGiven(givenValue(given, 'CryptographicAlgorithm'), 'Cryptographic Algorithm');
    const { lengthBits, keyByteCount } = keyLengthOf(algorithm, requestedBits);
    return { lengthBytes: keyByteCount, build: (bytes) => symmetricKey(bytes, algorithm, lengthBits) };
  }
  if (requestedBits <= 0 || requestedBits % 8 !== 0 || requestedBits > DERIVED_BITS_LIMIT) {
    throw new Refusal(
      'attributeValueInvalid',
      `Secret Data is derived with 8 to ${DERIVED_BITS_LIMIT} bits, in steps of 8, not ${requestedBits}.`,
    );
  }
  // The request has no field for the Secret Data Type: own choice.
  return { lengthBytes: requestedBits / 8, build: (bytes) => secretData(bytes, 'Seed') };
}

function methodOf(method: EnumerationValue<'DerivationMethod'>, scope: RequestScope) {
  if (typeof method === 'string' && enumerationExistsIn('DerivationMethod', method, scope.rank)) {
    return DERIVATION_METHODS[method];
  }
  throw new Refusal(
    'derivationParametersInvalid',
    `${method} is no Derivation Method of KMIP ${scope.version}.`,
  );
}

async function basesOf(
  references: readonly Parameters<typeof usableObject>[0][],
  scope: RequestScope,
): Promise<ManagedObject[]> {
  if (references.length > BASES_LIMIT) {
    throw new Refusal('derivationObjectUnsuitable', `Name ${BASES_LIMIT} objects at most to derive from.`);
  }
  const bases: ManagedObject[] = [];
  for (const reference of references) bases.push(await usableObject(reference, 'derive', scope));
  return bases;
}

/** The derived object with links to its bases, which are given links to it. */
async function linkToBases(
  derived: ManagedObject,
  bases: readonly ManagedObject[],
  scope: RequestScope,
): Promise<ManagedObject> {
  let linked = derived;
  for (const uniqueIdentifier of new Set(bases.map((base) => base.uniqueIdentifier))) {
    // The bases are as they are used, not wrapped; what is changed is the object as it is stored.
    const base = await scope.object(uniqueIdentifier);
    if (base.instances('Link').length >= scope.config.limits.attributeInstances) {
      throw new Refusal(
        'tooManyInstances',
        `Object ${uniqueIdentifier} has as many Links as this server keeps; nothing more is derived from it.`,
      );
    }
    linked = withLink(linked, 'DerivationBaseObjectLink', uniqueIdentifier);
    scope.workspace.replace(
      base,
      withLink(base, 'DerivedKeyLink', derived.uniqueIdentifier).with({ LastChangeDate: scope.nowSeconds }),
    );
  }
  return linked;
}
