import type { KeyObject } from 'node:crypto';

import type { NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { CURVES, curveOf } from './curves.js';
import { domainOf } from './key-der.js';
import type { KeyFormatTypeName } from './key-object.js';
import { OCTET_KEYS } from './key-object.js';

/** The format in which the server makes keys of a type (KMIP 2.1 §4.26, Table 81). */
export function defaultFormatOf(key: KeyObject): KeyFormatTypeName {
  const half = key.type === 'private' ? 'Private' : 'Public';
  // Node's types know no DH keys.
  const type: string | undefined = key.asymmetricKeyType;
  switch (type) {
    case 'rsa':
      return 'PKCS_1';
    case 'ec':
      return `TransparentEC${half}Key`;
    case 'dsa':
      return `TransparentDSA${half}Key`;
    case 'dh':
      return `TransparentDH${half}Key`;
    default:
      return key.type === 'private' ? 'PKCS_8' : 'X_509';
  }
}

/** What a key tells of itself. */
export interface KeyFacts {
  readonly algorithm: NameIn<'CryptographicAlgorithm'>;
  /** Bits of the modulus, of P, or of the curve's field. */
  readonly lengthBits: number;
  readonly recommendedCurve?: NameIn<'RecommendedCurve'>;
  /** Bits of Q of a DSA key. */
  readonly qLength?: number | undefined;
}

/** @throws KmipError `InvalidField` for a kind of key that KMIP does not know */
export function keyFacts(key: KeyObject): KeyFacts {
  const details = key.asymmetricKeyDetails ?? {};
  // Node's types know no DH keys.
  const type: string | undefined = key.asymmetricKeyType;
  switch (type) {
    case 'rsa':
    case 'rsa-pss':
      return { algorithm: 'RSA', lengthBits: details.modulusLength ?? 0 };
    case 'dsa':
      return { algorithm: 'DSA', lengthBits: details.modulusLength ?? 0, qLength: details.divisorLength };
    case 'dh':
      return { algorithm: 'DH', lengthBits: bitLength(domainOf(key, ['p', 'g']).p ?? 0n) };
    case 'ec': {
      const recommendedCurve = curveOf(key);
      return { algorithm: 'EC', lengthBits: CURVES[recommendedCurve].bits, recommendedCurve };
    }
    case 'ed25519':
      return { algorithm: 'Ed25519', lengthBits: OCTET_KEYS.ed25519.bits, recommendedCurve: 'CURVE25519' };
    case 'ed448':
      return { algorithm: 'Ed448', lengthBits: OCTET_KEYS.ed448.bits, recommendedCurve: 'CURVE448' };
    case 'x25519':
      return { algorithm: 'ECDH', lengthBits: OCTET_KEYS.x25519.bits, recommendedCurve: 'CURVE25519' };
    case 'x448':
      return { algorithm: 'ECDH', lengthBits: OCTET_KEYS.x448.bits, recommendedCurve: 'CURVE448' };
    default:
      throw new KmipError(
        'InvalidField',
        'The key is of a type that KMIP has no Cryptographic Algorithm for.',
      );
  }
}

function bitLength(number: bigint): number {
  return number.toString(2).length;
}

/** The format in which keys of a type are encoded as a whole, in all versions of KMIP. */
export function encodedFormatOf(key: KeyObject): KeyFormatTypeName {
  if (key.asymmetricKeyType === 'rsa') return 'PKCS_1';
  if (key.type === 'public') return 'X_509';
  return key.asymmetricKeyType === 'ec' ? 'ECPrivateKey' : 'PKCS_8';
}
