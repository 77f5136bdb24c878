import type { KeyObject } from 'node:crypto';
import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';

import type { EnumerationValue, NameIn } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal, demandKnown } from '../refusals.js';
import type { CURVES } from './curves.js';
import { curveRow } from './curves.js';

/** Both halves of a key pair. */
export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** What a request says about the key pair that it wants. */
export interface KeyPairRequest {
  readonly algorithm: EnumerationValue<'CryptographicAlgorithm'>;
  readonly lengthBits?: number | undefined;
  readonly recommendedCurve?: EnumerationValue<'RecommendedCurve'> | undefined;
  /** Bits of Q of a DSA key. */
  readonly qLength?: number | undefined;
}

type Generator = (request: KeyPairRequest) => Promise<KeyPair>;

const generate = promisify(generateKeyPair);

const RSA_LENGTHS = [2048, 1024, 1536, 3072, 4096];
/** Longer ones take half a minute of computing. */
const DSA_Q_LENGTHS: Readonly<Record<number, readonly number[]>> = { 2048: [256, 224], 1024: [160] };
/** Groups of RFC 2409 and RFC 3526 by length: their primes are known to be safe, and cost nothing to find. */
const DH_GROUPS: Readonly<Record<number, string>> = {
  2048: 'modp14',
  1024: 'modp2',
  1536: 'modp5',
  3072: 'modp15',
  4096: 'modp16',
};
/** Curves that are taken where only a length is given, the first if nothing is. */
const CURVES_BY_LENGTH: Readonly<Record<number, keyof typeof CURVES>> = {
  256: 'P_256',
  384: 'P_384',
  521: 'P_521',
  224: 'P_224',
  192: 'P_192',
};

/** Algorithms that Create Key Pair makes keys for. */
const GENERATORS: Partial<Record<NameIn<'CryptographicAlgorithm'>, Generator>> = {
  RSA: ({ lengthBits = 2048 }) => {
    demandLength('RSA', lengthBits, RSA_LENGTHS);
    return generate('rsa', { modulusLength: lengthBits });
  },
  DSA: ({ lengthBits = 2048, qLength }) => {
    demandLength('DSA', lengthBits, Object.keys(DSA_Q_LENGTHS).map(Number));
    const choices = DSA_Q_LENGTHS[lengthBits] ?? [];
    const divisorLength = qLength ?? choices[0] ?? 0;
    demandLength('Q of DSA', divisorLength, choices);
    return generate('dsa', { modulusLength: lengthBits, divisorLength });
  },
  DH: ({ lengthBits = 2048 }) => {
    demandLength('DH', lengthBits, Object.keys(DH_GROUPS).map(Number));
    // Node's types leave this one out.
    return generate('dh' as 'x448', { group: DH_GROUPS[lengthBits] ?? '' } as object);
  },
  EC: ecPair,
  ECDSA: ecPair,
  ECDH: agreementPair,
  ECMQV: ecPair,
  Ed25519: (request) => octetPair('ed25519', 'CURVE25519', request),
  Ed448: (request) => octetPair('ed448', 'CURVE448', request),
};

/**
 * Makes a key pair, in a thread of its own.
 *
 * @throws Refusal `attributeValueInvalid` for a length or curve that the algorithm does not have here, KmipError
 *   `InvalidField`, `CryptographicFailure` for an algorithm without key pairs
 */
export async function makeKeyPair(request: KeyPairRequest): Promise<KeyPair> {
  const { algorithm } = request;
  demandKnown('Cryptographic Algorithm', algorithm);
  const generator = typeof algorithm === 'string' ? GENERATORS[algorithm] : undefined;
  if (!generator) {
    throw new KmipError(
      'CryptographicFailure',
      `There are no ${algorithm} key pairs here. Use ${Object.keys(GENERATORS).join(', ')}.`,
    );
  }
  return await generator(request);
}

/** Keys of ECDH may be of Curve25519 and Curve448 too (RFC 7748). */
function agreementPair(request: KeyPairRequest): Promise<KeyPair> {
  if (request.recommendedCurve === 'CURVE25519') return octetPair('x25519', 'CURVE25519', request);
  if (request.recommendedCurve === 'CURVE448') return octetPair('x448', 'CURVE448', request);
  return ecPair(request);
}

function ecPair({ algorithm, lengthBits, recommendedCurve }: KeyPairRequest): Promise<KeyPair> {
  const curve = recommendedCurve ?? CURVES_BY_LENGTH[lengthBits ?? 256];
  if (curve === undefined) {
    throw new Refusal(
      'attributeValueInvalid',
      `No curve of ${String(lengthBits)} bits goes without saying. Name one in Cryptographic Domain Parameters.`,
    );
  }
  const { openssl, bits } = curveRow(curve);
  if (lengthBits !== undefined) demandLength(`${algorithm} on ${curve}`, lengthBits, [bits]);
  return generate('ec', { namedCurve: openssl });
}

function octetPair(
  type: 'ed25519' | 'ed448' | 'x25519' | 'x448',
  curve: NameIn<'RecommendedCurve'>,
  { algorithm, lengthBits, recommendedCurve = curve }: KeyPairRequest,
): Promise<KeyPair> {
  if (recommendedCurve !== curve) {
    throw new Refusal(
      'attributeValueInvalid',
      `${algorithm} keys are on ${curve}, not on ${recommendedCurve}.`,
    );
  }
  const bits = { ed25519: 256, ed448: 456, x25519: 256, x448: 448 }[type];
  if (lengthBits !== undefined) demandLength(String(algorithm), lengthBits, [bits]);
  // One overload a type, all alike.
  return generate(type as 'ed25519');
}

function demandLength(what: string, lengthBits: number, choices: readonly number[]): void {
  if (choices.includes(lengthBits)) return;
  throw new Refusal(
    'attributeValueInvalid',
    `${what} has a Cryptographic Length of ${choices.join(', ')} bits, not ${lengthBits}.`,
  );
}
