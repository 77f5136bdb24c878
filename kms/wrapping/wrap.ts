import { zeroise } from '../../core/secret.js';
import type {
  KeyInformation,
  KeyWrappingData,
  KeyWrappingSpecification,
  ManagedObjectValue,
} from '../../wire/kmip/index.js';
import { ANY_VERSION_RANK, KmipError } from '../../wire/kmip/index.js';
import { demandRule } from '../attributes/changes.js';
import { allocateUsage } from '../cryptography/usage-limits.js';
import { attributesAt } from '../objects/computed.js';
import type { ManagedObject } from '../objects/managed-object.js';
import { Refusal } from '../refusals.js';
import type { RequestScope } from '../server/scope.js';
import { demandInformation, methodOf } from './methods.js';
import { authenticated, decrypted, demandAuthentic, encrypted } from './protection.js';
import type { KeyedValue } from './wrapped-form.js';
import {
  clearUnwrapped,
  decodedKeyValue,
  encodedKeyValue,
  isWrapped,
  plainKeyValue,
  wrappedBytes,
} from './wrapped-form.js';
import type { WrappingKey } from './wrapping-keys.js';
import { keyToUnwrapWith, keyToWrapWith } from './wrapping-keys.js';

/** Keys wrapped by keys that are wrapped themselves: so many are unwrapped one after another. Own choice. */
const DEPTH_LIMIT = 4;

/**
 * An object wrapped as a Key Wrapping Specification says (KMIP 1.4 §2.1.6).
 *
 * @param object whose attributes are wrapped along
 * @param value the object itself, not wrapped, in the Key Format Type wanted
 * @throws Refusal, KmipError as KMIP 1.4 §11.12 lists them
 */
export async function wrapped(
  object: ManagedObject,
  value: ManagedObjectValue,
  specification: KeyWrappingSpecification,
  scope: RequestScope,
): Promise<KeyedValue> {
  if (!('keyBlock' in value)) {
    throw new Refusal('wrongObjectType', `A ${value.objectType} has no key that could be wrapped.`);
  }
  const { wrappingMethod, encodingOption } = specification;
  const method = methodOf(wrappingMethod);
  demandInformation(specification, method);
  const { encryptionKeyInformation, macSignatureKeyInformation } = specification;
  const encryptionKey =
    encryptionKeyInformation && (await keyToWrapWith(encryptionKeyInformation, 'wrap', scope));
  const macKey =
    macSignatureKeyInformation && (await keyToWrapWith(macSignatureKeyInformation, 'authenticate', scope));

  const keyValue = { ...plainKeyValue(value.keyBlock), ...wrappedAlong(object, specification, scope) };
  const plain = encodedKeyValue(value.keyBlock.keyFormatType, keyValue, encodingOption, scope.rank);
  try {
    const protection =
      encryptionKey &&
      (await protect(encryptionKey, plain, scope, (key) => encrypted(key, encryptionKey, plain)));
    const message = method.authenticates === 'encrypted' && protection ? protection.data : plain;
    const keyWrappingData: KeyWrappingData = {
      wrappingMethod,
      encryptionKeyInformation: encryptionKey && informationOf(encryptionKey),
      macSignatureKeyInformation: macKey && informationOf(macKey),
      macSignature:
        macKey && (await protect(macKey, message, scope, (key) => authenticated(key, macKey, message))),
      ivCounterNonce: protection?.ivCounterNonce,
      encodingOption,
    };
    const outer = protection?.data ?? keyValue;
    return { ...value, keyBlock: { ...value.keyBlock, keyValue: outer, keyWrappingData } };
  } finally {
    if (encodingOption !== 'NoEncoding') zeroise(plain);
  }
}

/**
 * The object as it was before it was wrapped; one that is not wrapped is returned itself. Clear the result with
 * {@link clearUnwrapped} after use.
 *
 * @throws Refusal, KmipError as {@link wrapped}; `CryptographicFailure` if keys or bytes are not the right ones
 */
export async function unwrapped(value: ManagedObjectValue, scope: RequestScope): Promise<ManagedObjectValue> {
  return unwrappedAt(value, scope, 0);
}

