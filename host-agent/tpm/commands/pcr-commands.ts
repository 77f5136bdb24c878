import {
  MAX_DIGESTS,
  PCR_COUNT,
  TPM_RC,
  TPM_RH,
  TpmError,
  handleRc,
  measure,
  readDigestValues,
  readPcrSelections,
  writeDigestValues,
  writeDigests,
  writePcrSelections,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import type { TpmDevice } from '../device.js';

const MOST_EVENT_BYTES = 1024;
/** PCRs that commands at locality 0 to 4 may extend and reset (PC Client Platform TPM Profile §4.6). */
const RESETTABLE_PCRS: readonly number[] = [16, 23];
const DRTM_PCRS: readonly number[] = [17, 18, 19, 20, 21, 22];

/** TPM2_PCR_Read (TPM 2.0 Part 3 §22.4): at most eight values at a time; the selection says which. */
export const pcrRead: CommandHandler = (device, call) => {
  const requested = device.availablePcrs(call.parameter(readPcrSelections));
  call.end();
  let room = MAX_DIGESTS;
  const selections = requested.map(({ hashAlg, pcrs }) => {
    const read = pcrs.slice(0, room);
    room -= read.length;
    return { hashAlg, pcrs: read };
  });
  return {
    parameters: (writer) => {
      writer.u32(device.pcrUpdateCounter);
      writePcrSelections(writer, selections);
      writeDigests(writer, device.selectedPcrValues(selections));
    },
  };
};

/** TPM2_PCR_Extend (TPM 2.0 Part 3 §22.2). */
export const pcrExtend: CommandHandler = (device, call) => {
  const digests = call.parameter(readDigestValues);
  call.end();
  const pcr = extendablePcr(device, call.handle(1));
  if (pcr !== undefined) device.extendPcr(pcr, digests);
  return {};
};

/** TPM2_PCR_Event (TPM 2.0 Part 3 §22.3): the TPM hashes the data itself, for all its banks. */
export const pcrEvent: CommandHandler = (device, call) => {
  const data = call.parameter((reader) => reader.sized(MOST_EVENT_BYTES));
  call.end();
  const pcr = extendablePcr(device, call.handle(1));
  const digests = measure(device.permanent.banks, data);
  if (pcr !== undefined) device.extendPcr(pcr, digests);
  return {
    parameters: (writer) => {
      writeDigestValues(writer, digests);
    },
  };
};

/** TPM2_PCR_Reset (TPM 2.0 Part 3 §22.8): the debug PCR and the application PCR. */
export const pcrReset: CommandHandler = (device, call) => {
  call.end();
  const pcr = extendablePcr(device, call.handle(1));
  if (pcr === undefined || !RESETTABLE_PCRS.includes(pcr)) throw new TpmError(TPM_RC.LOCALITY);
  device.resetPcr(pcr);
  return {};
};

/** The PCR of a handle; undefined for TPM_RH_NULL. @throws TpmError TPM_RC_VALUE (handle 1), TPM_RC_LOCALITY */
function extendablePcr(device: TpmDevice, handle: number): number | undefined {
  if (handle === TPM_RH.NULL) return undefined;
  if (handle >= PCR_COUNT) throw new TpmError(handleRc(TPM_RC.VALUE, 1));
  if (DRTM_PCRS.includes(handle) && device.locality < 2) throw new TpmError(TPM_RC.LOCALITY);
  return handle;
}
