import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type {
  Attribute,
  AttributeName,
  EnumerationValue,
  KeyBlock,
  RequestPayload,
} from '../../wire/kmip/index.js';
import { KmipError, attributeOf } from '../../wire/kmip/index.js';
import type { Share, SharingScheme } from '../cryptography/secret-sharing.js';
import { sharingScheme } from '../cryptography/secret-sharing.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { attributeOfInstance } from '../objects/managed-object.js';
import { demandGiven, newObject, requestedAttributes } from '../objects/new-object.js';
import { keyLengthOf, setOddParity } from '../objects/symmetric-algorithms.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { unwrapped } from '../wrapping/wrap.js';
import { givenValue, withDefaults } from './given.js';
import type { OperationHandler } from './handler.js';

/** Attributes that the parts have from the key that is split; they go before what the request says. */
const TAKEN_FROM_KEY = [
  'CryptographicAlgorithm',
  'CryptographicLength',
  'CryptographicUsageMask',
  'CryptographicParameters',
  'Sensitive',
  'Extractable',
] as const satisfies readonly AttributeName[];

/** A secret to be split. */
interface Secret {
  readonly bytes: Buffer;
  readonly keyBlock: KeyBlock;
  readonly attributes: readonly Attribute[];
  /** Whether the bytes were made for this request and are to be cleared. */
  readonly temporary: boolean;
}

/** Bytes of a secret times parts times, except with XOR, threshold. */
const SPLIT_STEPS_LIMIT = 4 * 1024 * 1024;

/** Splits a key, or a new one that is kept nowhere else. KMIP 1.4 §4.38, KMIP 2.1 §6.1.10. */
export const createSplitKey: OperationHandler<'CreateSplitKey'> = async (payload, scope) => {
  if (payload.objectType !== 'SplitKey') {
    throw new Refusal('unknownObjectType', `Create Split Key makes Split Keys, not ${payload.objectType}.`);
  }
  const given = await requestedAttributes(payload, scope);
  const secret =
    payload.uniqueIdentifier === undefined
      ? newSecret(given)
      : await secretOfKey(await scope.object(payload.uniqueIdentifier), given, scope);
  const { splitKeyMethod, splitKeyParts, splitKeyThreshold } = payload;
  const scheme = sharingScheme(splitKeyMethod, payload.primeFieldSize, secret.bytes.length);
  demandCounts(splitKeyParts, splitKeyThreshold, scheme);
  demandBoundedWork(splitKeyMethod, secret.bytes.length * splitKeyParts, splitKeyThreshold);
  const shares = scheme.split(secret.bytes, splitKeyParts, splitKeyThreshold);
  if (secret.temporary) zeroise(secret.bytes);

  const uniqueIdentifiers: string[] = [];
  for (const share of shares) {
    const part = await splitKey(share, secret, payload, scheme, scope);
    scope.workspace.add(part);
    uniqueIdentifiers.push(part.uniqueIdentifier);
    scope.returns('CreateSplitKey', part.uniqueIdentifier);
  }
  scope.placeholder = uniqueIdentifiers[0];
  return { uniqueIdentifiers };
};

/** A Name is one object's only, so that a given one is that of the first part. Own choice. */
function splitKey(
  { identifier, bytes }: Share,
  { keyBlock, attributes }: Secret,
  { splitKeyMethod, splitKeyParts, splitKeyThreshold }: RequestPayload<'CreateSplitKey'>,
  { primeFieldSize }: SharingScheme,
  scope: RequestScope,
): Promise<ManagedObject> {
  return newObject(
    'SplitKey',
    {
      objectType: 'SplitKey',
      splitKeyParts,
      keyPartIdentifier: identifier,
      splitKeyThreshold,
      splitKeyMethod,
      primeFieldSize,
      keyBlock: { ...keyBlock, keyValue: { keyMaterial: bytes } },
    },
    identifier === 1 ? attributes : attributes.filter(({ name }) => name !== 'Name'),
    { madeHere: true },
    scope,
  );
}

