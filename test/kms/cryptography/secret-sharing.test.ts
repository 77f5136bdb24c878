import { describe, expect, test } from 'vitest';

import { binaryField16, binaryField8, primeField } from '../../../kms/cryptography/finite-field.js';
import type { FiniteField } from '../../../kms/cryptography/finite-field.js';
import { sharingScheme } from '../../../kms/cryptography/secret-sharing.js';
import { fc } from '../../property.js';

const FIPS_197 = 0x11b;
const MERSENNE_127 = (1n << 127n) - 1n;

function laws<E>(field: FiniteField<E>, element: fc.Arbitrary<E>): void {
  fc.assert(
    fc.property(element, element, element, (a, b, c) => {
      const add = (left: E, right: E): E => field.add(left, right);
      const multiply = (left: E, right: E): E => field.multiply(left, right);
      expect(multiply(a, b)).toBe(multiply(b, a));
      expect(multiply(multiply(a, b), c)).toBe(multiply(a, multiply(b, c)));
      expect(multiply(a, add(b, c))).toBe(add(multiply(a, b), multiply(a, c)));
      expect(add(field.subtract(a, b), b)).toBe(a);
      expect(multiply(a, field.one)).toBe(a);
      if (a !== field.zero) expect(multiply(a, field.inverse(a))).toBe(field.one);
      else expect(() => field.inverse(a)).toThrow(RangeError);
    }),
  );
}

describe('a finite field obeys the laws of a field', () => {
  const byte = fc.nat(0xff);
  test('GF(2^8) of either polynomial', () => {
    laws(binaryField8(FIPS_197), byte);
    laws(binaryField8(0x11d), byte);
  });
  test('GF(2^16)', () => laws(binaryField16(binaryField8(FIPS_197), 0x3a), fc.nat(0xffff)));
  test('a prime field', () => laws(primeField(MERSENNE_127), fc.bigInt(0n, MERSENNE_127 - 1n)));

  test('the product of FIPS 197 §4.2 comes out', () => {
    expect(binaryField8(FIPS_197).multiply(0x57, 0x83)).toBe(0xc1);
  });

  test('GF(2^16) is y² + y + m over its base: y · y = y + m', () => {
    expect(binaryField16(binaryField8(FIPS_197), 0x3a).multiply(0x0100, 0x0100)).toBe(0x013a);
  });
});

const METHODS = ['PolynomialSharingGF2_8', 'PolynomialSharingGF2_16', 'PolynomialSharingPrimeField'] as const;

/** A secret of an even number of bytes, parts and a threshold, and the order in which parts come back. */
const sharing = fc
  .tuple(fc.uint8Array({ minLength: 1, maxLength: 20 }), fc.integer({ min: 1, max: 12 }))
  .chain(([half, parts]) =>
    fc.record({
      secret: fc.constant(Buffer.concat([half, half.toReversed()])),
      parts: fc.constant(parts),
      threshold: fc.integer({ min: 1, max: parts }),
      order: fc.shuffledSubarray(
        Array.from({ length: parts }, (_, index) => index),
        { minLength: parts },
      ),
    }),
  );

describe.each(METHODS)('%s', (method) => {
  test('any parts up to the threshold, and more, make the secret again', () => {
    fc.assert(
      fc.property(sharing, ({ secret, parts, threshold, order }) => {
        const scheme = sharingScheme(method, undefined, secret.length);
        const shares = scheme.split(secret, parts, threshold);
        const shuffled = order.map((index) => shares[index]!);
        for (let count = threshold; count <= parts; count += 1) {
          expect(scheme.join(shuffled.slice(0, count), threshold, secret.length)).toEqual(secret);
        }
      }),
      { numRuns: 40 },
    );
  });

  test('fewer parts than the threshold do not make the secret', () => {
    const secret = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
    const scheme = sharingScheme(method, undefined, secret.length);
    const [first, second] = scheme.split(secret, 3, 3);
    // Joined as if two were enough they give another value, or one that is no secret of this length.
    let joined: Buffer | undefined;
    try {
      joined = scheme.join([first!, second!], 2, secret.length);
    } catch (error) {
      expect(error).toMatchObject({ reason: 'CryptographicFailure' });
    }
    expect(joined?.equals(secret) ?? false).toBe(false);
  });

  test('a part that is of another secret is noticed where there are more parts than needed', () => {
    const secret = Buffer.alloc(16, 1);
    const scheme = sharingScheme(method, undefined, secret.length);
    const shares = scheme.split(secret, 3, 2);
    const foreign = scheme.split(Buffer.alloc(16, 2), 3, 2);
    expect(() => scheme.join([shares[0]!, shares[1]!, foreign[2]!], 2, 16)).toThrow(/do not belong together/);
  });
});

test('the parts of the OASIS test case TC-SJ-3-14 make its key', () => {
  const shares = [
    { identifier: 1, bytes: Buffer.from('66C46A7754F94DE420C7B1A7FFF5EC56', 'hex') },
    { identifier: 3, bytes: Buffer.from('A855B891F61AD9217240D8EC061E37DA', 'hex') },
  ];
  const scheme = sharingScheme('PolynomialSharingGF2_8', undefined, 16);
  expect(scheme.join(shares, 2, 16).toString('hex')).toBe('0102030405060708090a0b0c0d0e0f10');
});

describe('XOR', () => {
  test('the sum of all parts is the secret', () => {
    const secret = Buffer.from('0102030405060708090a0b0c0d0e0f10', 'hex');
    const scheme = sharingScheme('XOR', undefined, secret.length);
    const shares = scheme.split(secret, 4, 4);
    expect(shares.map(({ identifier }) => identifier)).toEqual([1, 2, 3, 4]);
    expect(scheme.join(shares.toReversed(), 4, 16)).toEqual(secret);
  });

  test('a threshold below the number of parts is refused', () => {
    expect(() => sharingScheme('XOR', undefined, 4).split(Buffer.alloc(4), 4, 3)).toThrow(/must equal/);
  });
});

describe('a prime field', () => {
  test('is the one asked for, and its parts are as long as the prime', () => {
    const prime = (1n << 521n) - 1n;
    const scheme = sharingScheme('PolynomialSharingPrimeField', prime, 32);
    expect(scheme.primeFieldSize).toBe(prime);
    expect(scheme.split(Buffer.alloc(32, 7), 3, 2).map(({ bytes }) => bytes.length)).toEqual([66, 66, 66]);
  });

  test.each([
    ['a number that is no prime', 1n << 300n],
    ['a prime not above 2^L', 257n],
    ['a negative number', -7n],
    ['a prime beyond all bounds', (1n << 9689n) - 1n],
  ])('%s is refused', (_, prime) => {
    expect(() => sharingScheme('PolynomialSharingPrimeField', prime, 32)).toThrow(/must be a prime above/);
  });

  test('is refused for other methods, and where none is long enough', () => {
    expect(() => sharingScheme('PolynomialSharingGF2_8', 257n, 1)).toThrow(/Leave it out/);
    expect(() => sharingScheme('PolynomialSharingPrimeField', undefined, 600)).toThrow(/too long/);
  });
});

test('a secret of an odd number of bytes is refused for GF(2^16)', () => {
  expect(() => sharingScheme('PolynomialSharingGF2_16', undefined, 3).split(Buffer.alloc(3), 2, 2)).toThrow(
    /odd number of bytes/,
  );
});
