import { randomKeyBytes } from '../../core/secret.js';
import type { Attribute, ManagedObjectValue } from '../../wire/kmip/index.js';
import { attributeOf, rankOf } from '../../wire/kmip/index.js';
import { secretData, symmetricKey } from '../objects/made-objects.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { keyLengthOf, setOddParity } from '../objects/symmetric-algorithms.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { givenValue, withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

/** Longest Secret Data that Create makes, in bits. Own choice. */
const SECRET_BITS_LIMIT = 65_536;

/** What is made for a request: the object, and attributes that the request may have left out. */
interface Made {
  readonly value: ManagedObjectValue;
  readonly defaults: readonly Attribute[];
}

/** Makes a symmetric key, or from KMIP 1.4 secret data. KMIP 1.4 §4.1, KMIP 2.1 §6.1.8. */
export const create: OperationHandler<'Create'> = async (payload, scope) => {
  const { objectType } = payload;
  const given = await requestedAttributes(payload, scope);
  const { value, defaults } = made(objectType, given, scope);
  const object = await newObject(
    value.objectType,
    value,
    withDefaults(given, defaults),
    { madeHere: true },
    scope,
  );
  scope.workspace.add(object);
  scope.returns('Create', object.uniqueIdentifier);
  return { objectType, uniqueIdentifier: object.uniqueIdentifier };
};

function made(objectType: unknown, given: readonly Attribute[], scope: RequestScope): Made {
  if (objectType === 'SymmetricKey') return madeSymmetricKey(given);
  // Only KMIP 2.x says so in its text, but the OASIS test case TC-CREATE-SD-1-14 is one of KMIP 1.4.
  if (objectType === 'SecretData' && scope.rank >= rankOf('1.4')) return madeSecretData(given);
  throw new Refusal(
    'unknownObjectType',
    `Create makes Symmetric Keys, and from KMIP 1.4 Secret Data, but no ${String(objectType)}.`,
  );
}

function madeSymmetricKey(given: readonly Attribute[]): Made {
  const algorithm = demandGiven(givenValue(given, 'CryptographicAlgorithm'), 'Cryptographic Algorithm');
  demandGiven(givenValue(given, 'CryptographicUsageMask'), 'Cryptographic Usage Mask');
  const { lengthBits, keyByteCount, parity } = keyLengthOf(
    algorithm,
    givenValue(given, 'CryptographicLength'),
  );
  const keyMaterial = randomKeyBytes(keyByteCount);
  if (parity) setOddParity(keyMaterial);
  return {
    value: symmetricKey(keyMaterial, algorithm, lengthBits),
    defaults: [attributeOf('CryptographicLength', lengthBits)],
  };
}

/** Random bytes. The request has no field for the Secret Data Type; the OASIS test case answers Password. */
function madeSecretData(given: readonly Attribute[]): Made {
  const lengthBits = demandGiven(givenValue(given, 'CryptographicLength'), 'Cryptographic Length');
  if (lengthBits <= 0 || lengthBits % 8 !== 0 || lengthBits > SECRET_BITS_LIMIT) {
    throw new Refusal(
      'attributeValueInvalid',
      `Secret Data has a Cryptographic Length of 8 to ${SECRET_BITS_LIMIT} bits, in steps of 8, not ${lengthBits}.`,
    );
  }
  return { value: secretData(randomKeyBytes(lengthBits / 8), 'Password'), defaults: [] };
}
