import {
  ECC_CURVES,
  PCR_COUNT,
  TPM_ALG,
  TPM_CAP,
  TPM_CC,
  TPM_HT,
  TPM_RC,
  TpmError,
  parameterRc,
  writePcrSelections,
} from '../../../wire/tpm2/index.js';
import type { CommandName, CommandRow, TpmAlgorithm, TpmWriter } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import type { TpmDevice } from '../device.js';
import { tpmProperties } from '../properties.js';

/** Most entries of one answer, so that it fits a response frame. */
const MOST_ENTRIES = 128;

/** One entry of a capability: its number, by which it is asked for, and how it is written. */
interface Entry {
  readonly number: number;
  readonly write: (writer: TpmWriter) => void;
}

/** TPMA_ALGORITHM bits (TPM 2.0 Part 2 §8.2) of what is offered. */
const ALGORITHM_ATTRIBUTES: Readonly<Partial<Record<TpmAlgorithm, number>>> = {
  RSA: 0x0009,
  SHA1: 0x0004,
  HMAC: 0x0104,
  AES: 0x0002,
  KEYEDHASH: 0x0308,
  SHA256: 0x0004,
  SHA384: 0x0004,
  SHA512: 0x0004,
  RSASSA: 0x0101,
  RSAPSS: 0x0101,
  OAEP: 0x0201,
  ECDSA: 0x0101,
  ECDH: 0x0401,
  KDF1_SP800_56A: 0x0404,
  KDF1_SP800_108: 0x0404,
  ECC: 0x0009,
  CFB: 0x0202,
};

/** How many handles a command has, in TPMA_CC (TPM 2.0 Part 2 §8.9). */
function commandAttributes(name: CommandName): number {
  const row: CommandRow = TPM_CC[name];
  return (row.code | (row.handles.length << 25) | (row.responseHandle === true ? 1 << 28 : 0)) >>> 0;
}

/** What each capability lists, in ascending order (TPM 2.0 Part 3 §30.2). */
const CAPABILITIES: Readonly<Record<number, (device: TpmDevice, property: number) => Entry[]>> = {
  [TPM_CAP.ALGS]: () =>
    (Object.keys(ALGORITHM_ATTRIBUTES) as TpmAlgorithm[]).map((name) => ({
      number: TPM_ALG[name],
      write: (writer) => writer.u16(TPM_ALG[name]).u32(ALGORITHM_ATTRIBUTES[name] ?? 0),
    })),
  [TPM_CAP.HANDLES]: (device, property) =>
    handlesOf(device, property >>> 24).map((handle) => ({
      number: handle,
      write: (writer) => writer.u32(handle),
    })),
  [TPM_CAP.COMMANDS]: () =>
    (Object.keys(TPM_CC) as CommandName[]).map((name) => ({
      number: TPM_CC[name].code,
      write: (writer) => writer.u32(commandAttributes(name)),
    })),
  [TPM_CAP.TPM_PROPERTIES]: (device) =>
    [...tpmProperties(device)].map(([number, value]) => ({
      number,
      write: (writer) => writer.u32(number).u32(value),
    })),
  [TPM_CAP.ECC_CURVES]: () =>
    Object.values(ECC_CURVES).map(({ id }) => ({ number: id, write: (writer) => writer.u16(id) })),
};

function handlesOf(device: TpmDevice, type: number): number[] {
  switch (type) {
    case TPM_HT.PCR:
      return Array.from({ length: PCR_COUNT }, (_, pcr) => pcr);
    case TPM_HT.NV_INDEX:
      return [...device.permanent.nv.keys()];
    case TPM_HT.HMAC_SESSION:
      return [...device.sessions.keys()];
    case TPM_HT.POLICY_SESSION:
      return [...device.savedSessions.keys()];
    case TPM_HT.TRANSIENT:
      return [...device.transient.keys()];
    case TPM_HT.PERSISTENT:
      return [...device.permanent.persistent.keys()];
    default:
      return [];
  }
}

/** TPM2_GetCapability (TPM 2.0 Part 3 §30.2). */
export const getCapability: CommandHandler = (device, call) => {
  const capability = call.parameter((reader) => reader.u32());
  const property = call.parameter((reader) => reader.u32());
  const propertyCount = call.parameter((reader) => reader.u32());
  call.end();
  if (capability === TPM_CAP.PCRS) {
    const all = Array.from({ length: PCR_COUNT }, (_, pcr) => pcr);
    return {
      parameters: (writer) => {
        writer.u8(0).u32(capability);
        writePcrSelections(
          writer,
          device.permanent.banks.map((hashAlg) => ({ hashAlg, pcrs: all })),
        );
      },
    };
  }
  const list = CAPABILITIES[capability];
  if (list === undefined) throw new TpmError(parameterRc(TPM_RC.VALUE, 1));
  const entries = list(device, property)
    .filter(({ number }) => number >= property)
    .sort((left, right) => left.number - right.number);
  const answered = entries.slice(0, Math.min(propertyCount, MOST_ENTRIES));
  return {
    parameters: (writer) => {
      writer
        .u8(answered.length < entries.length ? 1 : 0)
        .u32(capability)
        .u32(answered.length);
      for (const entry of answered) entry.write(writer);
    },
  };
};
