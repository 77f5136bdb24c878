import { KmipError } from '../../wire/kmip/index.js';
import { derInteger, derSequence } from '../../wire/der/encode.js';
import { derIntegerOf, derSequenceElements } from './der.js';

/** An RSA private key as PKCS#1 has it (RFC 8017 §A.1.2): all numbers known. */
export interface RsaPrivateNumbers {
  readonly modulus: bigint;
  readonly publicExponent: bigint;
  readonly privateExponent: bigint;
  readonly p: bigint;
  readonly q: bigint;
  readonly primeExponentP: bigint;
  readonly primeExponentQ: bigint;
  readonly crtCoefficient: bigint;
}

/** The fields of a Transparent RSA Private Key, of which a client may give few (KMIP 1.4 §2.1.7.4). */
export type TransparentRsaPrivateKey = { readonly [K in keyof RsaPrivateNumbers]?: bigint | undefined } & {
  readonly modulus: bigint;
};

/** Longest modulus that is worked with; longer ones would hold up the server. */
export const RSA_BITS_LIMIT = 8192;
/** What most keys have; taken where neither the exponent nor the primes are given. */
const USUAL_PUBLIC_EXPONENT = 65_537n;
/** Each try finds the primes with a chance of one half at least, and takes 0.1 s for the longest modulus allowed. */
const FACTORING_TRIES = 20n;
const FACTORING_BITS_LIMIT = 4096;
/** OpenSSL's own limit for long moduli. */
const PUBLIC_EXPONENT_BITS_LIMIT = 64;

/**
 * All numbers of a private key from those given: the private exponent, the primes, or the CRT exponents, with the
 * public exponent 65537 unless told.
 *
 * @throws KmipError `InvalidField` if too few are given or they do not belong together
 */
export function completeRsaPrivateKey(given: TransparentRsaPrivateKey): RsaPrivateNumbers {
  const { modulus } = given;
  if (modulus < 15n || modulus % 2n === 0n || exceeds(modulus, RSA_BITS_LIMIT)) {
    throw new KmipError('InvalidField', `A Modulus is odd and of ${RSA_BITS_LIMIT} bits at most.`);
  }
  const publicExponent = given.publicExponent ?? USUAL_PUBLIC_EXPONENT;
  if (
    publicExponent < 3n ||
    publicExponent % 2n === 0n ||
    exceeds(publicExponent, PUBLIC_EXPONENT_BITS_LIMIT)
  ) {
    throw notOneKey();
  }
  const [p, q] = primesOf(given, publicExponent);
  if (p <= 1n || q <= 1n || p * q !== modulus) throw notOneKey();
  const privateExponent =
    given.privateExponent ?? inverse(publicExponent, ((p - 1n) * (q - 1n)) / gcd(p - 1n, q - 1n));
  const numbers = {
    modulus,
    publicExponent,
    privateExponent,
    p,
    q,
    primeExponentP: privateExponent % (p - 1n),
    primeExponentQ: privateExponent % (q - 1n),
    crtCoefficient: inverse(q, p),
  };
  demandConsistent(numbers, given);
  return numbers;
}

/** RSAPrivateKey of PKCS#1, in DER. */
export function rsaPrivateKeyDer(key: RsaPrivateNumbers): Buffer {
  return derSequence(
    ...[
      0n,
      key.modulus,
      key.publicExponent,
      key.privateExponent,
      key.p,
      key.q,
      key.primeExponentP,
      key.primeExponentQ,
      key.crtCoefficient,
    ].map(derInteger),
  );
}

/** The numbers of a PKCS#1 RSAPrivateKey in DER. @throws KmipError `InvalidField` */
export function rsaPrivateNumbers(der: Buffer): RsaPrivateNumbers {
  const [, modulus, publicExponent, privateExponent, p, q, primeExponentP, primeExponentQ, crtCoefficient] =
    derSequenceElements(der);
  return {
    modulus: derIntegerOf(modulus),
    publicExponent: derIntegerOf(publicExponent),
    privateExponent: derIntegerOf(privateExponent),
    p: derIntegerOf(p),
    q: derIntegerOf(q),
    primeExponentP: derIntegerOf(primeExponentP),
    primeExponentQ: derIntegerOf(primeExponentQ),
    crtCoefficient: derIntegerOf(crtCoefficient),
  };
}