async function unwrappedAt(
  value: ManagedObjectValue,
  scope: RequestScope,
  depth: number,
): Promise<ManagedObjectValue> {
  if (!isWrapped(value) || !value.keyBlock.keyWrappingData) return value;
  if (depth === DEPTH_LIMIT) {
    throw new KmipError(
      'CryptographicFailure',
      `Keys are wrapped by each other more than ${DEPTH_LIMIT} deep.`,
    );
  }
  const { keyWrappingData: data, ...keyBlock } = value.keyBlock;
  const { authenticates } = methodOf(data.wrappingMethod);
  demandInformation(data, methodOf(data.wrappingMethod));
  const verify = (message: Buffer): Promise<void> => verified(data, message, scope, depth);
  if (!data.encryptionKeyInformation) {
    await verify(messageOf(value, data));
    return { ...value, keyBlock };
  }
  const bytes = wrappedBytes(value.keyBlock);
  if (authenticates === 'encrypted') await verify(bytes);
  const key = await keyToUnwrapWith(data.encryptionKeyInformation, 'unwrap', scope);
  const plain = await withPlainKey(key, scope, depth, (opened) =>
    decrypted(opened, key, bytes, data.ivCounterNonce),
  );
  if (authenticates === 'plain') await verify(plain);
  return {
    ...value,
    keyBlock: { ...keyBlock, keyValue: decodedKeyValue(keyBlock.keyFormatType, plain, data.encodingOption) },
  };
}

/** Attributes that are wrapped with the key, in the form of either version (KMIP 1.4 §2.1.4). */
function wrappedAlong(
  object: ManagedObject,
  { attributeNames = [], attributeReferences = [] }: KeyWrappingSpecification,
  scope: RequestScope,
) {
  const names = [...new Set([...attributeNames, ...attributeReferences])];
  for (const name of names) demandRule(name, scope);
  const found = attributesAt(object, names, scope.nowSeconds);
  const attributes = found.length > 0 ? found : undefined;
  return { attributes, attributesStructure: attributes };
}

function informationOf({ object, parameters }: WrappingKey): KeyInformation {
  return { uniqueIdentifier: object.uniqueIdentifier, cryptographicParameters: parameters };
}

/** Protects bytes, and takes the use from the key's Usage Limits. */
async function protect<T>(
  key: WrappingKey,
  message: Buffer,
  scope: RequestScope,
  work: (key: ManagedObjectValue) => T,
): Promise<T> {
  await allocateUsage(key.object.uniqueIdentifier, { bytes: message.length, newObject: true }, scope);
  return withPlainKey(key, scope, 0, work);
}

/** Lends the key's own value, unwrapped if it is wrapped itself, to `work`. */
async function withPlainKey<T>(
  { object }: WrappingKey,
  scope: RequestScope,
  depth: number,
  work: (key: ManagedObjectValue) => T,
): Promise<T> {
  const { value: stored } = object;
  if (!stored)
    throw new Refusal('wrappingObjectDestroyed', `Wrapping key ${object.uniqueIdentifier} is destroyed.`);
  const value = await unwrappedAt(stored, scope, depth + 1);
  try {
    return work(value);
  } finally {
    clearUnwrapped(stored, value);
  }
}

async function verified(
  { macSignatureKeyInformation, macSignature }: KeyWrappingData,
  message: Buffer,
  scope: RequestScope,
  depth: number,
): Promise<void> {
  if (!macSignatureKeyInformation || !macSignature) {
    throw new KmipError('InvalidField', 'The Key Wrapping Data lacks the MAC or signature of its method.');
  }
  const key = await keyToUnwrapWith(macSignatureKeyInformation, 'verify', scope);
  await withPlainKey(key, scope, depth, (opened) => demandAuthentic(opened, key, message, macSignature));
}

/** What a MAC or signature without encryption is of: the Key Value as it stands there. */
function messageOf({ keyBlock }: KeyedValue, { encodingOption }: KeyWrappingData): Buffer {
  return encodedKeyValue(keyBlock.keyFormatType, plainKeyValue(keyBlock), encodingOption, ANY_VERSION_RANK);
}
