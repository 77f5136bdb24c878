import { HASH_ALGORITHMS, digestOf } from './algorithms.js';
import type { HashAlgorithm } from './algorithms.js';
import { readHashAlgorithm, writeHashAlgorithm } from './algorithm-codec.js';
import type { TpmReader } from './reader.js';
import { encodeWhole } from './writer.js';
import type { TpmWriter } from './writer.js';

/** TPMS_NV_PUBLIC (TPM 2.0 Part 2 §13.5). */
export interface NvPublic {
  readonly nvIndex: number;
  readonly nameAlg: HashAlgorithm;
  /** TPMA_NV bits */
  readonly attributes: number;
  readonly authPolicy: Buffer;
  readonly dataBytes: number;
}

/** Reads a TPM2B_NV_PUBLIC. @throws TpmError */
export function readNvPublic(reader: TpmReader): NvPublic {
  return reader.sizedStructure(128, (inner) => ({
    nvIndex: inner.u32(),
    nameAlg: readHashAlgorithm(inner),
    attributes: inner.u32(),
    authPolicy: inner.sized(HASH_ALGORITHMS.SHA512.digestBytes),
    dataBytes: inner.u16(),
  }));
}

function writeFields(writer: TpmWriter, value: NvPublic): void {
  writer.u32(value.nvIndex);
  writeHashAlgorithm(writer, value.nameAlg);
  writer.u32(value.attributes).sized(value.authPolicy).u16(value.dataBytes);
}

/** Writes a TPM2B_NV_PUBLIC. */
export function writeNvPublic(writer: TpmWriter, value: NvPublic): void {
  writer.sizedStructure((inner) => {
    writeFields(inner, value);
  });
}

/** Name of an NV index: its nameAlg and the digest of its public area (TPM 2.0 Part 1 §16). */
export function nvName(value: NvPublic): Buffer {
  const { id } = HASH_ALGORITHMS[value.nameAlg];
  const fields = encodeWhole((writer) => {
    writeFields(writer, value);
  });
  return encodeWhole((writer) => writer.u16(id).bytes(digestOf(value.nameAlg, fields)));
}