function primesOf(given: TransparentRsaPrivateKey, publicExponent: bigint): readonly [bigint, bigint] {
  const { modulus, privateExponent, primeExponentP, primeExponentQ } = given;
  const p = given.p ?? (given.q !== undefined && given.q > 0n ? modulus / given.q : undefined);
  if (p !== undefined && p > 0n) return [p, modulus / p];
  if (exceeds(modulus, FACTORING_BITS_LIMIT)) {
    throw new KmipError(
      'InvalidField',
      `A Modulus of more than ${FACTORING_BITS_LIMIT} bits must come with P and Q.`,
    );
  }
  if (privateExponent !== undefined) return factored(modulus, publicExponent, privateExponent);
  const exponent = primeExponentP ?? primeExponentQ;
  if (exponent === undefined) {
    throw new KmipError(
      'InvalidField',
      'A Transparent RSA Private Key needs its Private Exponent, or P and Q, or Prime Exponent P and Q.',
    );
  }
  if (exponent <= 0n || exponent >= modulus) throw notOneKey();
  // By Fermat 2^(e·dP) is 2 modulo P, but not modulo Q.
  const factor = gcd(power(2n, publicExponent * exponent, modulus) - 2n + modulus, modulus);
  if (factor <= 1n || factor >= modulus) throw notOneKey();
  return primeExponentP === undefined ? [modulus / factor, factor] : [factor, modulus / factor];
}

/** The primes from both exponents, the larger first. NIST SP 800-56B Rev. 2 Appendix C.1. */
function factored(
  modulus: bigint,
  publicExponent: bigint,
  privateExponent: bigint,
): readonly [bigint, bigint] {
  if (privateExponent <= 1n || privateExponent >= modulus) throw notOneKey();
  let odd = publicExponent * privateExponent - 1n;
  let halvings = 0;
  for (; odd % 2n === 0n; odd /= 2n) halvings += 1;
  for (let base = 2n; base < 2n + FACTORING_TRIES; base += 1n) {
    let root = power(base, odd, modulus);
    for (let step = 0; step < halvings; step += 1) {
      const square = (root * root) % modulus;
      if (square === 1n && root !== 1n && root !== modulus - 1n) {
        const factor = gcd(root - 1n, modulus);
        const other = modulus / factor;
        return factor > other ? [factor, other] : [other, factor];
      }
      root = square;
    }
    // e·d is 1 modulo the group's exponent, so every unit must come to 1.
    if (root !== 1n) break;
  }
  throw notOneKey();
}

function demandConsistent(key: RsaPrivateNumbers, given: TransparentRsaPrivateKey): void {
  const { publicExponent, privateExponent, p, q } = key;
  const belongs =
    privateExponent > 0n &&
    (publicExponent * privateExponent) % (p - 1n) === 1n &&
    (publicExponent * privateExponent) % (q - 1n) === 1n &&
    (given.q === undefined || given.q === q) &&
    (given.primeExponentP === undefined || given.primeExponentP === key.primeExponentP) &&
    (given.primeExponentQ === undefined || given.primeExponentQ === key.primeExponentQ) &&
    (given.crtCoefficient === undefined || given.crtCoefficient === key.crtCoefficient);
  if (!belongs) throw notOneKey();
}

function exceeds(value: bigint, bits: number): boolean {
  return value >> BigInt(bits) > 0n;
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}

function gcd(left: bigint, right: bigint): bigint {
  let [a, b] = [left, right];
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/** @throws KmipError `InvalidField` if there is none */
function inverse(value: bigint, modulus: bigint): bigint {
  if (modulus <= 1n) throw notOneKey();
  let [previous, current] = [0n, 1n];
  let [high, low] = [modulus, value % modulus];
  while (low !== 0n) {
    const quotient = high / low;
    [previous, current] = [current, previous - quotient * current];
    [high, low] = [low, high % low];
  }
  if (high !== 1n) throw notOneKey();
  return ((previous % modulus) + modulus) % modulus;
}

function notOneKey(): KmipError {
  return new KmipError(
    'InvalidField',
    'The numbers of the Transparent RSA Private Key do not belong to one key. Check them, Public Exponent above all.',
  );
}
