import type { Attribute, ManagedObjectValue, RequestPayload } from '../../wire/kmip/index.js';
import { KmipError, attributeOf, rankOf } from '../../wire/kmip/index.js';
import type { Share } from '../cryptography/secret-sharing.js';
import { sharingScheme } from '../cryptography/secret-sharing.js';
import { privateKeyOf } from '../keys/key-object.js';
import { foundAttributes, withFound } from '../objects/found-attributes.js';
import { secretData, symmetricKey } from '../objects/made-objects.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { attributeOfInstance } from '../objects/managed-object.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { keyLengthOf } from '../objects/symmetric-algorithms.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { unwrapped } from '../wrapping/wrap.js';
import { demandBoundedWork } from './create-split-key.js';
import { givenValue, withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

type SplitKeyValue = Extract<ManagedObjectValue, { readonly objectType: 'SplitKey' }>;

/** A Split Key object with its part of the secret. */
interface Part extends Share {
  readonly object: ManagedObject;
  readonly value: SplitKeyValue;
}

/** Parts of one key at most; more cannot have been made by any method that is served. */
const PARTS_LIMIT = 1024;

/** Makes a key from its parts. KMIP 1.4 §4.39, KMIP 2.1 §6.1.27. */
export const joinSplitKey: OperationHandler<'JoinSplitKey'> = async (payload, scope) => {
  const parts = await partsOf(payload, scope);
  const [first] = parts;
  if (!first) throw tooFew(1);
  const { splitKeyThreshold, splitKeyMethod, primeFieldSize } = first.value;
  if (parts.length < splitKeyThreshold) throw tooFew(splitKeyThreshold);

  const given = joinedAttributes(await requestedAttributes(payload, scope), parts);
  const inField = splitKeyMethod === 'PolynomialSharingPrimeField';
  const secretBytes = inField ? secretBytesOf(payload.objectType, given) : first.bytes.length;
  const longest = Math.max(secretBytes ?? 0, first.bytes.length);
  demandBoundedWork(splitKeyMethod, longest * splitKeyThreshold, splitKeyThreshold);
  const scheme = sharingScheme(splitKeyMethod, inField ? primeFieldSize : undefined, 0);
  const keyMaterial = scheme.join(parts, splitKeyThreshold, secretBytes);

  const value = joinedObject(payload, keyMaterial, first.value, given);
  const made = await newObject(value.objectType, value, given, { madeHere: false }, scope);
  const object = withFound(made, foundAttributes(value, given, scope.rank >= rankOf('1.2')));
  scope.workspace.add(object);
  scope.returns('JoinSplitKey', object.uniqueIdentifier);
  return { uniqueIdentifier: object.uniqueIdentifier };
};

async function partsOf(payload: RequestPayload<'JoinSplitKey'>, scope: RequestScope): Promise<Part[]> {
  if (payload.uniqueIdentifiers.length > PARTS_LIMIT) {
    throw new Refusal('splitParametersInvalid', `A key has ${PARTS_LIMIT} parts at most.`);
  }
  const parts: Part[] = [];
  for (const reference of payload.uniqueIdentifiers) {
    const part = await partOf(await scope.object(reference), scope);
    if (parts.some(({ identifier }) => identifier === part.identifier)) {
      throw doNotFit(`Part ${part.identifier} is named twice.`);
    }
    if (parts[0] && !sameSplit(parts[0].value, part.value)) {
      throw doNotFit('The split keys are of different splits.');
    }
    parts.push(part);
  }
  return parts;
}

async function partOf(object: ManagedObject, scope: RequestScope): Promise<Part> {
  const { uniqueIdentifier } = object;
  if (object.objectType !== 'SplitKey') {
    throw new Refusal(
      'wrongObjectType',
      `Object ${uniqueIdentifier} is a ${object.objectType}, no Split Key.`,
    );
  }
  if (!object.value) throw new Refusal('objectDestroyed', `Split key ${uniqueIdentifier} is destroyed.`);
  const value = (await unwrapped(object.value, scope)) as SplitKeyValue;
  const { keyPartIdentifier: identifier, splitKeyParts, splitKeyThreshold, keyBlock } = value;
  if (
    splitKeyParts > PARTS_LIMIT ||
    splitKeyThreshold < 1 ||
    splitKeyThreshold > splitKeyParts ||
    identifier < 1 ||
    identifier > splitKeyParts ||
    (value.splitKeyMethod === 'PolynomialSharingGF2_8' && splitKeyParts > 255)
  ) {
    throw doNotFit(`Split key ${uniqueIdentifier} has part numbers that no split makes.`);
  }
  const { keyValue } = keyBlock;
  if (!keyValue || Buffer.isBuffer(keyValue) || !Buffer.isBuffer(keyValue.keyMaterial)) {
    throw new KmipError('KeyValueNotPresent', `Split key ${uniqueIdentifier} holds no bytes to join.`);
  }
  return { object, value, identifier, bytes: keyValue.keyMaterial };
}

function sameSplit(left: SplitKeyValue, right: SplitKeyValue): boolean {
  return (
    left.splitKeyParts === right.splitKeyParts &&
    left.splitKeyThreshold === right.splitKeyThreshold &&
    left.splitKeyMethod === right.splitKeyMethod &&
    left.primeFieldSize === right.primeFieldSize
  );
}

/**
 * What the request gives, and what it leaves out as the parts have it. What one part may not reveal, the whole may not
 * either: Sensitive and not Extractable are not the request's to change. Own choice.
 */
function joinedAttributes(requested: readonly Attribute[], parts: readonly Part[]): Attribute[] {
  const bound: Attribute[] = [];
  if (parts.some(({ object }) => object.get('Sensitive') === true))
    bound.push(attributeOf('Sensitive', true));
  if (parts.some(({ object }) => object.get('Extractable') === false)) {
    bound.push(attributeOf('Extractable', false));
  }
  const defaults = (
    ['CryptographicAlgorithm', 'CryptographicLength', 'CryptographicUsageMask'] as const
  ).flatMap((name) =>
    (parts[0]?.object.instances(name) ?? []).map((instance) => attributeOfInstance(name, instance)),
  );
  return withDefaults(withDefaults(bound, requested), defaults);
}

/**
 * Bytes of a secret that was split as a number, and so lost its leading zeros; undefined for a Private Key, whose
 * encoding starts with none.
 */
function secretBytesOf(objectType: unknown, given: readonly Attribute[]): number | undefined {
  const lengthBits = givenValue(given, 'CryptographicLength');
  if (lengthBits === undefined || objectType === 'PrivateKey') return undefined;
  const algorithm = givenValue(given, 'CryptographicAlgorithm');
  return objectType === 'SymmetricKey' && algorithm !== undefined
    ? keyLengthOf(algorithm, lengthBits).keyByteCount
    : Math.ceil(lengthBits / 8);
}

function joinedObject(
  { objectType, secretDataType }: RequestPayload<'JoinSplitKey'>,
  keyMaterial: Buffer,
  { keyBlock }: SplitKeyValue,
  given: readonly Attribute[],
): ManagedObjectValue {
  if (secretDataType !== undefined && objectType !== 'SecretData') {
    throw new KmipError('InvalidField', 'Secret Data Type goes with Secret Data only. Leave it out.');
  }
  if (objectType === 'SecretData') return secretData(keyMaterial, secretDataType ?? 'Seed');
  const algorithm = () => demandGiven(givenValue(given, 'CryptographicAlgorithm'), 'Cryptographic Algorithm');
  if (objectType === 'SymmetricKey') {
    demandGiven(givenValue(given, 'CryptographicUsageMask'), 'Cryptographic Usage Mask');
    const lengthBits = givenValue(given, 'CryptographicLength') ?? keyMaterial.length * 8;
    return symmetricKey(keyMaterial, algorithm(), lengthBits);
  }
  if (objectType === 'PrivateKey') {
    const value: ManagedObjectValue = {
      objectType,
      keyBlock: {
        keyFormatType: keyBlock.keyFormatType,
        keyValue: { keyMaterial },
        cryptographicAlgorithm: algorithm(),
        cryptographicLength: givenValue(given, 'CryptographicLength'),
      },
    };
    // Throws if the bytes are no such key.
    privateKeyOf(value);
    return value;
  }
  throw new Refusal(
    'unknownObjectType',
    'Split keys are joined to a Symmetric Key, a Private Key or Secret Data.',
  );
}

function tooFew(threshold: number): KmipError {
  return new KmipError(
    'CryptographicFailure',
    `At least ${threshold} of the split keys are needed. Name more.`,
  );
}

function doNotFit(message: string): KmipError {
  return new KmipError('CryptographicFailure', message);
}
