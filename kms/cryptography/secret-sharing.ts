import { checkPrimeSync } from 'node:crypto';

import { randomKeyBytes } from '../../core/secret.js';
import type { EnumerationValue } from '../../wire/kmip/index.js';
import { KmipError } from '../../wire/kmip/index.js';
import { Refusal } from '../refusals.js';
import type { FiniteField } from './finite-field.js';
import { binaryField16, binaryField8, byteLength, bytesOf, numberOf, primeField } from './finite-field.js';

/** One part of a secret. */
export interface Share {
  /** Key Part Identifier, from 1: the place at which the polynomial was evaluated. */
  readonly identifier: number;
  readonly bytes: Buffer;
}

/** One Split Key Method. KMIP 1.4 §2.2.5, KMIP 2.1 §13.1. */
export interface SharingScheme {
  /** Parts that a secret can have at most. */
  readonly partsLimit: number;
  /** Prime Field Size, where the method has one. */
  readonly primeFieldSize?: bigint;
  /** Parts 1 to `parts`; any `threshold` of them make the secret again. @throws Refusal `splitParametersInvalid` */
  split(secret: Buffer, parts: number, threshold: number): Share[];
  /**
   * The secret of `threshold` parts or more, all of different identifiers.
   *
   * @param secretBytes its length; undefined leaves out leading zeros
   * @throws KmipError `CryptographicFailure` if the parts do not belong together
   */
  join(shares: readonly Share[], threshold: number, secretBytes: number | undefined): Buffer;
}

/**
 * Own choice: x⁸+x⁴+x³+x²+1 (285). KMIP 1.4 gives no polynomial for Polynomial Sharing GF(2⁸); the parts in the
 * OASIS test cases TC-SJ-2-14 and TC-SJ-3-14 are of this one, which KMIP 2.1 §13.1 names as well.
 */
const GF2_8 = binaryField8(0x11d);

/**
 * Own choice, where the versions contradict each other: GF(2¹⁶) is built over the field of FIPS 197,
 * x⁸+x⁴+x³+x+1, as all of KMIP 1.x say. KMIP 2.1 §13.1 still refers to FIPS 197 but prints 285.
 */
const GF2_16 = binaryField16(binaryField8(0x11b), 0x3a);

/** Exponents p of Mersenne primes 2^p − 1, for prime fields whose size the request leaves to the server. Own choice. */
const MERSENNE_EXPONENTS = [127, 521, 607, 1279, 2203, 3217, 4253] as const;

/** Bits of the largest prime that is taken. Own choice. */
const PRIME_BITS_LIMIT = 4253;

/** Parts of one key at most, whatever the method allows. Own choice. */
const PARTS_LIMIT = 1024;

/**
 * The scheme of a Split Key Method.
 *
 * @param primeFieldSize as given; undefined lets the server choose one for `secretBytes`
 * @throws Refusal `splitParametersInvalid`
 */
export function sharingScheme(
  method: EnumerationValue<'SplitKeyMethod'>,
  primeFieldSize: bigint | undefined,
  secretBytes: number,
): SharingScheme {
  if (method !== 'PolynomialSharingPrimeField' && primeFieldSize !== undefined) {
    throw new Refusal('splitParametersInvalid', `Prime Field Size does not go with ${method}. Leave it out.`);
  }
  switch (method) {
    case 'XOR':
      return XOR;
    case 'PolynomialSharingGF2_8':
      return polynomialScheme(
        GF2_8,
        255,
        (secret) => [...secret],
        (bytes) => Buffer.from(bytes),
      );
    case 'PolynomialSharingGF2_16':
      return polynomialScheme(GF2_16, PARTS_LIMIT, wordsOf, bytesOfWords);
    case 'PolynomialSharingPrimeField':
      return primeScheme(primeFieldSize ?? chosenPrime(secretBytes), secretBytes);
    default:
      throw new Refusal('splitParametersInvalid', `Split Key Method ${method} is none of the specification.`);
  }
}

/** All parts are needed: random ones, and the last that makes their sum the secret. */
const XOR: SharingScheme = {
  partsLimit: PARTS_LIMIT,
  split(secret, parts, threshold) {
    if (threshold !== parts) {
      throw new Refusal(
        'splitParametersInvalid',
        'With XOR, Split Key Threshold must equal Split Key Parts.',
      );
    }
    const shares = Array.from({ length: parts - 1 }, () => randomKeyBytes(secret.length));
    const last = sum([secret, ...shares], secret.length);
    return [...shares, last].map((bytes, index) => ({ identifier: index + 1, bytes }));
  },
  join(shares) {
    return sum(
      shares.map(({ bytes }) => bytes),
      commonLength(shares),
    );
  },
};

function sum(terms: readonly Buffer[], lengthBytes: number): Buffer {
  const total = Buffer.alloc(lengthBytes);
  for (const term of terms) {
    for (const [index, byte] of term.entries()) total[index] = (total[index] ?? 0) ^ byte;
  }
  return total;
}

/** Shamir's scheme over the pieces of the secret. */
function polynomialScheme(
  field: FiniteField<number>,
  partsLimit: number,
  read: (bytes: Buffer) => number[],
  write: (elements: number[]) => Buffer,
): SharingScheme {
  return {
    partsLimit,
    split: (secret, parts, threshold) =>
      splitPieces(field, read(secret), parts, threshold).map((elements, index) => ({
        identifier: index + 1,
        bytes: write(elements),
      })),
    join(shares, threshold) {
      commonLength(shares);
      const points = shares.map(({ identifier, bytes }) => ({
        place: field.elementOf(identifier),
        values: read(bytes),
      }));
      return write(joinPieces(field, points, threshold));
    },
  };
}

