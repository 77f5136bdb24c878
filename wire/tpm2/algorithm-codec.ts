import { ECC_CURVES, HASH_ALGORITHMS, TPM_ALG, curveOf, hashAlgorithmOf } from './algorithms.js';
import type { EccCurve, HashAlgorithm } from './algorithms.js';
import { TpmError } from './errors.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import type { TpmWriter } from './writer.js';

/** TPMI_ALG_HASH (TPM 2.0 Part 2 §9.27). @throws TpmError TPM_RC_HASH */
export function readHashAlgorithm(reader: TpmReader): HashAlgorithm {
  const hashAlg = hashAlgorithmOf(reader.u16());
  if (hashAlg === undefined) throw new TpmError(TPM_RC.HASH);
  return hashAlg;
}

/** TPMI_ALG_HASH+: a hash algorithm, or undefined for TPM_ALG_NULL. @throws TpmError TPM_RC_HASH */
export function readHashAlgorithmOrNull(reader: TpmReader): HashAlgorithm | undefined {
  const id = reader.u16();
  if (id === TPM_ALG.NULL) return undefined;
  const hashAlg = hashAlgorithmOf(id);
  if (hashAlg === undefined) throw new TpmError(TPM_RC.HASH);
  return hashAlg;
}

/** Writes a TPMI_ALG_HASH+. */
export function writeHashAlgorithm(writer: TpmWriter, hashAlg: HashAlgorithm | undefined): void {
  writer.u16(hashAlg === undefined ? TPM_ALG.NULL : HASH_ALGORITHMS[hashAlg].id);
}

/** TPMI_ECC_CURVE (TPM 2.0 Part 2 §11.2.5.5). @throws TpmError TPM_RC_CURVE */
export function readCurve(reader: TpmReader): EccCurve {
  const curve = curveOf(reader.u16());
  if (curve === undefined) throw new TpmError(TPM_RC.CURVE);
  return curve;
}

/** Writes a TPMI_ECC_CURVE. */
export function writeCurve(writer: TpmWriter, curve: EccCurve): void {
  writer.u16(ECC_CURVES[curve].id);
}

/** A symmetric definition: AES in CFB mode (TPM 2.0 Part 2 §11.1.6 and §11.1.7). */
export interface SymmetricDefinition {
  readonly algorithm: 'AES';
  readonly keyBits: 128 | 256;
  readonly mode: 'CFB';
}

/**
 * TPMT_SYM_DEF(_OBJECT)+: AES-CFB, or undefined for TPM_ALG_NULL.
 *
 * @throws TpmError TPM_RC_SYMMETRIC, TPM_RC_VALUE (key size), TPM_RC_MODE
 */
export function readSymmetric(reader: TpmReader): SymmetricDefinition | undefined {
  const algorithm = reader.u16();
  if (algorithm === TPM_ALG.NULL) return undefined;
  if (algorithm !== TPM_ALG.AES) throw new TpmError(TPM_RC.SYMMETRIC);
  const keyBits = reader.u16();
  if (keyBits !== 128 && keyBits !== 256) throw new TpmError(TPM_RC.VALUE);
  if (reader.u16() !== TPM_ALG.CFB) throw new TpmError(TPM_RC.MODE);
  return { algorithm: 'AES', keyBits, mode: 'CFB' };
}

/** Writes a TPMT_SYM_DEF(_OBJECT)+. */
export function writeSymmetric(writer: TpmWriter, symmetric: SymmetricDefinition | undefined): void {
  if (symmetric === undefined) writer.u16(TPM_ALG.NULL);
  else writer.u16(TPM_ALG.AES).u16(symmetric.keyBits).u16(TPM_ALG.CFB);
}

/** Signing schemes with a hash (TPM 2.0 Part 2 §11.2.1). */
export const SIGNING_SCHEMES = ['RSASSA', 'RSAPSS', 'ECDSA', 'HMAC'] as const;

/** Name of a signing scheme. */
export type SigningSchemeName = (typeof SIGNING_SCHEMES)[number];

/** A signing scheme and its hash. */
export interface SigningScheme {
  readonly scheme: SigningSchemeName;
  readonly hashAlg: HashAlgorithm;
}

const SCHEME_BY_ID = new Map<number, SigningSchemeName>(SIGNING_SCHEMES.map((name) => [TPM_ALG[name], name]));

/**
 * TPMT_SIG_SCHEME+: a signing scheme, or undefined for TPM_ALG_NULL (TPM 2.0 Part 2 §11.2.1.5).
 *
 * @param allowed the schemes that this kind of key can have
 * @throws TpmError TPM_RC_SCHEME, TPM_RC_HASH
 */
export function readSigningScheme(
  reader: TpmReader,
  allowed: readonly SigningSchemeName[] = SIGNING_SCHEMES,
): SigningScheme | undefined {
  const id = reader.u16();
  if (id === TPM_ALG.NULL) return undefined;
  const scheme = SCHEME_BY_ID.get(id);
  if (scheme === undefined || !allowed.includes(scheme)) throw new TpmError(TPM_RC.SCHEME);
  return { scheme, hashAlg: readHashAlgorithm(reader) };
}

/** Writes a TPMT_SIG_SCHEME+. */
export function writeSigningScheme(writer: TpmWriter, scheme: SigningScheme | undefined): void {
  if (scheme === undefined) writer.u16(TPM_ALG.NULL);
  else writer.u16(TPM_ALG[scheme.scheme]).u16(HASH_ALGORITHMS[scheme.hashAlg].id);
}
