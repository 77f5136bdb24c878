import { createPublicKey } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { ECC_CURVES, HASH_ALGORITHMS, TPM_ALG, digestBytes, digestOf } from './algorithms.js';
import type { EccCurve, HashAlgorithm } from './algorithms.js';
import {
  readCurve,
  readHashAlgorithm,
  readSigningScheme,
  readSymmetric,
  writeCurve,
  writeHashAlgorithm,
  writeSigningScheme,
  writeSymmetric,
} from './algorithm-codec.js';
import type { SigningScheme, SymmetricDefinition } from './algorithm-codec.js';
import { TPMA_OBJECT_MASK } from './constants.js';
import { TpmError } from './errors.js';
import { decodeWhole } from './reader.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import { encodeWhole } from './writer.js';
import type { TpmWriter } from './writer.js';

interface PublicBase {
  readonly nameAlg: HashAlgorithm;
  /** TPMA_OBJECT bits */
  readonly objectAttributes: number;
  /** Policy digest, empty if there is no policy. */
  readonly authPolicy: Buffer;
}

/** Public area of an RSA key. */
export interface RsaPublic extends PublicBase {
  readonly type: 'RSA';
  /** Of a storage key: how it protects its children. */
  readonly symmetric: SymmetricDefinition | undefined;
  readonly scheme: SigningScheme | undefined;
  readonly keyBits: 1024 | 2048 | 3072;
  /** 0 means 65537. */
  readonly exponent: number;
  /** Modulus, big-endian; in a template anything that makes the key a different one. */
  readonly unique: Buffer;
}

/** Public area of an ECC key. */
export interface EccPublic extends PublicBase {
  readonly type: 'ECC';
  /** Of a storage key: how it protects its children. */
  readonly symmetric: SymmetricDefinition | undefined;
  readonly scheme: SigningScheme | undefined;
  readonly curve: EccCurve;
  /** Coordinates of the point, big-endian; in a template anything that makes the key a different one. */
  readonly unique: { readonly x: Buffer; readonly y: Buffer };
}

/** Public area of a sealed data object or an HMAC key. */
export interface KeyedHashPublic extends PublicBase {
  readonly type: 'KEYEDHASH';
  readonly scheme: SigningScheme | undefined;
  readonly unique: Buffer;
}

/** TPMT_PUBLIC (TPM 2.0 Part 2 §12.2.4). */
export type TpmtPublic = RsaPublic | EccPublic | KeyedHashPublic;

/** Longest TPM2B_PUBLIC that is accepted, in bytes (own choice; an RSA-3072 key needs 430). */
export const MAX_PUBLIC_BYTES = 1024;

const MAX_RSA_BYTES = 384;

/**
 * Reads a TPMT_PUBLIC.
 *
 * @throws TpmError TPM_RC_TYPE, TPM_RC_HASH, TPM_RC_RESERVED_BITS, TPM_RC_SCHEME, TPM_RC_SYMMETRIC, TPM_RC_SIZE, …
 */
export function readTpmtPublic(reader: TpmReader): TpmtPublic {
  const type = reader.u16();
  if (type !== TPM_ALG.RSA && type !== TPM_ALG.ECC && type !== TPM_ALG.KEYEDHASH) {
    throw new TpmError(TPM_RC.TYPE);
  }
  const nameAlg = readHashAlgorithm(reader);
  const objectAttributes = reader.u32();
  if ((objectAttributes & ~TPMA_OBJECT_MASK) !== 0) throw new TpmError(TPM_RC.RESERVED_BITS);
  const authPolicy = reader.sized(HASH_ALGORITHMS.SHA512.digestBytes);
  if (authPolicy.length !== 0 && authPolicy.length !== digestBytes(nameAlg)) throw new TpmError(TPM_RC.SIZE);
  const base = { nameAlg, objectAttributes, authPolicy };
  if (type === TPM_ALG.RSA) return readRsa(reader, base);
  return type === TPM_ALG.ECC ? readEcc(reader, base) : readKeyedHash(reader, base);
}

function readRsa(reader: TpmReader, base: PublicBase): RsaPublic {
  const symmetric = readSymmetric(reader);
  const scheme = readSigningScheme(reader, ['RSASSA', 'RSAPSS']);
  const keyBits = reader.u16();
  if (keyBits !== 1024 && keyBits !== 2048 && keyBits !== 3072) throw new TpmError(TPM_RC.VALUE);
  const exponent = reader.u32();
  if (exponent !== 0 && exponent !== 65537) throw new TpmError(TPM_RC.RANGE);
  const unique = reader.sized(MAX_RSA_BYTES);
  return { type: 'RSA', ...base, symmetric, scheme, keyBits, exponent, unique };
}

function readEcc(reader: TpmReader, base: PublicBase): EccPublic {
  const symmetric = readSymmetric(reader);
  const scheme = readSigningScheme(reader, ['ECDSA']);
  const curve = readCurve(reader);
  if (reader.u16() !== TPM_ALG.NULL) throw new TpmError(TPM_RC.KDF);
  // A template's may be shorter, or empty. A zero before a coordinate of full length is one byte too many: the reference
  // code reads it where a longer curve has room for it (MAX_ECC_KEY_BYTES), and refuses the key then, as its coordinates
  // must be as long as the curve's (TPM 2.0 Part 4, CryptValidateKeys).
  const longest = ECC_CURVES[curve].coordinateBytes;
  const unique = { x: reader.sized(longest), y: reader.sized(longest) };
  return { type: 'ECC', ...base, symmetric, scheme, curve, unique };
}

