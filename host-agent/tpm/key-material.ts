import { checkPrime, checkPrimeSync, createECDH, generateKeyPairSync } from 'node:crypto';
import { promisify } from 'node:util';
import { ECC_CURVES, kdfA, leftPadded } from '../../wire/tpm2/index.js';
import type { EccCurve } from '../../wire/tpm2/index.js';

const checkPrimeAsync: (candidate: bigint) => Promise<boolean> = promisify(
  (candidate: bigint, done: (error: Error | null, prime: boolean) => void) => {
    checkPrime(candidate, done);
  },
);

const RSA_EXPONENT = 65537n;
/** Trial divisors of the prime search; more would save less than they cost. */
const SMALL_PRIMES = primesBelow(5000);
/** How far the search goes from one starting point before it derives another. */
const SEARCH_SPAN = 1 << 16;

/** An RSA key as a TPM keeps it: the public modulus and one of the two primes, big-endian. */
export interface RsaMaterial {
  readonly modulus: Buffer;
  readonly prime: Buffer;
}

/** An ECC key as a TPM keeps it, all parts as long as the curve's coordinates. */
export interface EccMaterial {
  readonly scalar: Buffer;
  readonly x: Buffer;
  readonly y: Buffer;
}

/** The parts of a private key as a JSON Web Key has them. */
export type PrivateJwk = Record<string, string>;

/** A new random RSA key. */
export function randomRsa(keyBits: number): RsaMaterial {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: keyBits });
  const { n = '', p = '' } = privateKey.export({ format: 'jwk' });
  return { modulus: Buffer.from(n, 'base64url'), prime: Buffer.from(p, 'base64url') };
}

/** A new random ECC key. */
export function randomEcc(curve: EccCurve): EccMaterial {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: ECC_CURVES[curve].nodeName });
  const { d = '', x = '', y = '' } = privateKey.export({ format: 'jwk' });
  return {
    scalar: Buffer.from(d, 'base64url'),
    x: Buffer.from(x, 'base64url'),
    y: Buffer.from(y, 'base64url'),
  };
}

/**
 * The ECC key that belongs to a seed: 64 bits more than needed from KDFa, reduced to 1 … n − 1 (FIPS 186-4 §B.4.1;
 * label and contexts are own choices).
 *
 * @param context what makes the key of this template a different one from that of another
 */
export function derivedEcc(curve: EccCurve, seed: Buffer, context: Buffer): EccMaterial {
  const { nodeName, orderHex, coordinateBytes } = ECC_CURVES[curve];
  const extra = kdfA('SHA256', seed, {
    label: 'ECC PRIMARY',
    contextU: context,
    bits: coordinateBytes * 8 + 64,
  });
  const scalar = toBytes((toBigInt(extra) % (BigInt(`0x${orderHex}`) - 1n)) + 1n, coordinateBytes);
  const ecdh = createECDH(nodeName);
  ecdh.setPrivateKey(scalar);
  const point = ecdh.getPublicKey();
  return { scalar, x: point.subarray(1, 1 + coordinateBytes), y: point.subarray(1 + coordinateBytes) };
}

/**
 * The RSA key that belongs to a seed: primes are searched for upwards from numbers that KDFa gives (label and contexts are own
 * choices). Takes tens of milliseconds, so its result is worth keeping.
 */
export function derivedRsa(keyBits: number, seed: Buffer, context: Buffer): RsaMaterial {
  const search = rsaSearch(keyBits, seed, context);
  let step = search.next(false);
  while (step.done !== true) step = search.next(checkPrimeSync(step.value));
  return step.value;
}

/** `derivedRsa` with the primality tests on the thread pool, so that the event loop goes on. */
export async function derivedRsaInBackground(
  keyBits: number,
  seed: Buffer,
  context: Buffer,
): Promise<RsaMaterial> {
  const search = rsaSearch(keyBits, seed, context);
  let step = search.next(false);
  while (step.done !== true) step = search.next(await checkPrimeAsync(step.value));
  return step.value;
}