function newSecret(given: readonly Attribute[]): Secret {
  const algorithm = demandGiven(givenValue(given, 'CryptographicAlgorithm'), 'Cryptographic Algorithm');
  demandGiven(givenValue(given, 'CryptographicUsageMask'), 'Cryptographic Usage Mask');
  const { lengthBits, keyByteCount, parity } = keyLengthOf(
    algorithm,
    givenValue(given, 'CryptographicLength'),
  );
  const bytes = randomKeyBytes(keyByteCount);
  if (parity) setOddParity(bytes);
  return {
    bytes,
    keyBlock: {
      keyFormatType: 'Raw',
      cryptographicAlgorithm: algorithm,
      cryptographicLength: lengthBits,
    },
    attributes: withDefaults(given, [attributeOf('CryptographicLength', lengthBits)]),
    temporary: true,
  };
}

/** "If the attributes supplied do not match those of the key supplied, the attributes of the key take precedence." */
async function secretOfKey(
  key: ManagedObject,
  given: readonly Attribute[],
  scope: RequestScope,
): Promise<Secret> {
  if (!key.value) {
    throw new Refusal('objectDestroyed', `Object ${key.uniqueIdentifier} is destroyed and cannot be split.`);
  }
  const value = await unwrapped(key.value, scope);
  if (
    value.objectType !== 'SymmetricKey' &&
    value.objectType !== 'PrivateKey' &&
    value.objectType !== 'SecretData'
  ) {
    throw new Refusal('wrongObjectType', `A ${value.objectType} is not split; keys and Secret Data are.`);
  }
  const { keyFormatType, keyValue, cryptographicAlgorithm, cryptographicLength } = value.keyBlock;
  if (!keyValue || Buffer.isBuffer(keyValue)) {
    throw new KmipError(
      'KeyValueNotPresent',
      `The server does not hold the key ${key.uniqueIdentifier} itself.`,
    );
  }
  if (!Buffer.isBuffer(keyValue.keyMaterial)) {
    throw new KmipError(
      'KeyFormatTypeNotSupported',
      'A key in a transparent format has no bytes that could be split. Register it in another format.',
    );
  }
  const taken = TAKEN_FROM_KEY.flatMap((name) =>
    key.instances(name).map((instance) => attributeOfInstance(name, instance)),
  ).filter((attribute) => !isDefault(attribute));
  const own = new Set<string>(TAKEN_FROM_KEY);
  const attributes = [...taken, ...given.filter(({ name }) => !own.has(name))];
  // Parts of Secret Data tell how long it is: a prime field's number does not.
  const lengthBits = attributeOf('CryptographicLength', keyValue.keyMaterial.length * 8);
  return {
    bytes: keyValue.keyMaterial,
    keyBlock: { keyFormatType, cryptographicAlgorithm, cryptographicLength },
    attributes: value.objectType === 'SecretData' ? withDefaults(attributes, [lengthBits]) : attributes,
    temporary: value !== key.value,
  };
}

/** Whether a new object has this anyway: before KMIP 1.4 these attributes cannot be given. */
function isDefault({ name, value }: Attribute): boolean {
  return (name === 'Sensitive' && !value) || (name === 'Extractable' && value);
}

/**
 * A split is done at once, while nobody else is served: bounded to some tenths of a second. Own choice.
 *
 * @param partBytes bytes of the secret times its parts
 * @param threshold coefficients that go into each byte of a part; with XOR a part is made in one step
 * @throws Refusal `splitParametersInvalid`
 */
export function demandBoundedWork(
  method: EnumerationValue<'SplitKeyMethod'>,
  partBytes: number,
  threshold: number,
): void {
  if (partBytes * (method === 'XOR' ? 1 : threshold) <= SPLIT_STEPS_LIMIT) return;
  throw new Refusal(
    'splitParametersInvalid',
    `This key is too long for so many parts: bytes times parts times threshold must not be over ${SPLIT_STEPS_LIMIT}.`,
  );
}

function demandCounts(parts: number, threshold: number, { partsLimit }: SharingScheme): void {
  if (parts < 2 || parts > partsLimit) {
    throw new Refusal(
      'splitParametersInvalid',
      `Split Key Parts must be 2 to ${partsLimit} with this method.`,
    );
  }
  if (threshold < 2 || threshold > parts) {
    throw new Refusal(
      'splitParametersInvalid',
      `Split Key Threshold must be 2 to Split Key Parts (${parts}).`,
    );
  }
}
