import { ECDH, createECDH, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';

import { randomKeyBytes, zeroise } from '../../core/secret.js';
import type { DerValue } from '../../wire/der/decode.js';
import { derInteger, derSequence } from '../../wire/der/encode.js';
import {
  bigIntOf,
  derBitStringOf,
  derIntegerOf,
  derOctetStringOf,
  derSequenceElements,
  derValues,
} from '../keys/der.js';
import { Refusal } from '../refusals.js';

/*
 * ECDSA of a digest that the client computed (FIPS 186-4 §6, SEC 1 §4.1). OpenSSL does it, but Node hands it data to
 * hash only. The private multiplication is OpenSSL's, through ECDH; what is left is arithmetic modulo the order, with
 * the nonce and the key blinded, and for verification point arithmetic on public values.
 */

/** Domain parameters of a curve y² = x³ + ax + b over a prime field. */
interface PrimeCurve {
  readonly name: string;
  readonly prime: bigint;
  readonly a: bigint;
  readonly b: bigint;
  readonly generator: Point;
  readonly order: bigint;
}

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** A point with x = X/Z², y = Y/Z³; the point at infinity has Z = 0. */
interface JacobianPoint {
  readonly X: bigint;
  readonly Y: bigint;
  readonly Z: bigint;
}

const INFINITY: JacobianPoint = { X: 1n, Y: 1n, Z: 0n };
/** 1.2.840.10045.1.1 */
const PRIME_FIELD_OID = '2a8648ce3d0101';
const CURVES = new Map<string, PrimeCurve>();

/** Signs a digest of any length; the signature is DER (RFC 3279 §2.2.3). @throws Refusal for a curve over a binary field */
export function ecdsaSignDigest(privateKey: KeyObject, digest: Buffer): Buffer {
  const curve = curveOf(privateKey);
  const { order } = curve;
  const z = truncated(digest, order);
  const ecdh = createECDH(curve.name);
  const bytes = byteLengthOf(order);
  for (;;) {
    const nonce = randomScalar(order);
    const nonceBytes = scalarBytes(nonce, bytes);
    ecdh.setPrivateKey(nonceBytes);
    zeroise(nonceBytes);
    const r = modulo(pointOf(ecdh.getPublicKey()).x, order);
    const blind = randomScalar(order);
    const d = privateScalar(privateKey);
    const blinded = modulo(blind * z + modulo(blind * d, order) * r, order);
    const s = modulo(inverse(modulo(blind * nonce, order), order) * blinded, order);
    if (r !== 0n && s !== 0n) return derSequence(derInteger(r), derInteger(s));
  }
}

/** Whether a DER signature is one of a digest. @throws Refusal for a curve over a binary field */
export function ecdsaVerifyDigest(publicKey: KeyObject, digest: Buffer, signature: Buffer): boolean {
  const curve = curveOf(publicKey);
  const { order, prime } = curve;
  const values = signatureValues(signature);
  if (!values) return false;
  const { r, s } = values;
  if (r <= 0n || r >= order || s <= 0n || s >= order) return false;
  const w = inverse(s, order);
  const sum = combination(
    modulo(truncated(digest, order) * w, order),
    curve.generator,
    modulo(r * w, order),
    publicPoint(publicKey),
    curve,
  );
  if (sum.Z === 0n) return false;
  const zInverse = inverse(sum.Z, prime);
  return modulo(modulo(sum.X * zInverse * zInverse, prime), order) === r;
}

function signatureValues(signature: Buffer): { readonly r: bigint; readonly s: bigint } | undefined {
  try {
    const [r, s, ...more] = derSequenceElements(signature);
    return more.length === 0 ? { r: derIntegerOf(r), s: derIntegerOf(s) } : undefined;
  } catch {
    return undefined;
  }
}

/** The curve of a key, its parameters as OpenSSL writes them out (RFC 3279 §2.3.5). */
function curveOf(key: KeyObject): PrimeCurve {
  const name = key.asymmetricKeyDetails?.namedCurve ?? '';
  let curve = CURVES.get(name);
  if (!curve) {
    curve = readCurve(name);
    CURVES.set(name, curve);
  }
  return curve;
}

function readCurve(name: string): PrimeCurve {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: name, paramEncoding: 'explicit' });
  const [algorithm] = derSequenceElements(publicKey.export({ format: 'der', type: 'spki' }));
  const [, parameters] = elementsOf(algorithm);
  const [, field, coefficients, base, order] = elementsOf(parameters);
  const [fieldType, prime] = elementsOf(field);
  if (!fieldType?.content.equals(Buffer.from(PRIME_FIELD_OID, 'hex'))) {
    throw new Refusal(
      'unsupportedCryptographicParameters',
      `Digested Data is signed on curves over prime fields only, not on ${name}. Send Data instead.`,
    );
  }
  const [a, b] = elementsOf(coefficients);
  return {
    name,
    prime: derIntegerOf(prime),
    a: bigIntOf(derOctetStringOf(a)),
    b: bigIntOf(derOctetStringOf(b)),
    generator: pointOf(derOctetStringOf(base)),
    order: derIntegerOf(order),
  };
}