/** Yields candidates and is told whether they are prime; so one search serves both of the above. */
function* rsaSearch(keyBits: number, seed: Buffer, context: Buffer): Generator<bigint, RsaMaterial, boolean> {
  const primeBits = keyBits / 2;
  const found: bigint[] = [];
  for (let round = 0; found.length < 2; round += 1) {
    const counter = Buffer.alloc(4);
    counter.writeUInt32BE(round, 0);
    const start = kdfA('SHA256', seed, {
      label: 'RSA PRIMARY',
      contextU: context,
      contextV: counter,
      bits: primeBits,
    });
    // The two highest bits make the modulus exactly keyBits long.
    start.writeUInt8(start.readUInt8(0) | 0xc0, 0);
    start.writeUInt8(start.readUInt8(start.length - 1) | 0x01, start.length - 1);
    const prime = yield* primeAbove(toBigInt(start));
    if (prime !== undefined && !found.includes(prime)) found.push(prime);
  }
  const [p = 0n, q = 0n] = found;
  return { modulus: toBytes(p * q, keyBits / 8), prime: toBytes(p, primeBits / 8) };
}

function* primeAbove(start: bigint): Generator<bigint, bigint | undefined, boolean> {
  const residues = SMALL_PRIMES.map((prime) => Number(start % BigInt(prime)));
  for (let offset = 0; offset < SEARCH_SPAN; offset += 2) {
    if (SMALL_PRIMES.some((prime, index) => ((residues[index] ?? 0) + offset) % prime === 0)) continue;
    const candidate = start + BigInt(offset);
    if (candidate % RSA_EXPONENT === 1n) continue;
    if (yield candidate) return candidate;
  }
  return undefined;
}

/** The parts of an RSA private key from its modulus and one prime. @throws RangeError if the prime does not divide it */
export function rsaPrivateJwk(modulus: Buffer, prime: Buffer): PrivateJwk {
  const n = toBigInt(modulus);
  const p = toBigInt(prime);
  if (p < 2n || n % p !== 0n) throw new RangeError('the prime does not divide the modulus');
  const q = n / p;
  const d = inverse(RSA_EXPONENT, (p - 1n) * (q - 1n));
  const half = Math.ceil(modulus.length / 2);
  const text = (value: bigint, length: number): string => toBytes(value, length).toString('base64url');
  return {
    kty: 'RSA',
    n: modulus.toString('base64url'),
    e: 'AQAB',
    d: text(d, modulus.length),
    p: text(p, half),
    q: text(q, half),
    dp: text(d % (p - 1n), half),
    dq: text(d % (q - 1n), half),
    qi: text(inverse(q, p), half),
  };
}

/** The parts of an ECC private key. @throws RangeError if the scalar does not give the point */
export function eccPrivateJwk(
  curve: EccCurve,
  scalar: Buffer,
  point: { readonly x: Buffer; readonly y: Buffer },
): PrivateJwk {
  const { nodeName, jwkName, coordinateBytes } = ECC_CURVES[curve];
  const ecdh = createECDH(nodeName);
  ecdh.setPrivateKey(leftPadded(scalar, coordinateBytes));
  const computed = ecdh.getPublicKey();
  const x = leftPadded(point.x, coordinateBytes);
  const y = leftPadded(point.y, coordinateBytes);
  if (!computed.subarray(1).equals(Buffer.concat([x, y])))
    throw new RangeError('the scalar does not give the point');
  return {
    kty: 'EC',
    crv: jwkName,
    x: x.toString('base64url'),
    y: y.toString('base64url'),
    d: leftPadded(scalar, coordinateBytes).toString('base64url'),
  };
}

/** A big-endian number. */
export function toBigInt(bytes: Buffer): bigint {
  return bytes.length === 0 ? 0n : BigInt(`0x${bytes.toString('hex')}`);
}

/** A number as `length` bytes, big-endian. */
export function toBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}

/** The inverse of `value` modulo `modulus` (extended Euclid). @throws RangeError if there is none */
export function inverse(value: bigint, modulus: bigint): bigint {
  let [oldR, r] = [((value % modulus) + modulus) % modulus, modulus];
  let [oldS, s] = [1n, 0n];
  while (r !== 0n) {
    const quotient = oldR / r;
    [oldR, r] = [r, oldR - quotient * r];
    [oldS, s] = [s, oldS - quotient * s];
  }
  if (oldR !== 1n) throw new RangeError('the number has no inverse');
  return ((oldS % modulus) + modulus) % modulus;
}

function primesBelow(limit: number): number[] {
  const composite = new Uint8Array(limit);
  const primes: number[] = [];
  for (let number = 2; number < limit; number += 1) {
    if (composite[number] === 1) continue;
    primes.push(number);
    for (let multiple = number * number; multiple < limit; multiple += number) composite[multiple] = 1;
  }
  return primes;
}
