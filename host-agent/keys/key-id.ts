import type { VimObject } from '../../wire/vim25/index.js';
import type { CryptoKeyId } from '../api/results.js';

/** Name of the provider of a key; empty where the id names none. */
export function providerOf(id: CryptoKeyId): string {
  return id.providerId?.id ?? '';
}

/** A `CryptoKeyId` whose provider is either there or left out. */
export interface NormalKeyId {
  readonly keyId: string;
  readonly providerId?: { readonly id: string };
}

/** The id of a provider's key; `''` for a key without a provider. */
export function keyIdOf(provider: string, keyId: string): NormalKeyId {
  return provider === '' ? { keyId } : { keyId, providerId: { id: provider } };
}

/** An id without anything that is not part of it, such as a `_typeName`. */
export function normalKeyId(id: CryptoKeyId): NormalKeyId {
  return keyIdOf(providerOf(id), id.keyId);
}

/** A text that is equal exactly for equal ids, for use in maps. */
export function keyIdText(id: CryptoKeyId): string {
  return JSON.stringify([providerOf(id), id.keyId]);
}

/** Whether two ids name the same key of the same provider. */
export function sameKeyId(left: CryptoKeyId, right: CryptoKeyId): boolean {
  return left.keyId === right.keyId && providerOf(left) === providerOf(right);
}

/** An id for messages: long ones (a trusted provider's is a ciphertext) are cut. */
export function describeKeyId(id: CryptoKeyId): string {
  if (id.keyId === '') return `new key of provider ${providerOf(id)}`;
  const shown = id.keyId.length > 60 ? `${id.keyId.slice(0, 57)}...` : id.keyId;
  const provider = providerOf(id);
  return provider === '' ? `key ${shown}` : `key ${shown} of provider ${provider}`;
}

/** An id as vim25 writes it. */
export function vimKeyId(id: CryptoKeyId): VimObject<'CryptoKeyId'> {
  return {
    _typeName: 'CryptoKeyId',
    keyId: id.keyId,
    ...(id.providerId && { providerId: { _typeName: 'KeyProviderId', id: id.providerId.id } }),
  };
}