/** Shamir's scheme over the secret as one number; shares are as long as the prime. */
function primeScheme(prime: bigint, secretBytes: number): SharingScheme {
  demandPrime(prime, secretBytes);
  const field = primeField(prime);
  const shareBytes = byteLength(prime);
  return {
    partsLimit: PARTS_LIMIT,
    primeFieldSize: prime,
    split: (secret, parts, threshold) =>
      splitPieces(field, [numberOf(secret)], parts, threshold).map(([element], index) => ({
        identifier: index + 1,
        bytes: bytesOf(element ?? 0n, shareBytes),
      })),
    join(shares, threshold, wantedBytes) {
      commonLength(shares);
      const points = shares.map(({ identifier, bytes }) => ({
        place: field.elementOf(identifier),
        values: [numberOf(bytes)],
      }));
      const [secret = 0n] = joinPieces(field, points, threshold);
      const lengthBytes = wantedBytes ?? byteLength(secret);
      if (secret >> BigInt(lengthBytes * 8) > 0n) throw doNotFit();
      return bytesOf(secret, lengthBytes);
    },
  };
}

/** For each part, the values of the pieces' polynomials at the part's place. */
function splitPieces<E>(
  field: FiniteField<E>,
  pieces: readonly E[],
  parts: number,
  threshold: number,
): E[][] {
  const polynomials = pieces.map((piece) => [
    piece,
    ...Array.from({ length: threshold - 1 }, () => field.random()),
  ]);
  return Array.from({ length: parts }, (_, index) => {
    const place = field.elementOf(index + 1);
    return polynomials.map((coefficients) => valueAt(field, coefficients, place));
  });
}

/** By Horner's rule; coefficients in rising order. */
function valueAt<E>(field: FiniteField<E>, coefficients: readonly E[], place: E): E {
  return coefficients.reduceRight(
    (value, coefficient) => field.add(field.multiply(value, place), coefficient),
    field.zero,
  );
}

interface Point<E> {
  readonly place: E;
  readonly values: readonly E[];
}

/** The pieces at zero; parts beyond the threshold must lie on the same polynomials. */
function joinPieces<E>(field: FiniteField<E>, points: readonly Point<E>[], threshold: number): E[] {
  const used = points.slice(0, threshold);
  for (const point of points.slice(threshold)) {
    const expected = interpolate(field, used, point.place);
    if (expected.some((value, index) => value !== point.values[index])) throw doNotFit();
  }
  return interpolate(field, used, field.zero);
}

/** The polynomials through the points, at another place (Lagrange). */
function interpolate<E>(field: FiniteField<E>, points: readonly Point<E>[], place: E): E[] {
  const weights = points.map((point) =>
    points
      .filter((other) => other !== point)
      .reduce(
        (weight, other) =>
          field.multiply(
            weight,
            field.multiply(
              field.subtract(place, other.place),
              field.inverse(field.subtract(point.place, other.place)),
            ),
          ),
        field.one,
      ),
  );
  const [first] = points;
  return (first?.values ?? []).map((_, piece) =>
    points.reduce(
      (total, point, index) =>
        field.add(total, field.multiply(weights[index] ?? field.zero, point.values[piece] ?? field.zero)),
      field.zero,
    ),
  );
}

function wordsOf(secret: Buffer): number[] {
  if (secret.length % 2 !== 0) {
    throw new Refusal(
      'splitParametersInvalid',
      'A secret of an odd number of bytes has no pieces of 16 bits. Use Polynomial Sharing GF(2^8).',
    );
  }
  return Array.from({ length: secret.length / 2 }, (_, index) => secret.readUInt16BE(index * 2));
}

function bytesOfWords(words: number[]): Buffer {
  const bytes = Buffer.alloc(words.length * 2);
  for (const [index, word] of words.entries()) bytes.writeUInt16BE(word, index * 2);
  return bytes;
}

function chosenPrime(secretBytes: number): bigint {
  const exponent = MERSENNE_EXPONENTS.find((bits) => bits > secretBytes * 8);
  if (exponent !== undefined) return (1n << BigInt(exponent)) - 1n;
  throw tooLongForPrimes();
}

function demandPrime(prime: bigint, secretBytes: number): void {
  if (secretBytes * 8 >= PRIME_BITS_LIMIT) throw tooLongForPrimes();
  const fits = prime > 1n << BigInt(secretBytes * 8) && prime < 1n << BigInt(PRIME_BITS_LIMIT);
  if (fits && checkPrimeSync(prime)) return;
  throw new Refusal(
    'splitParametersInvalid',
    `Prime Field Size must be a prime above 2^${secretBytes * 8} of ${PRIME_BITS_LIMIT} bits at most.`,
  );
}

function tooLongForPrimes(): Refusal {
  return new Refusal(
    'splitParametersInvalid',
    'The secret is too long for a prime field. Use Polynomial Sharing GF(2^8).',
  );
}

/** The length that all parts have. */
function commonLength(shares: readonly Share[]): number {
  const lengths = new Set(shares.map(({ bytes }) => bytes.length));
  const [only] = lengths;
  if (only === undefined || lengths.size > 1) throw doNotFit();
  return only;
}

function doNotFit(): KmipError {
  return new KmipError('CryptographicFailure', 'The split keys do not belong together.');
}
