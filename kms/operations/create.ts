import { randomKeyBytes } from '../../core/secret.js';
import type { Attribute, AttributeName, AttributeValueOf } from '../../wire/kmip/index.js';
import { attributeOf } from '../../wire/kmip/index.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { keyLengthOf, setOddParity } from '../objects/symmetric-algorithms.js';
import { Refusal } from '../refusals.js';
import type { OperationHandler } from './handler.js';

/** Makes a symmetric key. KMIP 1.4 §4.1. */
export const create: OperationHandler<'Create'> = async (payload, scope) => {
  if (payload.objectType !== 'SymmetricKey') {
    throw new Refusal('unknownObjectType', `Create makes Symmetric Keys only, not ${payload.objectType}.`);
  }
  const given = await requestedAttributes(payload, scope);
  const algorithm = demandGiven(valueOf(given, 'CryptographicAlgorithm'), 'Cryptographic Algorithm');
  demandGiven(valueOf(given, 'CryptographicUsageMask'), 'Cryptographic Usage Mask');
  const requestedBits = valueOf(given, 'CryptographicLength');
  const { lengthBits, keyByteCount, parity } = keyLengthOf(algorithm, requestedBits);
  const attributes =
    requestedBits === undefined ? [...given, attributeOf('CryptographicLength', lengthBits)] : given;

  const keyMaterial = randomKeyBytes(keyByteCount);
  if (parity) setOddParity(keyMaterial);
  const object = await newObject(
    'SymmetricKey',
    {
      objectType: 'SymmetricKey',
      keyBlock: {
        keyFormatType: 'Raw',
        keyValue: { keyMaterial },
        cryptographicAlgorithm: algorithm,
        cryptographicLength: lengthBits,
      },
    },
    attributes,
    { madeHere: true },
    scope,
  );
  scope.workspace.add(object);
  scope.returns('Create', object.uniqueIdentifier);
  return { objectType: 'SymmetricKey', uniqueIdentifier: object.uniqueIdentifier };
};

function valueOf<N extends AttributeName>(
  attributes: readonly Attribute[],
  name: N,
): AttributeValueOf<N> | undefined {
  return attributes.find((attribute) => attribute.name === name)?.value as AttributeValueOf<N> | undefined;
}