function readKeyedHash(reader: TpmReader, base: PublicBase): KeyedHashPublic {
  const scheme = readSigningScheme(reader, ['HMAC']);
  return { type: 'KEYEDHASH', ...base, scheme, unique: reader.sized(HASH_ALGORITHMS.SHA512.digestBytes) };
}

/** Writes a TPMT_PUBLIC. */
export function writeTpmtPublic(writer: TpmWriter, area: TpmtPublic): void {
  writer.u16(TPM_ALG[area.type]);
  writeHashAlgorithm(writer, area.nameAlg);
  writer.u32(area.objectAttributes).sized(area.authPolicy);
  if (area.type !== 'KEYEDHASH') writeSymmetric(writer, area.symmetric);
  writeSigningScheme(writer, area.scheme);
  if (area.type === 'RSA') writer.u16(area.keyBits).u32(area.exponent).sized(area.unique);
  else if (area.type === 'KEYEDHASH') writer.sized(area.unique);
  else {
    writeCurve(writer, area.curve);
    writer.u16(TPM_ALG.NULL).sized(area.unique.x).sized(area.unique.y);
  }
}

/** The bytes of a TPMT_PUBLIC. */
export function encodeTpmtPublic(area: TpmtPublic): Buffer {
  return encodeWhole((writer) => {
    writeTpmtPublic(writer, area);
  });
}

/** Reads a TPMT_PUBLIC that fills `bytes`. @throws TpmError */
export function decodeTpmtPublic(bytes: Buffer): TpmtPublic {
  return decodeWhole('TPMT_PUBLIC', bytes, readTpmtPublic);
}

/** Reads a TPM2B_PUBLIC from a stream. @throws TpmError */
export function readTpm2bPublic(reader: TpmReader): TpmtPublic {
  return reader.sizedStructure(MAX_PUBLIC_BYTES, readTpmtPublic);
}

/** The bytes of a TPM2B_PUBLIC, as `tpm2_readpublic -o` writes them. */
export function encodeTpm2bPublic(area: TpmtPublic): Buffer {
  return encodeWhole((writer) => {
    writer.sizedStructure((inner) => {
      writeTpmtPublic(inner, area);
    });
  });
}

/** Reads a TPM2B_PUBLIC that fills `bytes`. @throws TpmError */
export function decodeTpm2bPublic(bytes: Buffer): TpmtPublic {
  return decodeWhole('TPM2B_PUBLIC', bytes, readTpm2bPublic);
}

/** Name of an object: its nameAlg and the digest of its public area (TPM 2.0 Part 1 §16). */
export function objectName(area: TpmtPublic): Buffer {
  const row = HASH_ALGORITHMS[area.nameAlg];
  const name = Buffer.allocUnsafe(2 + row.digestBytes);
  name.writeUInt16BE(row.id, 0);
  digestOf(area.nameAlg, encodeTpmtPublic(area)).copy(name, 2);
  return name;
}

const PUBLIC_KEYS = new WeakMap<TpmtPublic, KeyObject>();

/**
 * The public key as node:crypto wants it; imported once for each public area object, which must not be changed.
 *
 * @throws TpmError TPM_RC_TYPE for a keyed hash object, TPM_RC_ECC_POINT or TPM_RC_KEY if it is no key
 */
export function publicKeyOf(area: TpmtPublic): KeyObject {
  if (area.type === 'KEYEDHASH') throw new TpmError(TPM_RC.TYPE, 'TPMT_PUBLIC');
  const known = PUBLIC_KEYS.get(area);
  if (known !== undefined) return known;
  try {
    const key = createPublicKey({ format: 'jwk', key: publicJwkOf(area) });
    PUBLIC_KEYS.set(area, key);
    return key;
  } catch (error) {
    throw new TpmError(area.type === 'ECC' ? TPM_RC.ECC_POINT : TPM_RC.KEY, 'TPMT_PUBLIC', { cause: error });
  }
}

/** The public key as a JSON Web Key (RFC 7517). */
export function publicJwkOf(area: RsaPublic | EccPublic): {
  kty: string;
  n?: string;
  e?: string;
  crv?: string;
  x?: string;
  y?: string;
} {
  if (area.type === 'RSA') return { kty: 'RSA', n: area.unique.toString('base64url'), e: 'AQAB' };
  const { jwkName, coordinateBytes } = ECC_CURVES[area.curve];
  return {
    kty: 'EC',
    crv: jwkName,
    x: leftPadded(area.unique.x, coordinateBytes).toString('base64url'),
    y: leftPadded(area.unique.y, coordinateBytes).toString('base64url'),
  };
}

/** `value` with zero bytes before it until it has `length` bytes; returned as it is if it is long enough. */
export function leftPadded(value: Buffer, length: number): Buffer {
  if (value.length >= length) return value;
  const padded = Buffer.alloc(length);
  value.copy(padded, length - value.length);
  return padded;
}
