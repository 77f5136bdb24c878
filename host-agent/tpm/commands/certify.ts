import { MAX_DATA_BYTES, readSigningScheme, writeTpmtSignature } from '../../../wire/tpm2/index.js';
import type { CommandHandler } from '../command-call.js';
import { attestAndSign, chosenScheme, signingKey } from '../attestation.js';
import { inParameter } from '../command-call.js';

/** TPM2_Certify (TPM 2.0 Part 3 §18.2): says that an object is loaded in this TPM. */
export const certify: CommandHandler = (device, call) => {
  const object = device.object(call.handle(1), 1);
  const key = signingKey(device, call.handle(2), 2);
  const qualifyingData = call.parameter((reader) => reader.sized(MAX_DATA_BYTES));
  const inScheme = call.parameter((reader) => readSigningScheme(reader));
  call.end();
  const scheme = inParameter(2, () => chosenScheme(key, inScheme));
  const { attest, signature } = attestAndSign(device, key, scheme, qualifyingData, {
    type: 'CERTIFY',
    name: object.name,
    qualifiedName: object.qualifiedName,
  });
  return {
    parameters: (writer) => {
      writer.sized(attest);
      writeTpmtSignature(writer, signature);
    },
  };
};
