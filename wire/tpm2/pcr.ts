import { HASH_ALGORITHMS, digestOf } from './algorithms.js';
import type { HashAlgorithm } from './algorithms.js';
import { readHashAlgorithm, writeHashAlgorithm } from './algorithm-codec.js';
import { PCR_COUNT } from './constants.js';
import { TpmError } from './errors.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import type { TpmWriter } from './writer.js';

/** TPMS_PCR_SELECTION: PCRs of one bank (TPM 2.0 Part 2 §10.6.2). */
export interface PcrSelection {
  readonly hashAlg: HashAlgorithm;
  /** PCR numbers 0 to 23, ascending, none twice. */
  readonly pcrs: readonly number[];
}

/** Values of PCRs: by bank, then by PCR number. */
export type PcrValues = ReadonlyMap<HashAlgorithm, ReadonlyMap<number, Buffer>>;

/** Most banks in one selection (own choice; as HASH_COUNT of libtpms with room to spare). */
const MAX_SELECTIONS = 16;
const SELECT_BYTES = PCR_COUNT / 8;

/** Reads a TPML_PCR_SELECTION. @throws TpmError TPM_RC_SIZE, TPM_RC_HASH, TPM_RC_VALUE */
export function readPcrSelections(reader: TpmReader): PcrSelection[] {
  const count = reader.u32();
  if (count > MAX_SELECTIONS) throw new TpmError(TPM_RC.SIZE);
  return Array.from({ length: count }, () => {
    const hashAlg = readHashAlgorithm(reader);
    if (reader.u8() !== SELECT_BYTES) throw new TpmError(TPM_RC.VALUE);
    const bits = reader.bytes(SELECT_BYTES).readUIntLE(0, SELECT_BYTES);
    const pcrs: number[] = [];
    for (let pcr = 0; pcr < PCR_COUNT; pcr += 1) if ((bits & (1 << pcr)) !== 0) pcrs.push(pcr);
    return { hashAlg, pcrs };
  });
}

/** Writes a TPML_PCR_SELECTION. @throws TpmError TPM_RC_VALUE for a PCR above 23 */
export function writePcrSelections(writer: TpmWriter, selections: readonly PcrSelection[]): void {
  writer.u32(selections.length);
  for (const { hashAlg, pcrs } of selections) {
    writeHashAlgorithm(writer, hashAlg);
    let bits = 0;
    for (const pcr of pcrs) {
      if (!Number.isInteger(pcr) || pcr < 0 || pcr >= PCR_COUNT)
        throw new TpmError(TPM_RC.VALUE, `PCR ${pcr}`);
      bits |= 1 << pcr;
    }
    writer.u8(SELECT_BYTES);
    for (let at = 0; at < SELECT_BYTES; at += 1) writer.u8((bits >> (8 * at)) & 0xff);
  }
}

/** True if both select the same PCRs of the same banks in the same order. */
export function samePcrSelections(left: readonly PcrSelection[], right: readonly PcrSelection[]): boolean {
  return (
    left.length === right.length &&
    left.every((selection, index) => {
      const other = right[index];
      return (
        other?.hashAlg === selection.hashAlg &&
        other.pcrs.length === selection.pcrs.length &&
        other.pcrs.every((pcr, at) => pcr === selection.pcrs[at])
      );
    })
  );
}

/**
 * The digest that a quote carries: the hash of all selected PCR values, in order of the selection and then of
 * the PCR number (TPM 2.0 Part 1 §17.5).
 *
 * @param hashAlg hash of the signing scheme of the quote
 * @returns the digest, or undefined if `values` lacks a selected PCR
 */
export function pcrDigest(
  hashAlg: HashAlgorithm,
  selections: readonly PcrSelection[],
  values: PcrValues,
): Buffer | undefined {
  const selected: Buffer[] = [];
  for (const selection of selections) {
    const bank = values.get(selection.hashAlg);
    for (const pcr of selection.pcrs) {
      const value = bank?.get(pcr);
      if (value === undefined) return undefined;
      selected.push(value);
    }
  }
  return digestOf(hashAlg, ...selected);
}

/** The value of a PCR after `digest` was extended into it (TPM 2.0 Part 1 §17.2). */
export function extendedPcr(hashAlg: HashAlgorithm, value: Buffer, digest: Buffer): Buffer {
  return digestOf(hashAlg, value, digest);
}

/** Most digests in a list (TPM 2.0 Part 2 §10.9.6: TPM2_PCR_Read returns at most eight). */
export const MAX_DIGESTS = 8;

/** Reads a TPML_DIGEST. @throws TpmError TPM_RC_SIZE */
export function readDigests(reader: TpmReader): Buffer[] {
  const count = reader.u32();
  if (count > MAX_DIGESTS) throw new TpmError(TPM_RC.SIZE);
  return Array.from({ length: count }, () => reader.sized(HASH_ALGORITHMS.SHA512.digestBytes));
}

/** Writes a TPML_DIGEST. */
export function writeDigests(writer: TpmWriter, digests: readonly Buffer[]): void {
  writer.u32(digests.length);
  for (const digest of digests) writer.sized(digest);
}

/** Digests of one measurement, one for each bank. */
export type DigestValues = ReadonlyMap<HashAlgorithm, Buffer>;

/** Reads a TPML_DIGEST_VALUES (TPM 2.0 Part 2 §10.9.7). @throws TpmError TPM_RC_SIZE, TPM_RC_HASH */
export function readDigestValues(reader: TpmReader): Map<HashAlgorithm, Buffer> {
  const count = reader.u32();
  if (count > MAX_SELECTIONS) throw new TpmError(TPM_RC.SIZE);
  const values = new Map<HashAlgorithm, Buffer>();
  for (let index = 0; index < count; index += 1) {
    const hashAlg = readHashAlgorithm(reader);
    values.set(hashAlg, reader.bytes(HASH_ALGORITHMS[hashAlg].digestBytes));
  }
  return values;
}

/** Writes a TPML_DIGEST_VALUES. */
export function writeDigestValues(writer: TpmWriter, values: DigestValues): void {
  writer.u32(values.size);
  for (const [hashAlg, digest] of values) {
    writeHashAlgorithm(writer, hashAlg);
    writer.bytes(digest);
  }
}

/** Digests of `data` in each of `banks`. */
export function measure(banks: readonly HashAlgorithm[], data: Uint8Array): Map<HashAlgorithm, Buffer> {
  return new Map(banks.map((bank) => [bank, digestOf(bank, data)]));
}
