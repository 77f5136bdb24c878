import { TPM_GENERATED_VALUE, TPM_ST } from './constants.js';
import { TpmError } from './errors.js';
import { readPcrSelections, writePcrSelections } from './pcr.js';
import type { PcrSelection } from './pcr.js';
import { decodeWhole } from './reader.js';
import type { TpmReader } from './reader.js';
import { TPM_RC } from './response-codes.js';
import { encodeWhole } from './writer.js';
import type { TpmWriter } from './writer.js';

/** TPMS_CLOCK_INFO (TPM 2.0 Part 2 §10.11.1). */
export interface ClockInfo {
  /** Milliseconds for which the TPM has been powered over its life. */
  readonly clock: bigint;
  /** Number of TPM resets. */
  readonly resetCount: number;
  /** Number of restarts and resumes since the last reset. */
  readonly restartCount: number;
  /** False if `clock` may have been reported higher before. */
  readonly safe: boolean;
}

/** What an attestation structure attests to, by its kind (TPM 2.0 Part 2 §10.12). */
export type Attested =
  | { readonly type: 'QUOTE'; readonly selections: readonly PcrSelection[]; readonly pcrDigest: Buffer }
  | { readonly type: 'CERTIFY'; readonly name: Buffer; readonly qualifiedName: Buffer }
  | {
      readonly type: 'TIME';
      readonly time: bigint;
      readonly clockInfo: ClockInfo;
      readonly firmwareVersion: bigint;
    }
  | { readonly type: 'CREATION'; readonly objectName: Buffer; readonly creationHash: Buffer }
  | {
      readonly type: 'NV';
      readonly indexName: Buffer;
      readonly offset: number;
      readonly nvContents: Buffer;
    };

/** TPMS_ATTEST (TPM 2.0 Part 2 §10.12.12). */
export interface TpmsAttest {
  /** TPM_GENERATED_VALUE, or the structure did not come from a TPM; kept as found, for the verifier to judge. */
  readonly magic: number;
  /** Qualified name of the signing key. */
  readonly qualifiedSigner: Buffer;
  /** Qualifying data of the caller: the nonce. */
  readonly extraData: Buffer;
  readonly clockInfo: ClockInfo;
  readonly firmwareVersion: bigint;
  readonly attested: Attested;
}

/** Name of a kind of attestation structure. */
export type AttestType = Attested['type'];

const ATTEST_TAGS = {
  QUOTE: TPM_ST.ATTEST_QUOTE,
  CERTIFY: TPM_ST.ATTEST_CERTIFY,
  TIME: TPM_ST.ATTEST_TIME,
  CREATION: TPM_ST.ATTEST_CREATION,
  NV: TPM_ST.ATTEST_NV,
} as const satisfies Record<AttestType, number>;

const TYPE_BY_TAG = new Map<number, AttestType>(
  (Object.keys(ATTEST_TAGS) as AttestType[]).map((name) => [ATTEST_TAGS[name], name]),
);

/** Longest TPM2B_NAME: a 16-bit algorithm and the longest digest. */
export const MAX_NAME_BYTES = 2 + 64;

/** Longest TPM2B_DATA: a TPMT_HA (TPM 2.0 Part 2 §10.4.3). */
export const MAX_DATA_BYTES = 2 + 64;

/** Longest TPMS_ATTEST that is accepted, in bytes (own choice; a quote over three banks has less than 300). */
export const MAX_ATTEST_BYTES = 2048;

const MAX_NV_CONTENTS_BYTES = 1024;

/** Reads a TPMS_CLOCK_INFO. @throws TpmError */
export function readClockInfo(reader: TpmReader): ClockInfo {
  return { clock: reader.u64(), resetCount: reader.u32(), restartCount: reader.u32(), safe: reader.yesNo() };
}

