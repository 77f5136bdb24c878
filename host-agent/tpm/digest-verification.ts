import { ECDH, constants as cryptoConstants, createECDH, createHash, publicDecrypt } from 'node:crypto';
import { ECC_CURVES, HASH_ALGORITHMS, leftPadded, publicKeyOf } from '../../wire/tpm2/index.js';
import type { EccCurve, EccPublic, RsaPublic, TpmtPublic, TpmtSignature } from '../../wire/tpm2/index.js';
import { DIGEST_INFO_PREFIX, mgf1 } from './digest-signing.js';
import { inverse, toBigInt, toBytes } from './key-material.js';

/**
 * Verifies a signature over a digest that was computed elsewhere, which node:crypto does not offer.
 *
 * @returns false if it does not verify, for whatever reason
 */
export function verifyDigest(area: TpmtPublic, signature: TpmtSignature, digest: Buffer): boolean {
  if (digest.length !== HASH_ALGORITHMS[signature.hashAlg].digestBytes) return false;
  try {
    if (signature.sigAlg === 'ECDSA') return area.type === 'ECC' && verifyEcdsa(area, signature, digest);
    if (area.type !== 'RSA' || signature.sigAlg === 'HMAC') return false;
    return signature.sigAlg === 'RSASSA'
      ? verifyPkcs1(area, signature, digest)
      : verifyPss(area, signature, digest);
  } catch {
    // A public area that is no key, or a signature that is no number of its size, verifies nothing.
    return false;
  }
}

type RsaSignature = Extract<TpmtSignature, { signature: Buffer }>;

function verifyPkcs1(area: RsaPublic, { signature, hashAlg }: RsaSignature, digest: Buffer): boolean {
  const key = { key: publicKeyOf(area), padding: cryptoConstants.RSA_PKCS1_PADDING };
  const expected = Buffer.concat([Buffer.from(DIGEST_INFO_PREFIX[hashAlg], 'hex'), digest]);
  return publicDecrypt(key, signature).equals(expected);
}

/** EMSA-PSS (RFC 8017 §9.1.2) with a salt of any length; the moduli of a TPM are a multiple of eight bits long. */
function verifyPss(area: RsaPublic, { signature, hashAlg }: RsaSignature, digest: Buffer): boolean {
  const { nodeName, digestBytes } = HASH_ALGORITHMS[hashAlg];
  const key = { key: publicKeyOf(area), padding: cryptoConstants.RSA_NO_PADDING };
  const encoded = publicDecrypt(key, signature);
  const maskedLength = encoded.length - digestBytes - 1;
  if (encoded.at(-1) !== 0xbc || (encoded.readUInt8(0) & 0x80) !== 0) return false;
  const h = encoded.subarray(maskedLength, -1);
  const block = encoded.subarray(0, maskedLength);
  const mask = mgf1(nodeName, h, maskedLength);
  const plain = Buffer.from(block.map((byte, index) => byte ^ mask.readUInt8(index)));
  plain.writeUInt8(plain.readUInt8(0) & 0x7f, 0);
  const saltAt = plain.findIndex((byte) => byte !== 0) + 1;
  if (saltAt === 0 || plain.readUInt8(saltAt - 1) !== 1) return false;
  const expected = createHash(nodeName).update(Buffer.alloc(8)).update(digest).update(plain.subarray(saltAt));
  return expected.digest().equals(h);
}

interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** ECDSA (FIPS 186-4 §6.4): the x coordinate of u1·G + u2·Q is r. */
function verifyEcdsa(
  { curve, unique }: EccPublic,
  signature: Extract<TpmtSignature, { r: Buffer }>,
  digest: Buffer,
): boolean {
  const { orderHex, primeHex, coordinateBytes } = ECC_CURVES[curve];
  const order = BigInt(`0x${orderHex}`);
  const prime = BigInt(`0x${primeHex}`);
  const [r, s] = [toBigInt(signature.r), toBigInt(signature.s)];
  if (r <= 0n || r >= order || s <= 0n || s >= order) return false;
  const excessBits = BigInt(Math.max(0, digest.length - coordinateBytes) * 8);
  const w = inverse(s, order);
  const u1 = ((toBigInt(digest) >> excessBits) * w) % order;
  const u2 = (r * w) % order;
  const q = {
    x: toBigInt(leftPadded(unique.x, coordinateBytes)),
    y: toBigInt(leftPadded(unique.y, coordinateBytes)),
  };
  const second = multiply(curve, u2, q, prime);
  if (u1 === 0n) return second.x % order === r;
  const first = baseMultiple(curve, u1);
  // Two points of the same x come only from a signer who chose them so; their sum is not computed here.
  if (first.x === second.x) return false;
  return sumX(first, second, prime) % order === r;
}

function baseMultiple(curve: EccCurve, factor: bigint): Point {
  const { nodeName, coordinateBytes } = ECC_CURVES[curve];
  const ecdh = createECDH(nodeName);
  ecdh.setPrivateKey(toBytes(factor, coordinateBytes));
  return pointOf(ecdh.getPublicKey(), coordinateBytes);
}

/**
 * A multiple of any point, with the arithmetic of ECDH, which tells x only. Of the two points with that x it is the
 * one whose sum with the point itself has the x of the next multiple.
 */
function multiply(curve: EccCurve, factor: bigint, point: Point, prime: bigint): Point {
  if (factor === 1n) return point;
  const { orderHex } = ECC_CURVES[curve];
  const x = multipleX(curve, factor, point);
  const y = rootOf(curve, x);
  if (factor + 1n === BigInt(`0x${orderHex}`)) return { x, y: prime - point.y };
  const next = multipleX(curve, factor + 1n, point);
  return sumX({ x, y }, point, prime) === next ? { x, y } : { x, y: prime - y };
}

function multipleX(curve: EccCurve, factor: bigint, point: Point): bigint {
  const { nodeName, coordinateBytes } = ECC_CURVES[curve];
  const ecdh = createECDH(nodeName);
  ecdh.setPrivateKey(toBytes(factor, coordinateBytes));
  const encoded = [Buffer.from([4]), toBytes(point.x, coordinateBytes), toBytes(point.y, coordinateBytes)];
  return toBigInt(ecdh.computeSecret(Buffer.concat(encoded)));
}

/** The even y of the points with this x. */
function rootOf(curve: EccCurve, x: bigint): bigint {
  const { nodeName, coordinateBytes } = ECC_CURVES[curve];
  const compressed = Buffer.concat([Buffer.from([2]), toBytes(x, coordinateBytes)]);
  const whole = ECDH.convertKey(compressed, nodeName, undefined, undefined, 'uncompressed');
  if (typeof whole === 'string') throw new TypeError('a key that was given as bytes came back as text');
  return pointOf(whole, coordinateBytes).y;
}

function pointOf(uncompressed: Buffer, coordinateBytes: number): Point {
  return {
    x: toBigInt(uncompressed.subarray(1, 1 + coordinateBytes)),
    y: toBigInt(uncompressed.subarray(1 + coordinateBytes)),
  };
}

/** x of the sum of two points with different x (SEC 1 §2.2.1). */
function sumX(left: Point, right: Point, prime: bigint): bigint {
  const slope = (right.y - left.y) * inverse(modulo(right.x - left.x, prime), prime);
  return modulo(slope * slope - left.x - right.x, prime);
}

function modulo(value: bigint, modulus: bigint): bigint {
  const rest = value % modulus;
  return rest < 0n ? rest + modulus : rest;
}
