import type { KeyObject } from 'node:crypto';

import type { ObjectTypeName } from '../../wire/kmip/index.js';
import { privateKeyOf, publicKeyOf, secretBytesOf } from '../keys/key-object.js';
import { Refusal } from '../refusals.js';
import type { UsableObject } from './key-use.js';

const SECRETS: readonly ObjectTypeName[] = ['SymmetricKey', 'SecretData'];
const PUBLIC_HALVES: readonly ObjectTypeName[] = ['PublicKey', 'PrivateKey', 'Certificate'];

/** The bytes of a symmetric key or of secret data; a view, do not clear. @throws Refusal `objectNotUsable`, KmipError */
export function secretOf(object: UsableObject): Buffer {
  demandType(object, SECRETS);
  return secretBytesOf(object.value);
}

/** A private key. @throws Refusal `objectNotUsable`, KmipError */
export function privateHalfOf(object: UsableObject): KeyObject {
  demandType(object, ['PrivateKey']);
  return privateKeyOf(object.value);
}

/** A public key, also that of a private key or a certificate. @throws Refusal `objectNotUsable`, KmipError */
export function publicHalfOf(object: UsableObject): KeyObject {
  demandType(object, PUBLIC_HALVES);
  return publicKeyOf(object.value);
}

function demandType(
  { objectType, uniqueIdentifier }: UsableObject,
  allowed: readonly ObjectTypeName[],
): void {
  if ((allowed as readonly string[]).includes(objectType)) return;
  throw new Refusal(
    'objectNotUsable',
    `Object ${uniqueIdentifier} is a ${objectType}; this needs a ${allowed.join(' or ')}.`,
  );
}
