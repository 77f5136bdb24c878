import {
  MAX_DATA_BYTES,
  digestOf,
  readPcrSelections,
  readSigningScheme,
  writeTpmtSignature,
} from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { attestAndSign, chosenScheme, signingKey } from '../attestation.js';
import { inParameter } from '../command-call.js';

/** TPM2_Quote (TPM 2.0 Part 3 §18.4): signs the digest of PCR values, with the caller's nonce. */
export const quote: CommandHandler = (device, call) => {
  const key = signingKey(device, call.handle(1), 1);
  const qualifyingData = call.parameter((reader) => reader.sized(MAX_DATA_BYTES));
  const inScheme = call.parameter((reader) => readSigningScheme(reader));
  const selections = device.availablePcrs(call.parameter(readPcrSelections));
  call.end();
  const scheme = inParameter(2, () => chosenScheme(key, inScheme));
  const { attest, signature } = attestAndSign(device, key, scheme, qualifyingData, {
    type: 'QUOTE',
    selections,
    pcrDigest: digestOf(scheme.hashAlg, ...device.selectedPcrValues(selections)),
  });
  return {
    parameters: (writer) => {
      writer.sized(attest);
      writeTpmtSignature(writer, signature);
    },
  };
};
