import { randomKeyBytes, zeroise } from '../../core/secret.js';

/**
 * A finite field as secret sharing needs it. Elements of GF(2⁸) and GF(2¹⁶) are numbers, those of a prime field
 * are residues.
 */
export interface FiniteField<E> {
  readonly zero: E;
  readonly one: E;
  add(left: E, right: E): E;
  subtract(left: E, right: E): E;
  multiply(left: E, right: E): E;
  /** @throws RangeError for zero */
  inverse(element: E): E;
  /** The element that stands for a small number: the place of a share. */
  elementOf(number: number): E;
  /** Any element, each as likely as the others. */
  random(): E;
}

/** The field GF(2⁸) of a reduction polynomial (nine bits, the highest set). */
export function binaryField8(polynomial: number): FiniteField<number> {
  const multiply = (left: number, right: number): number => {
    let product = 0;
    for (let bit = 0; bit < 8; bit += 1) {
      if ((right >> bit) & 1) product ^= left << bit;
    }
    for (let bit = 15; bit >= 8; bit -= 1) {
      if ((product >> bit) & 1) product ^= polynomial << (bit - 8);
    }
    return product;
  };
  return { ...binary(0xff, 1), multiply, inverse: (element) => inverseByPower(element, 254, multiply) };
}

/**
 * The field GF(2¹⁶) over a GF(2⁸), as KMIP 1.4 §2.2.5 builds it: polynomials uy + v modulo y² + y + m, u being the
 * more significant byte. The product follows from that modulus; the formula printed there has m at the wrong term
 * (its formula for the inverse, which this one agrees with, has it at the right one).
 */
export function binaryField16(base: FiniteField<number>, m: number): FiniteField<number> {
  const multiply = (left: number, right: number): number => {
    const [r, s, u, v] = [left >> 8, left & 0xff, right >> 8, right & 0xff];
    const high = base.multiply(r ^ s, u ^ v) ^ base.multiply(s, v);
    const low = base.multiply(base.multiply(r, u), m) ^ base.multiply(s, v);
    return (high << 8) | low;
  };
  return {
    ...binary(0xffff, 2),
    multiply,
    inverse(element) {
      const [u, v] = [element >> 8, element & 0xff];
      const norm = base.multiply(u ^ v, v) ^ base.multiply(m, base.multiply(u, u));
      const inverse = base.inverse(norm);
      return (base.multiply(u, inverse) << 8) | base.multiply(u ^ v, inverse);
    },
  };
}

/** The field of the residues modulo a prime. */
export function primeField(prime: bigint): FiniteField<bigint> {
  const reduced = (value: bigint): bigint => ((value % prime) + prime) % prime;
  const byteCount = byteLength(prime);
  const mask = (1n << BigInt(prime.toString(2).length)) - 1n;
  return {
    zero: 0n,
    one: 1n,
    add: (left, right) => reduced(left + right),
    subtract: (left, right) => reduced(left - right),
    multiply: (left, right) => reduced(left * right),
    inverse(element) {
      if (reduced(element) === 0n) throw new RangeError('zero has no inverse');
      return reduced(bezout(reduced(element), prime));
    },
    elementOf: (number) => reduced(BigInt(number)),
    random() {
      for (;;) {
        const bytes = randomKeyBytes(byteCount);
        const candidate = numberOf(bytes) & mask;
        zeroise(bytes);
        if (candidate < prime) return candidate;
      }
    },
  };
}

/** A number from its bytes, the most significant first. */
export function numberOf(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

/** Bytes of a number, the most significant first. @throws RangeError if they do not suffice */
export function bytesOf(number: bigint, lengthBytes: number): Buffer {
  const hex = number.toString(16).padStart(lengthBytes * 2, '0');
  if (number < 0n || hex.length > lengthBytes * 2) throw new RangeError('the number does not fit');
  return Buffer.from(hex, 'hex');
}

/** Bytes that a positive number takes. */
export function byteLength(number: bigint): number {
  return Math.ceil(number.toString(16).length / 2);
}

function binary(mask: number, byteCount: number) {
  return {
    zero: 0,
    one: 1,
    add: (left: number, right: number) => left ^ right,
    subtract: (left: number, right: number) => left ^ right,
    elementOf: (number: number) => number & mask,
    random: () => randomKeyBytes(byteCount).readUIntBE(0, byteCount),
  };
}

function inverseByPower(
  element: number,
  exponent: number,
  multiply: (left: number, right: number) => number,
): number {
  if (element === 0) throw new RangeError('zero has no inverse');
  let result = 1;
  for (let bit = 7; bit >= 0; bit -= 1) {
    result = multiply(result, result);
    if ((exponent >> bit) & 1) result = multiply(result, element);
  }
  return result;
}

/** x with element·x ≡ 1 modulo a prime, by the extended Euclidean algorithm. */
function bezout(element: bigint, prime: bigint): bigint {
  let [remainder, next] = [prime, element];
  let [factor, nextFactor] = [0n, 1n];
  while (next !== 0n) {
    const quotient = remainder / next;
    [remainder, next] = [next, remainder - quotient * next];
    [factor, nextFactor] = [nextFactor, factor - quotient * nextFactor];
  }
  return factor;
}
