import { randomKeyBytes } from '../../core/secret.js';
import { symmetricKey } from '../objects/made-objects.js';
import { demandGiven, requestedAttributes } from '../objects/new-object.js';
import { replaceObject } from '../objects/replacement.js';
import { keyLengthOf, setOddParity } from '../objects/symmetric-algorithms.js';
import { Refusal } from '../refusals.js';
import { givenValue } from './given.js';
import type { OperationHandler } from './handler.js';

/** Makes a replacement for a symmetric key. KMIP 1.4 §4.4, KMIP 2.1 §6.1.46. */
export const rekey: OperationHandler<'ReKey'> = async (payload, scope) => {
  const existing = await scope.object(payload.uniqueIdentifier);
  if (existing.objectType !== 'SymmetricKey') {
    throw new Refusal(
      'notRekeyable',
      `Re-key replaces Symmetric Keys only, not a ${existing.objectType}. For key pairs there is Re-key Key Pair.`,
    );
  }
  const given = await requestedAttributes(payload, scope);
  const algorithm = demandGiven(
    givenValue(given, 'CryptographicAlgorithm') ?? existing.get('CryptographicAlgorithm'),
    'Cryptographic Algorithm',
  );
  const { lengthBits, keyByteCount, parity } = keyLengthOf(
    algorithm,
    givenValue(given, 'CryptographicLength') ?? existing.get('CryptographicLength'),
  );
  const keyMaterial = randomKeyBytes(keyByteCount);
  if (parity) setOddParity(keyMaterial);
  const value = symmetricKey(keyMaterial, algorithm, lengthBits);
  const replacement = await replaceObject(existing, { value, given, offset: payload.offset }, scope);
  scope.returns('ReKey', replacement.uniqueIdentifier);
  return { uniqueIdentifier: replacement.uniqueIdentifier };
};
