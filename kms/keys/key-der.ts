import type { KeyObject } from 'node:crypto';
import { createPublicKey } from 'node:crypto';

import { derSequence } from '../../wire/der/encode.js';
import { derBitStringOf, derIntegerOf, derOctetStringOf, derRaw, derSequenceElements } from './der.js';

/** A key in DER. */
export function exported(key: KeyObject, type: 'pkcs1' | 'pkcs8' | 'sec1' | 'spki'): Buffer {
  return key.export({ format: 'der', type } as { readonly format: 'der'; readonly type: 'pkcs1' });
}

/** The bits of a SubjectPublicKeyInfo: of an EC key its point, of an octet key its bytes. */
export function publicBits(key: KeyObject): Buffer {
  return derBitStringOf(derSequenceElements(exported(key, 'spki'))[1]);
}

/** The numbers that a DSA or DH key shares with others. */
export function domainOf<N extends string>(key: KeyObject, names: readonly N[]): Partial<Record<N, bigint>> {
  const spki = derSequenceElements(exported(key.type === 'private' ? createPublicKey(key) : key, 'spki'));
  const [algorithm] = spki;
  const [, parameters] = algorithm ? derSequenceElements(derRaw(algorithm)) : [];
  const numbers = parameters ? derSequenceElements(derRaw(parameters)) : [];
  return Object.fromEntries(names.map((name, index) => [name, derIntegerOf(numbers[index])])) as Partial<
    Record<N, bigint>
  >;
}

/** X of a DSA or DH private key, Y of a public one. */
export function discreteLogNumber(key: KeyObject): bigint {
  const der =
    key.type === 'private'
      ? derOctetStringOf(derSequenceElements(exported(key, 'pkcs8'))[2])
      : publicBits(key);
  return derIntegerOf(derSequenceElements(derSequence(der))[0]);
}
