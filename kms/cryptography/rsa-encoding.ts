import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

import { randomKeyBytes, zeroise } from '../../core/secret.js';
import { KmipError } from '../../wire/kmip/index.js';
import { derObjectIdentifier, derOctetString, derSequence } from '../../wire/der/encode.js';
import type { HashRow } from './hash.js';

/*
 * Encodings of RFC 8017 that Node does not offer: it has no OAEP and no PSS with two different hash functions, none of
 * its signatures takes a digest, and Node 20 refuses to decrypt PKCS #1 v1.5. The RSA primitive itself is OpenSSL's.
 */

/** MGF1. RFC 8017 §B.2.1. */
function mgf1(seed: Buffer, length: number, { openssl, digestBytes }: HashRow): Buffer {
  const blocks: Buffer[] = [];
  const counter = Buffer.alloc(4);
  for (let index = 0; index * digestBytes < length; index += 1) {
    counter.writeUInt32BE(index);
    blocks.push(createHash(openssl).update(seed).update(counter).digest());
  }
  return Buffer.concat(blocks).subarray(0, length);
}

function exclusiveOr(target: Buffer, mask: Buffer): void {
  for (const [index, byte] of mask.entries()) target[index] = (target[index] ?? 0) ^ byte;
}

/** How OAEP encodes. */
export interface OaepOptions {
  readonly hash: HashRow;
  readonly maskHash: HashRow;
  /** The label L. */
  readonly pSource: Buffer;
}

/** EME-OAEP encoding. RFC 8017 §7.1.1. @throws KmipError `CryptographicFailure` if the message is too long */
export function oaepEncode(message: Buffer, modulusBytes: number, options: OaepOptions): Buffer {
  const { hash, maskHash, pSource } = options;
  const room = modulusBytes - 2 * hash.digestBytes - 2;
  demandRoom(message.length, room);
  const encoded = Buffer.alloc(modulusBytes);
  const seed = encoded.subarray(1, 1 + hash.digestBytes);
  const block = encoded.subarray(1 + hash.digestBytes);
  createHash(hash.openssl).update(pSource).digest().copy(block);
  block[block.length - message.length - 1] = 1;
  message.copy(block, block.length - message.length);
  randomKeyBytes(seed.length).copy(seed);
  exclusiveOr(block, mgf1(seed, block.length, maskHash));
  exclusiveOr(seed, mgf1(block, seed.length, maskHash));
  return encoded;
}

/**
 * EME-OAEP decoding. RFC 8017 §7.1.2. Whatever is wrong is found in one pass over all bytes and told in one way
 * (Manger's attack). Clears `encoded`.
 *
 * @throws KmipError `CryptographicFailure`
 */
export function oaepDecode(encoded: Buffer, { hash, maskHash, pSource }: OaepOptions): Buffer {
  const seed = encoded.subarray(1, 1 + hash.digestBytes);
  const block = encoded.subarray(1 + hash.digestBytes);
  const label = createHash(hash.openssl).update(pSource).digest();
  if (block.length <= label.length) throw badEncoding();
  exclusiveOr(seed, mgf1(block, seed.length, maskHash));
  exclusiveOr(block, mgf1(seed, block.length, maskHash));
  let wrong = (encoded[0] ?? 1) | Number(!timingSafeEqual(block.subarray(0, label.length), label));
  let looking = 1;
  let start = block.length;
  for (let index = label.length; index < block.length; index += 1) {
    const byte = block[index] ?? 0;
    const isOne = Number(byte === 1);
    start = looking & isOne ? index + 1 : start;
    wrong |= looking & Number(byte > 1);
    looking &= isOne ^ 1;
  }
  return taken(encoded, block.subarray(start), wrong | looking);
}

/** EME-PKCS1-v1_5 encoding. RFC 8017 §7.2.1. @throws KmipError `CryptographicFailure` if the message is too long */
export function pkcs1Encode(message: Buffer, modulusBytes: number): Buffer {
  demandRoom(message.length, modulusBytes - 11);
  const encoded = Buffer.alloc(modulusBytes);
  encoded[1] = 2;
  const filling = encoded.subarray(2, modulusBytes - message.length - 1);
  for (let index = 0; index < filling.length;) {
    const [byte = 0] = randomBytes(1);
    if (byte !== 0) filling[index++] = byte;
  }
  message.copy(encoded, modulusBytes - message.length);
  return encoded;
}

/**
 * EME-PKCS1-v1_5 decoding. RFC 8017 §7.2.2. A wrong padding is told: whoever may ask for a decryption gets the
 * plaintext anyway, so that hiding it would protect nothing. Clears `encoded`.
 *
 * @throws KmipError `CryptographicFailure`
 */
