import { hash } from 'node:crypto';

/** What is known about one hash algorithm: its TPM_ALG_ID, its name in node:crypto and its digest length. */
export interface HashRow {
  readonly id: number;
  readonly nodeName: string;
  readonly digestBytes: number;
}

/** Hash algorithms by TPM name (TCG Algorithm Registry §6.10; TPM 2.0 Part 2 §6.3). */
export const HASH_ALGORITHMS = {
  SHA1: { id: 0x0004, nodeName: 'sha1', digestBytes: 20 },
  SHA256: { id: 0x000b, nodeName: 'sha256', digestBytes: 32 },
  SHA384: { id: 0x000c, nodeName: 'sha384', digestBytes: 48 },
  SHA512: { id: 0x000d, nodeName: 'sha512', digestBytes: 64 },
} as const satisfies Record<string, HashRow>;

/** Name of a hash algorithm, for example `SHA256`. */
export type HashAlgorithm = keyof typeof HASH_ALGORITHMS;

/** TPM_ALG_ID of every algorithm that is spoken of (TPM 2.0 Part 2 §6.3). */
export const TPM_ALG = {
  RSA: 0x0001,
  SHA1: HASH_ALGORITHMS.SHA1.id,
  HMAC: 0x0005,
  AES: 0x0006,
  MGF1: 0x0007,
  KEYEDHASH: 0x0008,
  XOR: 0x000a,
  SHA256: HASH_ALGORITHMS.SHA256.id,
  SHA384: HASH_ALGORITHMS.SHA384.id,
  SHA512: HASH_ALGORITHMS.SHA512.id,
  NULL: 0x0010,
  RSASSA: 0x0014,
  RSAES: 0x0015,
  RSAPSS: 0x0016,
  OAEP: 0x0017,
  ECDSA: 0x0018,
  ECDH: 0x0019,
  KDF1_SP800_56A: 0x0020,
  KDF2: 0x0021,
  KDF1_SP800_108: 0x0022,
  ECC: 0x0023,
  SYMCIPHER: 0x0025,
  CFB: 0x0043,
} as const satisfies Record<string, number>;

/** Name of an algorithm in `TPM_ALG`. */
export type TpmAlgorithm = keyof typeof TPM_ALG;

/** What is known about one elliptic curve: its TPM_ECC_CURVE, its names elsewhere and the length of a coordinate. */
export interface CurveRow {
  readonly id: number;
  readonly nodeName: string;
  readonly jwkName: string;
  readonly coordinateBytes: number;
  /** Order of the base point, hexadecimal (FIPS 186-4 D.1.2). */
  readonly orderHex: string;
  /** Prime of the field, hexadecimal (FIPS 186-4 D.1.2). */
  readonly primeHex: string;
}

/** Elliptic curves (TPM 2.0 Part 2 §6.4). */
export const ECC_CURVES = {
  NIST_P256: {
    id: 0x0003,
    nodeName: 'prime256v1',
    jwkName: 'P-256',
    coordinateBytes: 32,
    orderHex: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
    primeHex: 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
  },
  NIST_P384: {
    id: 0x0004,
    nodeName: 'secp384r1',
    jwkName: 'P-384',
    coordinateBytes: 48,
    orderHex:
      'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
    primeHex:
      'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff',
  },
} as const satisfies Record<string, CurveRow>;

/** Name of an elliptic curve, for example `NIST_P256`. */
export type EccCurve = keyof typeof ECC_CURVES;

const HASH_BY_ID = new Map<number, HashAlgorithm>(
  (Object.keys(HASH_ALGORITHMS) as HashAlgorithm[]).map((name) => [HASH_ALGORITHMS[name].id, name]),
);
const ALGORITHM_BY_ID = new Map<number, TpmAlgorithm>(
  (Object.keys(TPM_ALG) as TpmAlgorithm[]).map((name) => [TPM_ALG[name], name]),
);
const CURVE_BY_ID = new Map<number, EccCurve>(
  (Object.keys(ECC_CURVES) as EccCurve[]).map((name) => [ECC_CURVES[name].id, name]),
);

/** The hash algorithm with this TPM_ALG_ID, or undefined if it is none that is supported. */
export function hashAlgorithmOf(id: number): HashAlgorithm | undefined {
  return HASH_BY_ID.get(id);
}

/** The name of a TPM_ALG_ID, or undefined if it is none that is supported. */
export function algorithmOf(id: number): TpmAlgorithm | undefined {
  return ALGORITHM_BY_ID.get(id);
}

/** The curve with this TPM_ECC_CURVE, or undefined if it is none that is supported. */
export function curveOf(id: number): EccCurve | undefined {
  return CURVE_BY_ID.get(id);
}

/** Length of a digest of this algorithm, in bytes. */
export function digestBytes(hashAlg: HashAlgorithm): number {
  return HASH_ALGORITHMS[hashAlg].digestBytes;
}

/** The digest of short byte strings, one after another: for so few bytes an object that hashes costs more than hashing. */
export function digestOf(hashAlg: HashAlgorithm, ...parts: readonly Uint8Array[]): Buffer {
  const [first] = parts;
  const bytes = first !== undefined && parts.length === 1 ? first : Buffer.concat(parts);
  return hash(HASH_ALGORITHMS[hashAlg].nodeName, bytes, 'buffer');
}
