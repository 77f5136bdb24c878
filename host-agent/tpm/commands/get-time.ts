import {
  MAX_DATA_BYTES,
  TPM_RC,
  TPM_RH,
  TpmError,
  handleRc,
  readSigningScheme,
  writeTpmtSignature,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { attestAndSign, chosenScheme, signingKey } from '../attestation.js';
import { inParameter } from '../command-call.js';

/** TPM2_GetTime (TPM 2.0 Part 3 §18.7): signs time and clock. */
export const getTime: CommandHandler = (device, call) => {
  if (call.handle(1) !== TPM_RH.ENDORSEMENT) throw new TpmError(handleRc(TPM_RC.VALUE, 1));
  const key = signingKey(device, call.handle(2), 2);
  const qualifyingData = call.parameter((reader) => reader.sized(MAX_DATA_BYTES));
  const inScheme = call.parameter((reader) => readSigningScheme(reader));
  call.end();
  const scheme = inParameter(2, () => chosenScheme(key, inScheme));
  const { attest, signature } = attestAndSign(device, key, scheme, qualifyingData, {
    type: 'TIME',
    time: BigInt(device.timeMs),
    clockInfo: device.clockInfo(),
    firmwareVersion: device.permanent.firmwareVersion,
  });
  return {
    parameters: (writer) => {
      writer.sized(attest);
      writeTpmtSignature(writer, signature);
    },
  };
};