export function pkcs1Decode(encoded: Buffer): Buffer {
  let wrong = (encoded[0] ?? 1) | ((encoded[1] ?? 0) ^ 2);
  let looking = 1;
  let start = encoded.length;
  for (let index = 2; index < encoded.length; index += 1) {
    const isZero = Number(encoded[index] === 0);
    start = looking & isZero ? index + 1 : start;
    looking &= isZero ^ 1;
  }
  wrong |= looking | Number(start < 11);
  return taken(encoded, encoded.subarray(start), wrong);
}

/** Parameters of a hash function: NULL. */
const DER_NULL = Buffer.from('0500', 'hex');

/** The DigestInfo that a signature of PKCS #1 v1.5 signs. RFC 8017 §9.2. */
export function digestInfo(digest: Buffer, { oid }: HashRow): Buffer {
  return derSequence(derSequence(derObjectIdentifier(oid), DER_NULL), derOctetString(digest));
}

/** How PSS encodes. */
export interface PssOptions {
  readonly hash: HashRow;
  readonly maskHash: HashRow;
  /** Bytes of salt; undefined verifies any number of them. */
  readonly saltBytes: number | undefined;
}

/** EMSA-PSS encoding of a digest. RFC 8017 §9.1.1. @throws KmipError `CryptographicFailure` if it does not fit the key */
export function pssEncode(digest: Buffer, modulusBits: number, options: PssOptions): Buffer {
  const { hash, maskHash, saltBytes = hash.digestBytes } = options;
  const encodedBytes = Math.ceil((modulusBits - 1) / 8);
  demandRoom(saltBytes, encodedBytes - digest.length - 2);
  const salt = randomKeyBytes(saltBytes);
  const encoded = Buffer.alloc(encodedBytes);
  const block = encoded.subarray(0, encodedBytes - digest.length - 1);
  const check = pssHash(hash, digest, salt);
  block[block.length - saltBytes - 1] = 1;
  salt.copy(block, block.length - saltBytes);
  exclusiveOr(block, mgf1(check, block.length, maskHash));
  block[0] = (block[0] ?? 0) & topMask(modulusBits);
  check.copy(encoded, block.length);
  encoded[encodedBytes - 1] = 0xbc;
  return Buffer.concat([Buffer.alloc(Math.ceil(modulusBits / 8) - encodedBytes), encoded]);
}

/** Whether `signed`, which is as long as the modulus, is an EMSA-PSS encoding of a digest. RFC 8017 §9.1.2. */
export function pssVerify(signed: Buffer, digest: Buffer, modulusBits: number, options: PssOptions): boolean {
  const { hash, maskHash, saltBytes } = options;
  const encodedBytes = Math.ceil((modulusBits - 1) / 8);
  const encoded = signed.subarray(signed.length - encodedBytes);
  const blockBytes = encodedBytes - digest.length - 1;
  if (blockBytes < 1 || encoded.at(-1) !== 0xbc) return false;
  if (signed.length > encodedBytes && signed[0] !== 0) return false;
  const block = Buffer.from(encoded.subarray(0, blockBytes));
  const check = encoded.subarray(blockBytes, -1);
  if ((block[0] ?? 0) & ~topMask(modulusBits)) return false;
  exclusiveOr(block, mgf1(check, blockBytes, maskHash));
  block[0] = (block[0] ?? 0) & topMask(modulusBits);
  const one = block.findIndex((byte) => byte !== 0);
  if (one < 0 || block[one] !== 1) return false;
  const salt = block.subarray(one + 1);
  if (saltBytes !== undefined && salt.length !== saltBytes) return false;
  return check.equals(pssHash(hash, digest, salt));
}

function pssHash({ openssl }: HashRow, digest: Buffer, salt: Buffer): Buffer {
  return createHash(openssl).update(Buffer.alloc(8)).update(digest).update(salt).digest();
}

/** The bits of the first byte that an encoding of one bit less than the modulus has. */
function topMask(modulusBits: number): number {
  return 0xff >> (8 * Math.ceil((modulusBits - 1) / 8) - (modulusBits - 1));
}

function demandRoom(bytes: number, room: number): void {
  if (bytes <= room) return;
  throw new KmipError(
    'CryptographicFailure',
    `${bytes} bytes do not fit this RSA key with this padding; ${Math.max(0, room)} do.`,
  );
}

function taken(encoded: Buffer, message: Buffer, wrong: number): Buffer {
  const copy = Buffer.from(message);
  zeroise(encoded);
  if (wrong === 0) return copy;
  zeroise(copy);
  throw badEncoding();
}

function badEncoding(): KmipError {
  return new KmipError('CryptographicFailure', 'The decryption failed; check data, key and padding.');
}