function elementsOf(sequence: DerValue | undefined): DerValue[] {
  return derValues(sequence?.content ?? Buffer.alloc(0));
}

/** The leftmost bits of a digest, as many as the order has. FIPS 186-4 §6.4. */
function truncated(digest: Buffer, order: bigint): bigint {
  const excess = digest.length * 8 - order.toString(2).length;
  const whole = bigIntOf(digest);
  return excess > 0 ? whole >> BigInt(excess) : whole;
}

/** A number from 1 to order − 1, each as likely. FIPS 186-4 §B.5.2. */
function randomScalar(order: bigint): bigint {
  const bits = order.toString(2).length;
  for (;;) {
    const candidate = bigIntOf(randomKeyBytes(Math.ceil(bits / 8))) >> BigInt((8 - (bits % 8)) % 8);
    if (candidate > 0n && candidate < order) return candidate;
  }
}

function privateScalar(key: KeyObject): bigint {
  const der = key.export({ format: 'der', type: 'sec1' });
  const [, secret] = derSequenceElements(der);
  const scalar = bigIntOf(derOctetStringOf(secret));
  zeroise(der);
  return scalar;
}

function publicPoint(key: KeyObject): Point {
  const der = key.export({ format: 'der', type: 'spki' });
  const [, bits] = derSequenceElements(der);
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  // The key may have been given with a compressed point, and is written out so again.
  const encoded = ECDH.convertKey(derBitStringOf(bits), curve, undefined, undefined, 'uncompressed');
  return pointOf(encoded as Buffer);
}

function scalarBytes(value: bigint, length: number): Buffer {
  return Buffer.from(value.toString(16).padStart(length * 2, '0'), 'hex');
}

function byteLengthOf(value: bigint): number {
  return Math.ceil(value.toString(2).length / 8);
}

/** An uncompressed point (SEC 1 §2.3.3). */
function pointOf(encoded: Buffer): Point {
  const half = (encoded.length - 1) / 2;
  return { x: bigIntOf(encoded.subarray(1, 1 + half)), y: bigIntOf(encoded.subarray(1 + half)) };
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}

/** The inverse modulo a prime, by the extended Euclidean algorithm. */
function inverse(value: bigint, prime: bigint): bigint {
  let [low, high] = [modulo(value, prime), prime];
  let [x, y] = [1n, 0n];
  while (low > 1n) {
    const quotient = high / low;
    [low, high] = [high - quotient * low, low];
    [x, y] = [y - quotient * x, x];
  }
  return modulo(x, prime);
}

/** left·P + right·Q, both multiplications in one pass (Shamir's trick). */
function combination(left: bigint, p: Point, right: bigint, q: Point, curve: PrimeCurve): JacobianPoint {
  const P: JacobianPoint = { X: p.x, Y: p.y, Z: 1n };
  const Q: JacobianPoint = { X: q.x, Y: q.y, Z: 1n };
  const both = added(P, Q, curve);
  let sum = INFINITY;
  for (let bit = BigInt(curve.order.toString(2).length - 1); bit >= 0n; bit -= 1n) {
    sum = doubled(sum, curve);
    const inLeft = (left >> bit) & 1n;
    const inRight = (right >> bit) & 1n;
    if (inLeft && inRight) sum = added(sum, both, curve);
    else if (inLeft) sum = added(sum, P, curve);
    else if (inRight) sum = added(sum, Q, curve);
  }
  return sum;
}

function doubled({ X, Y, Z }: JacobianPoint, { a, prime }: PrimeCurve): JacobianPoint {
  if (Z === 0n || Y === 0n) return INFINITY;
  const ySquared = (Y * Y) % prime;
  const s = (4n * X * ySquared) % prime;
  const zSquared = (Z * Z) % prime;
  const m = (3n * X * X + a * zSquared * zSquared) % prime;
  const x = modulo(m * m - 2n * s, prime);
  return { X: x, Y: modulo(m * (s - x) - 8n * ySquared * ySquared, prime), Z: (2n * Y * Z) % prime };
}

function added(left: JacobianPoint, right: JacobianPoint, curve: PrimeCurve): JacobianPoint {
  if (left.Z === 0n) return right;
  if (right.Z === 0n) return left;
  const { prime } = curve;
  const leftZ2 = (left.Z * left.Z) % prime;
  const rightZ2 = (right.Z * right.Z) % prime;
  const u1 = (left.X * rightZ2) % prime;
  const u2 = (right.X * leftZ2) % prime;
  const s1 = (left.Y * rightZ2 * right.Z) % prime;
  const s2 = (right.Y * leftZ2 * left.Z) % prime;
  if (u1 === u2) return s1 === s2 ? doubled(left, curve) : INFINITY;
  const h = modulo(u2 - u1, prime);
  const h2 = (h * h) % prime;
  const h3 = (h * h2) % prime;
  const r = modulo(s2 - s1, prime);
  const v = (u1 * h2) % prime;
  const x = modulo(r * r - h3 - 2n * v, prime);
  return { X: x, Y: modulo(r * (v - x) - s1 * h3, prime), Z: (h * left.Z * right.Z) % prime };
}
