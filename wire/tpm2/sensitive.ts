import { HASH_ALGORITHMS, TPM_ALG } from './algorithms.js';
import type { HashAlgorithm } from './algorithms.js';
import { readHashAlgorithmOrNull, writeHashAlgorithm } from './algorithm-codec.js';
import { MAX_DATA_BYTES, MAX_NAME_BYTES } from './attest.js';
import { TpmError } from './errors.js';
import { readPcrSelections, writePcrSelections } from './pcr.js';
import type { PcrSelection } from './pcr.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import type { TpmWriter } from './writer.js';

const MAX_DIGEST_BYTES = HASH_ALGORITHMS.SHA512.digestBytes;
const MAX_SENSITIVE_BYTES = 512;
const SENSITIVE_TYPES = { RSA: TPM_ALG.RSA, ECC: TPM_ALG.ECC, KEYEDHASH: TPM_ALG.KEYEDHASH } as const;
type SensitiveType = keyof typeof SENSITIVE_TYPES;
const SENSITIVE_BY_ID = new Map<number, SensitiveType>(
  (Object.keys(SENSITIVE_TYPES) as SensitiveType[]).map((name) => [SENSITIVE_TYPES[name], name]),
);

/** TPMT_SENSITIVE: the secret part of an object (TPM 2.0 Part 2 §12.3.2.4). */
export interface TpmtSensitive {
  readonly type: SensitiveType;
  readonly authValue: Buffer;
  /** Of a storage key: from it the protection of its children is derived; of a keyed hash: makes `unique` unguessable. */
  readonly seedValue: Buffer;
  /** A prime factor (RSA), the private scalar (ECC), or the data (KEYEDHASH). */
  readonly sensitive: Buffer;
}

/** TPMS_SENSITIVE_CREATE (TPM 2.0 Part 2 §11.1.15). */
export interface SensitiveCreate {
  readonly userAuth: Buffer;
  readonly data: Buffer;
}

/** TPMS_CREATION_DATA (TPM 2.0 Part 2 §15.1). */
export interface CreationData {
  readonly pcrSelections: readonly PcrSelection[];
  readonly pcrDigest: Buffer;
  /** TPMA_LOCALITY */
  readonly locality: number;
  readonly parentNameAlg: HashAlgorithm | undefined;
  readonly parentName: Buffer;
  readonly parentQualifiedName: Buffer;
  readonly outsideInfo: Buffer;
}

/** A ticket: proof of this TPM to itself (TPM 2.0 Part 2 §10.7). */
export interface Ticket {
  /** TPM_ST */
  readonly tag: number;
  readonly hierarchy: number;
  readonly digest: Buffer;
}

/** Reads a TPMT_SENSITIVE. @throws TpmError */
export function readSensitive(reader: TpmReader): TpmtSensitive {
  const type = SENSITIVE_BY_ID.get(reader.u16());
  if (type === undefined) throw new TpmError(TPM_RC.TYPE);
  return {
    type,
    authValue: reader.sized(MAX_DIGEST_BYTES),
    seedValue: reader.sized(MAX_DIGEST_BYTES),
    sensitive: reader.sized(MAX_SENSITIVE_BYTES),
  };
}

/** Writes a TPMT_SENSITIVE. */
export function writeSensitive(writer: TpmWriter, value: TpmtSensitive): void {
  writer
    .u16(SENSITIVE_TYPES[value.type])
    .sized(value.authValue)
    .sized(value.seedValue)
    .sized(value.sensitive);
}

/** Reads a TPM2B_SENSITIVE_CREATE. @throws TpmError */
export function readSensitiveCreate(reader: TpmReader): SensitiveCreate {
  return reader.sizedStructure(1024, (inner) => ({
    userAuth: inner.sized(MAX_DIGEST_BYTES),
    data: inner.sized(MAX_SENSITIVE_BYTES),
  }));
}

/** Writes a TPM2B_SENSITIVE_CREATE. */
export function writeSensitiveCreate(writer: TpmWriter, value: SensitiveCreate): void {
  writer.sizedStructure((inner) => inner.sized(value.userAuth).sized(value.data));
}

/** Reads a TPMS_CREATION_DATA. @throws TpmError */
export function readCreationData(reader: TpmReader): CreationData {
  return {
    pcrSelections: readPcrSelections(reader),
    pcrDigest: reader.sized(MAX_DIGEST_BYTES),
    locality: reader.u8(),
    parentNameAlg: readHashAlgorithmOrNull(reader),
    parentName: reader.sized(MAX_NAME_BYTES),
    parentQualifiedName: reader.sized(MAX_NAME_BYTES),
    outsideInfo: reader.sized(MAX_DATA_BYTES),
  };
}

/** Writes a TPMS_CREATION_DATA. */
export function writeCreationData(writer: TpmWriter, value: CreationData): void {
  writePcrSelections(writer, value.pcrSelections);
  writer.sized(value.pcrDigest).u8(value.locality);
  writeHashAlgorithm(writer, value.parentNameAlg);
  writer.sized(value.parentName).sized(value.parentQualifiedName).sized(value.outsideInfo);
}

/** Reads a ticket. @throws TpmError */
export function readTicket(reader: TpmReader): Ticket {
  return { tag: reader.u16(), hierarchy: reader.u32(), digest: reader.sized(MAX_DIGEST_BYTES) };
}

/** Writes a ticket. */
export function writeTicket(writer: TpmWriter, ticket: Ticket): void {
  writer.u16(ticket.tag).u32(ticket.hierarchy).sized(ticket.digest);
}