/** Writes a TPMS_CLOCK_INFO. */
export function writeClockInfo(writer: TpmWriter, info: ClockInfo): void {
  writer
    .u64(info.clock)
    .u32(info.resetCount)
    .u32(info.restartCount)
    .u8(info.safe ? 1 : 0);
}

const READERS: { readonly [Type in AttestType]: (reader: TpmReader) => Extract<Attested, { type: Type }> } = {
  QUOTE: (reader) => ({
    type: 'QUOTE',
    selections: readPcrSelections(reader),
    pcrDigest: reader.sized(MAX_DATA_BYTES),
  }),
  CERTIFY: (reader) => ({
    type: 'CERTIFY',
    name: reader.sized(MAX_NAME_BYTES),
    qualifiedName: reader.sized(MAX_NAME_BYTES),
  }),
  TIME: (reader) => ({
    type: 'TIME',
    time: reader.u64(),
    clockInfo: readClockInfo(reader),
    firmwareVersion: reader.u64(),
  }),
  CREATION: (reader) => ({
    type: 'CREATION',
    objectName: reader.sized(MAX_NAME_BYTES),
    creationHash: reader.sized(MAX_DATA_BYTES),
  }),
  NV: (reader) => ({
    type: 'NV',
    indexName: reader.sized(MAX_NAME_BYTES),
    offset: reader.u16(),
    nvContents: reader.sized(MAX_NV_CONTENTS_BYTES),
  }),
};

function writeAttested(writer: TpmWriter, attested: Attested): void {
  switch (attested.type) {
    case 'QUOTE':
      writePcrSelections(writer, attested.selections);
      writer.sized(attested.pcrDigest);
      return;
    case 'CERTIFY':
      writer.sized(attested.name).sized(attested.qualifiedName);
      return;
    case 'TIME':
      writer.u64(attested.time);
      writeClockInfo(writer, attested.clockInfo);
      writer.u64(attested.firmwareVersion);
      return;
    case 'CREATION':
      writer.sized(attested.objectName).sized(attested.creationHash);
      return;
    case 'NV':
      writer.sized(attested.indexName).u16(attested.offset).sized(attested.nvContents);
  }
}

/** Reads a TPMS_ATTEST; its magic is not judged here. @throws TpmError TPM_RC_SELECTOR for an unknown kind, … */
export function readTpmsAttest(reader: TpmReader): TpmsAttest {
  const magic = reader.u32();
  const type = TYPE_BY_TAG.get(reader.u16());
  if (type === undefined) throw new TpmError(TPM_RC.SELECTOR);
  const qualifiedSigner = reader.sized(MAX_NAME_BYTES);
  const extraData = reader.sized(MAX_DATA_BYTES);
  const clockInfo = readClockInfo(reader);
  const firmwareVersion = reader.u64();
  return { magic, qualifiedSigner, extraData, clockInfo, firmwareVersion, attested: READERS[type](reader) };
}

/** Reads a TPMS_ATTEST that fills `bytes`. @throws TpmError */
export function decodeTpmsAttest(bytes: Buffer): TpmsAttest {
  if (bytes.length > MAX_ATTEST_BYTES) throw new TpmError(TPM_RC.SIZE, 'TPMS_ATTEST');
  return decodeWhole('TPMS_ATTEST', bytes, readTpmsAttest);
}

/** The bytes of a TPMS_ATTEST. */
export function encodeTpmsAttest(attest: TpmsAttest): Buffer {
  return encodeWhole((writer) => {
    writer
      .u32(attest.magic)
      .u16(ATTEST_TAGS[attest.attested.type])
      .sized(attest.qualifiedSigner)
      .sized(attest.extraData);
    writeClockInfo(writer, attest.clockInfo);
    writer.u64(attest.firmwareVersion);
    writeAttested(writer, attest.attested);
  });
}

/** True if the structure says that a TPM made it. */
export function isTpmGenerated(attest: TpmsAttest): boolean {
  return attest.magic === TPM_GENERATED_VALUE;
}
